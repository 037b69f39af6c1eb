#pragma once

#include <vector>

#include "hostbackend/linux/domain_layout.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"

namespace berth::hostbackend::host_linux {

/// The host's memory nodes that have CPUs and memory, ascending by number
/// (Linux: Documentation/admin-guide/mm/numaperf.rst and /sys/devices/system/node). Empty where the
/// kernel shows none or one of them cannot be read: then nothing is pinned.
[[nodiscard]] std::vector<numa_node> read_numa_nodes(const host_roots& roots);

} // namespace berth::hostbackend::host_linux
