#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/linux/doctor.hpp"

namespace berth::hostbackend::host_linux {

// The checks behind examine(), in its order. Each is pure and tells of one thing.

[[nodiscard]] finding check_cpu(const doctor_facts& facts);
[[nodiscard]] finding check_iommu_firmware(const doctor_facts& facts);
[[nodiscard]] finding check_iommu_kernel(const doctor_facts& facts);
[[nodiscard]] finding check_iommu_groups(const doctor_facts& facts);
[[nodiscard]] finding check_iommu_mode(const doctor_facts& facts);
[[nodiscard]] finding check_interrupt_remapping(const doctor_facts& facts);
[[nodiscard]] finding check_nouveau(const doctor_facts& facts);

[[nodiscard]] finding check_vfio_modules(const doctor_facts& facts);
[[nodiscard]] finding check_vfio_node(const doctor_facts& facts);
[[nodiscard]] finding check_settings(const doctor_facts& facts);
[[nodiscard]] finding check_disable_gpu(const doctor_facts& facts);
[[nodiscard]] finding check_state_dir(const doctor_facts& facts);
[[nodiscard]] finding check_tls_key(const doctor_facts& facts);
[[nodiscard]] finding check_libvirt(const doctor_facts& facts);
[[nodiscard]] finding check_memlock(const doctor_facts& facts);
[[nodiscard]] finding check_hugepages(const doctor_facts& facts);
[[nodiscard]] finding check_qemu(const doctor_facts& facts);
[[nodiscard]] finding check_uefi_firmware(const doctor_facts& facts);

/// One for each storage pool of the settings: disks, images.
[[nodiscard]] std::vector<finding> check_storage_pools(const doctor_facts& facts);
/// One finding about all GPUs, then one for each.
[[nodiscard]] std::vector<finding> check_gpus(const doctor_facts& facts);

/// The value of the last word `key=value` of the command line; empty if there is none.
[[nodiscard]] std::string_view last_value(const std::vector<std::string>& words,
                                          std::string_view key);
/// Whether a comma-separated list has the item.
[[nodiscard]] bool lists(std::string_view list, std::string_view item);
/// Whether some word `key=list` has the item in its list.
[[nodiscard]] bool listed_in(const std::vector<std::string>& words, std::string_view key,
                             std::string_view item);
[[nodiscard]] bool has_nvidia_gpu(const doctor_facts& facts);

} // namespace berth::hostbackend::host_linux
