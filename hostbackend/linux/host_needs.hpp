#pragma once

#include <map>
#include <string>
#include <vector>

#include "hostbackend/linux/sysfs_reader.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

/// What the host needs its PCI functions for, one reason each, the weightiest first:
///   `root file system on nvme0n1p2`     /proc/self/mountinfo, through device-mapper, RAID and LVM
///   `default route through eno1`        /proc/net/route and ipv6_route, through bonds and bridges
///   `nvme1n1 mounted at /srv`, `swap on sda3`
///   `network interface eno2 is up`
/// A file system without a block device of its own (overlay, network) needs none. Use by a process
/// (a raw disk, CUDA) cannot be seen here.
struct host_needs {
  std::map<model::pci_address, std::string> functions;
  /// What could not be read and makes the above incomplete, for the operator.
  std::vector<std::string> remarks;
};

[[nodiscard]] host_needs find_host_needs(const host_roots& roots);

} // namespace berth::hostbackend::host_linux
