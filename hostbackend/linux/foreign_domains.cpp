#include "hostbackend/linux/foreign_domains.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace berth::hostbackend::host_linux {

namespace {

bool has_function(const model::device_info& device, const model::pci_address& function) {
  return device.address == function ||
         std::any_of(device.companions.begin(), device.companions.end(),
                     [&function](const auto& one) { return one.address == function; });
}

/// The name of the domain that holds each device, empty if none does; in the devices' order.
std::vector<std::string> holders_of(const foreign_holds& holds,
                                    const std::vector<model::device_info>& devices) {
  std::map<int, std::string> groups;
  std::vector<std::string> holders;
  for (const auto& device : devices) {
    const auto held = std::find_if(holds.begin(), holds.end(), [&device](const auto& one) {
      return has_function(device, one.first);
    });
    holders.push_back(held == holds.end() ? std::string{} : held->second);
    if (held != holds.end() && device.iommu_group >= 0)
      groups.emplace(device.iommu_group, held->second);
  }
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (const auto group = groups.find(devices[i].iommu_group);
        holders[i].empty() && group != groups.end())
      holders[i] = group->second;
  return holders;
}

} // namespace

void mark_foreign(const foreign_holds& holds, std::vector<model::device_info>& devices) {
  const auto holders = holders_of(holds, devices);
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (!holders[i].empty() && devices[i].unusable_reason.empty())
      devices[i].unusable_reason = "the domain " + holders[i] +
                                   ", which is not berth's, holds it or its IOMMU group: it is "
                                   "offered again when that domain has ended";
}

std::vector<model::device_id> differently_held(const std::vector<model::device_info>& devices,
                                               const foreign_holds& before,
                                               const foreign_holds& after) {
  const auto then = holders_of(before, devices);
  const auto now = holders_of(after, devices);
  std::vector<model::device_id> changed;
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (then[i] != now[i])
      changed.push_back(devices[i].id);
  return changed;
}

} // namespace berth::hostbackend::host_linux
