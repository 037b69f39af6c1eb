#pragma once

#include <string>
#include <vector>

#include "hostbackend/linux/kernel_calls.hpp"
#include "hostbackend/linux/vfio_unit.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

/// The last rung: not one of the kernel's methods, but removal of the functions from the bus and a
/// new search for them.
inline constexpr const char* rescan = "rescan";

/// One line of the per-model table: which reset methods such devices are tried with, in this order.
struct reset_rule {
  std::string devices; ///< `10de:2330`, `10de:*` or `*`
  /// Part of the model's name, without regard to case; empty = any.
  std::string model;
  std::vector<std::string> methods; ///< the kernel's names and `rescan`; at least one

  friend bool operator==(const reset_rule&, const reset_rule&) = default;
};

/// The failure names the rule (counting from 1) and what would be right.
[[nodiscard]] model::result<void> check_reset_rules(const std::vector<reset_rule>& rules);

/// The methods that the device really has, best first: the first rule that matches says which and
/// in what order; without one, the kernel's own order, `bus` through vfio where the kernel does not
/// list it for a card of several functions, and `rescan` last. `by_kernel` is what `reset_method`
/// of the device's own function says. Left out is what would touch a function that is not the
/// device's:
///  - `bus`, if any other function or a bridge is on one of its buses;
///  - `rescan`, if another function is in one of its slots, or no bridge above it stays.
[[nodiscard]] std::vector<std::string> offered_resets(const std::filesystem::path& sysfs,
                                                      const model::device_info& device,
                                                      const std::vector<std::string>& by_kernel,
                                                      const std::vector<reset_rule>& rules);

/// Resets every function of the device that has the kernel's `method`, by writing it to
/// `reset_method` and 1 to `reset` (Linux: Documentation/ABI/testing/sysfs-bus-pci); the list in
/// `reset_method` is put back, even if the kernel comes back only after the deadline. `bus` of
/// several functions on one bus goes through vfio (vfio_bus_reset.hpp). Refused while a process
/// holds the group, for functions that are not on vfio-pci, and, but for `bus`, when a function
/// reads all ones. errc::reset_failed, outcome_unknown, device_lost; blocks.
[[nodiscard]] model::result<void> reset_functions(const device_tools& tools,
                                                  const model::device_info& device,
                                                  const std::string& method);

/// Removes the device's functions from the bus, searches the bridge above again and binds them to
/// vfio-pci again. Refused while a process holds the group, and when a function reads all ones (it
/// would not be found again). The kernel offers what it finds to its
/// own drivers first: one that is loaded has the functions for a moment.
[[nodiscard]] model::result<void> remove_and_rescan(const device_tools& tools, vfio_unit& unit,
                                                    const model::device_info& device);

} // namespace berth::hostbackend::host_linux
