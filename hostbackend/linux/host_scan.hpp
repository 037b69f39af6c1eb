#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hostbackend/allocation_units.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"
#include "model/failure.hpp"
#include "model/host.hpp"
#include "model/ids.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

struct scan_options {
  host_roots roots{};
  std::filesystem::path pci_ids{}; ///< database of PCI ids; empty = the distribution's
  std::filesystem::path pool{};    ///< where servers' disks lie; empty = no storage
  model::host_id host{};
  std::string host_name{};
  std::string agent_version{};
  bool hot_plug = false; ///< as configured: sysfs does not say whether servers may be hot-plugged
  survey_options offers{};
};

struct host_scan {
  model::host_info info;
  /// What the operator should know and the inventory does not say: functions that could not be read
  /// or fell off the bus, files that are missing. One line each.
  std::vector<std::string> remarks;
  /// Functions that fell off the bus, for device_snapshot.
  std::vector<model::pci_address> off_bus;
};

/// What the agent reports of its machine, from sysfs and procfs alone. Read-only; device ids are
/// derived from the host's id, the device's kind and its address. Blocks while the kernel does (a
/// device in reset, a hung file system): run it with a deadline.
///
/// A device that fell off the bus is not in `info`, but in `remarks`: for the control plane it is
/// gone until it answers again.
///
/// Where NVSwitches are seen, NVIDIA's GPUs without a display (class 0302) are taken to be on their
/// fabric, `nvswitch`. Sysfs knows neither module numbers nor partitions; nor does it know NVLink
/// bridges between cards, AMD's Infinity Fabric, or switches that are not on the host's bus (HGX
/// B200, NVL72).
[[nodiscard]] model::result<host_scan> scan_host(const scan_options& options);

} // namespace berth::hostbackend::host_linux
