#pragma once

#include <filesystem>
#include <string>

#include "hostbackend/linux/sysfs_reader.hpp"
#include "model/failure.hpp"
#include "model/resources.hpp"

namespace berth::hostbackend::host_linux {

/// The machine as a whole.
struct machine_facts {
  /// What the firmware calls it (SMBIOS, /sys/class/dmi/id): vendor and product name, e.g.
  /// `NVIDIA DGX A100`; empty = it does not say.
  std::string product;
  /// CPUs that are online, memory that the kernel manages (MemTotal), size of the file system of
  /// the pool.
  model::resources capacity;
  int numa_nodes = 1; ///< that are online; 1 where the kernel shows none
};

/// Fails where the number of CPUs, the memory or the size of `pool` (a directory; empty = the host
/// has none: 0) cannot be read: what is unknown is never reported as nothing. Blocks while the file
/// system of `pool` does.
[[nodiscard]] model::result<machine_facts> read_machine(const host_roots& roots,
                                                        const std::filesystem::path& pool);

} // namespace berth::hostbackend::host_linux
