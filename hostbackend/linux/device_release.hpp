#pragma once

#include <map>
#include <string>
#include <vector>

#include "hostbackend/linux/device_memory.hpp"
#include "hostbackend/linux/kernel_calls.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

/// The functions of a device that was taken from the host's drivers, ascending; never empty. Their
/// classes are not remembered.
using taken_device = std::vector<model::pci_function>;

/// What is remembered as taken. A device is all functions of a slot, from one that has a baseline
/// to the next; a member of its IOMMU group in another slot counts as a device of its own.
[[nodiscard]] std::vector<taken_device> taken_devices(const remembered_devices& what);

/// Which servers are defined with, or hold, which functions: the name of the libvirt domain.
using function_users = std::map<model::pci_address, std::string>;

/// Gives each function the driver, `driver_override` and reset methods back that it had before
/// berth took it, and forgets it. A driver that somebody gave a function meanwhile stays. Says how
/// the functions are now. Blocks, each step at most its limit; repeating it after a crash in any
/// part of it completes it.
///
/// Nothing is touched, and the record stays, when
///  - a function is not on the bus, or reads all ones: errc::device_lost;
///  - another card sits there, or the function cannot be read: errc::bind_failed;
///  - a server of `users` is defined with it, though it does not run: errc::device_in_use. What
///    the server left on it (a drive's data) is not for the host's drivers to find;
///  - a process has its vfio files open: errc::bind_failed.
/// A failure on the way says where each function is.
[[nodiscard]] model::result<std::string> give_back(const device_tools& tools, device_memory& memory,
                                                   const taken_device& device,
                                                   const function_users& users);

} // namespace berth::hostbackend::host_linux
