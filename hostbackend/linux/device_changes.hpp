#pragma once

#include <set>
#include <vector>

#include "hostbackend/host_backend.hpp"
#include "model/device.hpp"

namespace berth::hostbackend::host_linux {

/// What a scan found.
struct device_snapshot {
  std::vector<model::device_info> devices; ///< ascending by address
  /// Functions that the kernel still has, but whose configuration space reads all ones.
  std::vector<model::pci_address> off_bus{};
};

/// `found`, but with the devices at these addresses as they are in `known`: what a reset has off
/// the bus on purpose is neither gone nor new.
[[nodiscard]] device_snapshot as_before(const std::set<model::pci_address>& away,
                                        const device_snapshot& known, device_snapshot found);

/// What happened between two scans of one host: first what vanished,
/// then what appeared, each in the order of its scan.
///   gone: device_vanished; the reason says whether it is off the bus or not there at all. If a
///   device of the same kind is new elsewhere, the reason names both
///         addresses: it may have been moved. Cards cannot be told apart for certain (sysfs shows
///         no serial numbers), so each new address is named once.
///   new:  device_appeared.
///   other facts than before (what goes along with it, why it is unusable, group, size of BARs...):
///         device_appeared, which makes the agent look at it again.
[[nodiscard]] std::vector<backend_event> compare_devices(const device_snapshot& before,
                                                         const device_snapshot& after);

} // namespace berth::hostbackend::host_linux
