#pragma once

#include <set>
#include <string>

#include "hostbackend/linux/device_memory.hpp"
#include "hostbackend/linux/kernel_calls.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host_operations.hpp"

namespace berth::hostbackend::host_linux {

/// What a device is compared with from now on.
[[nodiscard]] device_baseline baseline_of(const model::device_info& device);

/// What a device is compared with, and what else the looking depends on.
struct check_request {
  model::device_info device;
  device_baseline baseline;
  std::string last_reset; ///< goes into the evidence as it is
  /// Functions of managed devices: another device of the group may be on its way to vfio-pci.
  std::set<model::pci_address> managed;
};

/// Looks at all functions of the device and changes nothing. Identity and class are read from the
/// configuration space, not from what the kernel remembers of it; BAR sizes and link as the scanner
/// reads them, and the memory BARs of every function must hold the addresses that the kernel gave
/// them. A link that is wider or faster than at baseline matches. Failures:
/// errc::device_lost; outcome_unknown (a function did not answer in time); verification_failed (it
/// cannot be seen who holds the group); group_not_viable (a stranger in the IOMMU group is driven
/// by the host; it is named).
[[nodiscard]] model::result<model::host_operations::device_evidence>
check_device(const device_tools& tools, const check_request& what);

} // namespace berth::hostbackend::host_linux
