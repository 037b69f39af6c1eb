#include "hostbackend/linux/vfio_devices.hpp"

#include <algorithm>
#include <utility>

#include "hostbackend/linux/pci_function_files.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;
using model::host_operations::device_evidence;

namespace {

std::string list_text(const std::vector<std::string>& methods) {
  std::string text;
  for (const auto& one : methods)
    text += (text.empty() ? "" : ", ") + one;
  return text.empty() ? "none" : text;
}

} // namespace

result<std::unique_ptr<vfio_devices>> vfio_devices::open(vfio_options options, device_tools tools) {
  if (auto good = check_reset_rules(options.reset_order); !good)
    return tl::unexpected<model::failure>{std::move(good.error())};
  auto memory = device_memory::open(options.state_file);
  if (!memory)
    return tl::unexpected<model::failure>{std::move(memory.error())};
  return std::unique_ptr<vfio_devices>{
      new vfio_devices{std::move(options), std::move(tools), std::move(*memory)}};
}

vfio_devices::vfio_devices(vfio_options options, device_tools tools,
                           std::unique_ptr<device_memory> memory)
    : options_{std::move(options)}, tools_{std::move(tools)}, memory_{std::move(memory)} {}

// --- The inventory -------------------------------------------------------------------------------

result<std::vector<model::device_info>>
vfio_devices::update(std::vector<model::device_info> found,
                     const std::set<model::pci_address>& away) {
  std::erase_if(found, [&away](const auto& one) { return away.contains(one.address); });
  if (auto kept = baselines_for(found); !kept)
    return tl::unexpected<model::failure>{std::move(kept.error())};
  std::map<model::device_id, managed_ptr> next;
  const std::scoped_lock hold{guard_};
  note_offered(found);
  for (auto& one : found) {
    const auto known = devices_.find(one.id);
    auto device = known != devices_.end() ? known->second : std::make_shared<managed>();
    one = as_reported(std::move(one));
    device->info = one;
    next.emplace(one.id, std::move(device));
  }
  for (const auto& [id, device] : devices_)
    if (away.contains(device->info.address)) {
      found.push_back(device->info);
      next.emplace(id, device);
    }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  devices_ = std::move(next);
  return found;
}

result<void> vfio_devices::baselines_for(const std::vector<model::device_info>& found) {
  std::map<model::pci_address, device_baseline> fresh;
  for (const auto& one : found)
    if (const auto kept = memory_->baseline(one.address);
        !kept || kept->id != one.vendor_device || kept->class_code != one.class_code)
      fresh.emplace(one.address, baseline_of(one));
  return memory_->keep_baselines(fresh);
}

/// The caller holds guard_.
void vfio_devices::note_offered(const std::vector<model::device_info>& found) {
  if (!unoffered_) {
    unoffered_.emplace();
    for (const auto& [address, one] : memory_->all().functions)
      unoffered_->insert(address);
  }
  for (const auto& device : found)
    if (!device.boot_vga || options_.use_boot_vga)
      for (const auto& one : functions_of(device))
        unoffered_->erase(one.address);
}

bool vfio_devices::has_unoffered() const {
  const std::scoped_lock hold{guard_};
  return unoffered_ && !unoffered_->empty();
}

std::vector<std::string> vfio_devices::give_back_unoffered(const function_users& users) {
  auto taken = memory_->all();
  {
    const std::scoped_lock hold{guard_};
    std::erase_if(taken.functions, [this](const auto& one) {
      return !unoffered_ || !unoffered_->contains(one.first);
    });
  }
  std::vector<std::string> lines;
  for (const auto& device : taken_devices(taken)) {
    const auto name = "device " + to_string(device.front().address) + ", which is not offered, ";
    const auto back = give_back(tools_, *memory_, device, users);
    const bool gone = !back && back.error().code == errc::device_lost;
    if (back)
      lines.push_back(name + "was given back: " + *back);
    else if (!gone)
      lines.push_back(name + "was not given back yet: " + back.error().message);
    if (!back && !gone)
      continue;
    const std::scoped_lock hold{guard_};
    for (const auto& one : device)
      unoffered_->erase(one.address);
  }
  return lines;
}

model::device_info vfio_devices::as_reported(model::device_info found) const {
  if (const auto kept = memory_->function(found.address);
      kept && kept->id == found.vendor_device &&
      is_narrowed(found.reset_methods, kept->reset_methods))
    found.reset_methods = kept->reset_methods;
  found.reset_methods =
      offered_resets(tools_.sysfs, found, found.reset_methods, options_.reset_order);
  if (const auto baseline = memory_->baseline(found.address)) {
    found.link = baseline->link;
    found.bar_sizes = baseline->bar_sizes;
  }
  return found;
}

result<vfio_devices::managed_ptr> vfio_devices::find(const model::device_id& device) const {
  const std::scoped_lock hold{guard_};
  const auto found = devices_.find(device);
  if (found == devices_.end())
    return fail(errc::not_found, "no device " + to_string(device) + " on this host");
  return found->second;
}

result<model::device_info> vfio_devices::usable(const managed& device) const {
  const std::scoped_lock hold{guard_};
  if (!device.info.unusable_reason.empty())
    return fail(errc::group_not_viable,
                to_string(device.info.address) + " cannot be used: " + device.info.unusable_reason);
  return device.info;
}

// --- Operations ----------------------------------------------------------------------------------

result<void> vfio_devices::bind(const model::device_id& device) {
  const auto found = find(device);
  if (!found)
    return tl::unexpected<model::failure>{found.error()};
  const std::scoped_lock alone{(*found)->operation};
  const auto info = usable(**found);
  if (!info)
    return tl::unexpected<model::failure>{info.error()};
  return vfio_unit{tools_, *memory_, *info}.bind();
}

result<void> vfio_devices::unbind(const model::device_id& device) {
  const auto found = find(device);
  if (!found)
    return tl::unexpected<model::failure>{found.error()};
  const std::scoped_lock alone{(*found)->operation};
  model::device_info info;
  {
    const std::scoped_lock hold{guard_};
    (*found)->last_reset.clear();
    info = (*found)->info;
  }
  return vfio_unit{tools_, *memory_, info}.unbind();
}

result<void> vfio_devices::reset(const model::device_id& device, const std::string& method) {
  const auto found = find(device);
  if (!found)
    return tl::unexpected<model::failure>{found.error()};
  const std::scoped_lock alone{(*found)->operation};
  const auto info = usable(**found);
  if (!info)
    return tl::unexpected<model::failure>{info.error()};
  const auto& offered = info->reset_methods;
  const auto chosen = method.empty() && !offered.empty() ? offered.front() : method;
  if (std::find(offered.begin(), offered.end(), chosen) == offered.end())
    return fail(errc::reset_failed, to_string(info->address) + " has no reset method `" + chosen +
                                        "` that is safe; it has: " + list_text(offered));
  auto done = chosen == rescan ? rescan_device(*info) : reset_functions(tools_, *info, chosen);
  if (done) {
    const std::scoped_lock hold{guard_};
    (*found)->last_reset = chosen;
  }
  return done;
}

result<void> vfio_devices::rescan_device(const model::device_info& info) {
  const auto functions = functions_of(info);
  {
    const std::scoped_lock hold{guard_};
    for (const auto& one : functions)
      rescans_.insert_or_assign(one.address, std::nullopt);
  }
  vfio_unit unit{tools_, *memory_, info};
  auto done = remove_and_rescan(tools_, unit, info);
  const std::scoped_lock hold{guard_};
  ++rescans_ended_;
  for (const auto& one : functions)
    rescans_.insert_or_assign(one.address, rescans_ended_);
  return done;
}

result<device_evidence> vfio_devices::verify(const model::device_id& device) {
  const auto found = find(device);
  if (!found)
    return tl::unexpected<model::failure>{found.error()};
  const std::scoped_lock alone{(*found)->operation};
  check_request what;
  {
    const std::scoped_lock hold{guard_};
    what.device = (*found)->info;
    what.last_reset = (*found)->last_reset;
    for (const auto& [id, one] : devices_)
      if (one->info.unusable_reason.empty())
        for (const auto& function : functions_of(one->info))
          what.managed.insert(function.address);
  }
  what.baseline = memory_->baseline(what.device.address).value_or(baseline_of(what.device));
  return check_device(tools_, what);
}

std::uint64_t vfio_devices::rescans_ended() const {
  const std::scoped_lock hold{guard_};
  return rescans_ended_;
}

std::set<model::pci_address> vfio_devices::rescanned(std::uint64_t since) const {
  const std::scoped_lock hold{guard_};
  std::set<model::pci_address> away;
  for (const auto& [function, ended] : rescans_)
    if (!ended || *ended > since)
      away.insert(function);
  return away;
}

} // namespace berth::hostbackend::host_linux
