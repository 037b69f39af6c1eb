#include "hostbackend/allocation_units.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace berth::hostbackend {

using model::pci_address;

namespace {

using slot = std::tuple<std::uint32_t, std::uint8_t, std::uint8_t>;
slot slot_of(const pci_address& address) {
  return {address.domain, address.bus, address.device};
}

/// The functions by address, by card and by group.
class bus_index {
public:
  explicit bus_index(const std::vector<function_facts>& functions) {
    for (const auto& one : functions) {
      by_address_.emplace(one.address, &one);
      if (is_bridge(one))
        continue;
      cards_[slot_of(one.address)].push_back(&one);
      if (one.iommu_group >= 0)
        groups_[one.iommu_group].push_back(&one);
    }
  }

  [[nodiscard]] const std::map<pci_address, const function_facts*>& all() const {
    return by_address_;
  }
  [[nodiscard]] const function_facts* find(const pci_address& address) const {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? nullptr : found->second;
  }
  /// Everything that must move together with `start`, itself included, ascending by address.
  [[nodiscard]] std::map<pci_address, const function_facts*>
  closure(const function_facts& start) const {
    std::map<pci_address, const function_facts*> unit;
    std::vector<const function_facts*> open{&start};
    while (!open.empty()) {
      const auto* one = open.back();
      open.pop_back();
      if (!unit.emplace(one->address, one).second)
        continue;
      const auto& card = cards_.at(slot_of(one->address));
      open.insert(open.end(), card.begin(), card.end());
      if (const auto group = groups_.find(one->iommu_group); group != groups_.end())
        open.insert(open.end(), group->second.begin(), group->second.end());
    }
    return unit;
  }

private:
  std::map<pci_address, const function_facts*> by_address_;
  std::map<slot, std::vector<const function_facts*>> cards_;
  std::map<int, std::vector<const function_facts*>> groups_;
};

/// Fills pcie_root and pcie_switch by walking up; at most as many steps as there are functions.
void place(const bus_index& index, const function_facts& function, model::device_info& device) {
  const auto* at = &function;
  std::size_t steps = 0;
  while (at->parent && steps++ < index.all().size()) {
    const auto* above = index.find(*at->parent);
    if (above == nullptr)
      return; // the tree is incomplete: unknown, not guessed
    if (above->kind == port_kind::upstream_port && device.pcie_switch.empty())
      device.pcie_switch = to_string(above->address);
    at = above;
  }
  if (at->parent)
    return;
  const auto address = to_string(at->address);
  device.pcie_root = at == &function ? "pci" + address.substr(0, address.rfind(':')) : address;
}

std::string describe(const function_facts& one) {
  auto text = to_string(one.address) + " (" + class_name(one.class_code);
  if (!one.driver.empty())
    text += ", driver " + one.driver;
  if (!one.in_use.empty())
    text += ", " + one.in_use;
  return text + ")";
}

bool host_drives(const function_facts& one) {
  return !one.in_use.empty() ||
         !(one.driver.empty() || one.driver == "vfio-pci" || one.driver == "pci-stub");
}

std::string why_unusable(const function_facts& gpu, const std::set<slot>& gpu_slots,
                         const std::map<pci_address, const function_facts*>& unit,
                         const survey_options& options) {
  if (gpu.boot_vga && !options.use_boot_vga)
    return "the host's boot display (offered only with use_boot_vga)";
  if (gpu.iommu_group < 0)
    return "no IOMMU group: switch on VT-d or AMD-Vi in the firmware and the kernel";
  for (const auto& [address, member] : unit) {
    if (member->boot_vga && !options.use_boot_vga)
      return "goes together with " + describe(*member) + ", the host's boot display";
    if (!gpu_slots.contains(slot_of(address)) && host_drives(*member))
      return "IOMMU group " + std::to_string(member->iommu_group) + " also holds " +
             describe(*member);
  }
  return {};
}

} // namespace

std::vector<model::device_info>
survey(const std::vector<function_facts>& functions, const survey_options& options,
       const std::function<device_names(const function_facts&)>& names) {
  std::vector<model::device_info> devices;
  if (options.disable_gpu)
    return devices;
  const bus_index index{functions};
  std::map<slot, const function_facts*> gpus; // a card is one device: its first GPU function
  for (const auto& [address, one] : index.all())
    if (is_gpu(*one))
      gpus.emplace(slot_of(address), one);
  std::set<slot> gpu_slots;
  for (const auto& [where, one] : gpus)
    gpu_slots.insert(where);

  for (const auto& [where, gpu] : gpus) {
    const auto unit = index.closure(*gpu);
    const auto named = names(*gpu);
    model::device_info device;
    device.address = gpu->address;
    device.vendor_device = gpu->id;
    device.class_code = gpu->class_code;
    device.vendor = named.vendor;
    device.model = named.model;
    device.numa_node = gpu->numa_node;
    device.iommu_group = gpu->iommu_group;
    device.link = gpu->link;
    device.bar_sizes = gpu->bar_sizes;
    device.reset_methods = gpu->reset_methods;
    device.boot_vga = gpu->boot_vga;
    place(index, *gpu, device);
    std::set<slot> unit_gpus;
    for (const auto& [address, member] : unit)
      if (gpu_slots.contains(slot_of(address)))
        unit_gpus.insert(slot_of(address));
    if (unit_gpus.size() > 1)
      device.allocation_unit = "unit-" + to_string(unit.begin()->first);
    // Members on no GPU's card go with the first device of the unit.
    const bool first = where == *unit_gpus.begin();
    for (const auto& [address, member] : unit) {
      const bool own_card = slot_of(address) == where;
      const bool stray = !gpu_slots.contains(slot_of(address));
      if (address != gpu->address && (own_card || (first && stray)))
        device.companions.push_back(
            {.address = address, .id = member->id, .class_code = member->class_code});
    }
    device.unusable_reason = why_unusable(*gpu, gpu_slots, unit, options);
    devices.push_back(std::move(device));
  }
  return devices;
}

} // namespace berth::hostbackend
