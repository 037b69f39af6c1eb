#include "hostbackend/linux/device_changes.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace berth::hostbackend::host_linux {

namespace {

using devices_by_id = std::map<model::device_id, const model::device_info*>;

devices_by_id index_of(const std::vector<model::device_info>& devices) {
  devices_by_id index;
  for (const auto& one : devices)
    index.emplace(one.id, &one);
  return index;
}

/// The facts but the reset methods: a reset under way narrows their list for a moment.
bool has_other_facts(const model::device_info& before, const model::device_info& after) {
  auto expected = before;
  expected.reset_methods = after.reset_methods;
  return expected != after;
}

/// Takes the first of `fresh` that is of the same kind as `gone`; nullptr if there is none.
const model::device_info* take_same_kind(const model::device_info& gone,
                                         std::vector<const model::device_info*>& fresh) {
  const auto found = std::find_if(fresh.begin(), fresh.end(), [&gone](const auto* one) {
    return one->vendor_device == gone.vendor_device;
  });
  if (found == fresh.end())
    return nullptr;
  const auto* taken = *found;
  fresh.erase(found);
  return taken;
}

std::string why_vanished(const model::device_info& gone, const device_snapshot& after,
                         const model::device_info* elsewhere) {
  const auto& off = after.off_bus;
  auto reason = to_string(gone.vendor_device) + " at " + to_string(gone.address);
  if (std::find(off.begin(), off.end(), gone.address) != off.end())
    return reason + " fell off the bus: its configuration space reads all ones";
  reason += " is no longer there or no longer offered";
  if (elsewhere != nullptr)
    reason += "; one appeared at " + to_string(elsewhere->address) +
              " in the meantime: moved, or another card";
  return reason;
}

} // namespace

device_snapshot as_before(const std::set<model::pci_address>& away, const device_snapshot& known,
                          device_snapshot found) {
  auto& devices = found.devices;
  std::erase_if(devices, [&away](const auto& one) { return away.contains(one.address); });
  for (const auto& one : known.devices)
    if (away.contains(one.address))
      devices.push_back(one);
  std::sort(devices.begin(), devices.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  return found;
}

std::vector<backend_event> compare_devices(const device_snapshot& before,
                                           const device_snapshot& after) {
  const auto old_ones = index_of(before.devices);
  const auto present = index_of(after.devices);
  std::vector<const model::device_info*> fresh;
  std::vector<backend_event> appeared;
  for (const auto& one : after.devices) {
    const auto known = old_ones.find(one.id);
    if (known == old_ones.end())
      fresh.push_back(&one);
    if (known == old_ones.end() || has_other_facts(*known->second, one))
      appeared.emplace_back(device_appeared{one.id});
  }
  std::vector<backend_event> events;
  for (const auto& one : before.devices)
    if (!present.contains(one.id))
      events.emplace_back(
          device_vanished{one.id, why_vanished(one, after, take_same_kind(one, fresh))});
  events.insert(events.end(), appeared.begin(), appeared.end());
  return events;
}

} // namespace berth::hostbackend::host_linux
