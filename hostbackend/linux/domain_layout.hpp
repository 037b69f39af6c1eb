#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/device.hpp"

namespace berth::hostbackend::host_linux {

/// One memory node of the host.
struct numa_node {
  int id = 0;
  std::string cpus; ///< as Linux lists them, `0-63,128-191`
  int cpu_count = 0;
  std::int64_t memory_mib = 0;

  friend bool operator==(const numa_node&, const numa_node&) = default;
};

/// One memory node that the guest sees.
struct guest_cell {
  numa_node host;
  std::int64_t first_vcpu = 0;
  std::int64_t vcpus = 0; ///< > 0
  std::int64_t memory_mib = 0;

  friend bool operator==(const guest_cell&, const guest_cell&) = default;
};

/// Where a server's processors and memory go.
struct memory_layout {
  /// The nodes of all devices; empty = not known or too small: nothing is pinned.
  std::vector<numa_node> near;
  /// The guest's own nodes, one per host node, when the devices span several; else empty.
  std::vector<guest_cell> cells;

  friend bool operator==(const memory_layout&, const memory_layout&) = default;
};

/// Near the devices: on their nodes if all are known and hold what the server needs, mirrored to
/// the guest if there are several nodes and a processor for each.
[[nodiscard]] memory_layout lay_out_memory(const std::vector<numa_node>& host,
                                           const std::vector<model::device_info>& devices,
                                           std::int64_t vcpus, std::int64_t memory_mib);

/// The 64-bit MMIO window that the devices' BARs need, in bytes: a power of two, with room for the
/// alignment of each; 0 = what firmware offers anyway (32 GiB, OVMF's PcdPciMmio64Size and QEMU's
/// q35 pci-hole64-size) is enough. `spare`: bytes kept for devices that are plugged in later.
[[nodiscard]] std::uint64_t mmio_window(const std::vector<model::device_info>& devices,
                                        std::uint64_t spare = 0);
/// What a root port must forward for a device with these BARs, in bytes: largest first, they end on
/// the largest one's alignment.
[[nodiscard]] std::uint64_t port_window(const std::vector<std::uint64_t>& bars);

} // namespace berth::hostbackend::host_linux
