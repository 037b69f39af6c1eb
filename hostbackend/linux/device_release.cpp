#include "hostbackend/linux/device_release.hpp"

#include <tuple>

#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/linux/vfio_unit.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::pci_address;
using model::result;

namespace {

bool same_slot(const pci_address& a, const pci_address& b) {
  return std::tie(a.domain, a.bus, a.device) == std::tie(b.domain, b.bus, b.device);
}

/// Nothing if the function is there, answers, and is the one that was taken.
result<void> still_there(const device_tools& tools, const model::pci_function& one) {
  const auto address = to_string(one.address);
  return tools.calls->run<void>(
      address, "looking at it", tools.limits.look,
      [sysfs = tools.sysfs, one, address]() -> result<void> {
        if (auto same = pci_function_files{sysfs, one.address}.is_still(one.id); !same)
          return same;
        const auto seen = scan_function(sysfs, one.address);
        if (!seen || seen->off_bus)
          return fail(errc::device_lost, address + " does not answer: it fell off the bus");
        if (!seen->fault.empty())
          return fail(errc::bind_failed, address + " cannot be judged: " + seen->fault);
        return {};
      });
}

} // namespace

std::vector<taken_device> taken_devices(const remembered_devices& what) {
  std::vector<taken_device> devices;
  for (const auto& [address, one] : what.functions) {
    const bool goes_on = !devices.empty() && !what.baselines.contains(address) &&
                         same_slot(devices.back().front().address, address);
    if (!goes_on)
      devices.emplace_back();
    devices.back().push_back({.address = address, .id = one.id, .class_code = 0});
  }
  return devices;
}

result<std::string> give_back(const device_tools& tools, device_memory& memory,
                              const taken_device& device, const function_users& users) {
  for (const auto& one : device) {
    if (auto there = still_there(tools, one); !there)
      return tl::unexpected<model::failure>{std::move(there.error())};
    if (const auto user = users.find(one.address); user != users.end())
      return fail(errc::device_in_use, "libvirt's domain " + user->second + " is defined with " +
                                           to_string(one.address) +
                                           ": delete that server, or detach the device, first");
  }
  vfio_unit unit{tools, memory, device};
  if (auto back = unit.unbind(); !back)
    return tl::unexpected<model::failure>{std::move(back.error())};
  return unit.where();
}

} // namespace berth::hostbackend::host_linux
