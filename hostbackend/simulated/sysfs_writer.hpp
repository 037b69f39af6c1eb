#pragma once

#include <filesystem>

#include "hostbackend/simulated/machine.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::simulated {

/// Writes the machine as Linux would show it under /sys: `bus/pci/devices`, `bus/pci/drivers`,
/// `devices/pci...`, `kernel/iommu_groups`; and a `pci.ids` with the machine's names beside them.
/// `directory` must be empty or not exist; nothing is written outside it. The tree serves
/// linux/scanner.hpp, and `lspci -A linux-sysfs -O sysfs.path=<directory>/bus/pci`.
[[nodiscard]] model::result<void> write_sysfs(const machine& what,
                                              const std::filesystem::path& directory);

} // namespace berth::hostbackend::simulated
