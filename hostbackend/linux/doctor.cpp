#include "hostbackend/linux/doctor.hpp"

#include <algorithm>
#include <utility>

#include "hostbackend/linux/doctor_checks.hpp"

namespace berth::hostbackend::host_linux {

std::string_view to_string(check_verdict verdict) {
  switch (verdict) {
  case check_verdict::ok:
    return "ok";
  case check_verdict::warning:
    return "warning";
  case check_verdict::problem:
    return "problem";
  case check_verdict::not_applicable:
    return "not_applicable";
  case check_verdict::unknown:
    break;
  }
  return "unknown";
}

std::string_view to_string(diagnosis what) {
  switch (what) {
  case diagnosis::ready:
    return "ready";
  case diagnosis::not_ready:
    return "not_ready";
  case diagnosis::unknown:
    break;
  }
  return "unknown";
}

std::vector<finding> examine(const doctor_facts& facts) {
  std::vector<finding> findings;
  for (const auto check :
       {check_cpu, check_iommu_firmware, check_iommu_kernel, check_iommu_groups, check_iommu_mode,
        check_interrupt_remapping, check_nouveau, check_vfio_modules, check_vfio_node,
        check_settings, check_disable_gpu, check_state_dir, check_tls_key, check_libvirt,
        check_memlock, check_hugepages, check_qemu, check_uefi_firmware})
    findings.push_back(check(facts));
  for (const auto check_each : {check_storage_pools, check_gpus})
    for (auto& one : check_each(facts))
      findings.push_back(std::move(one));
  return findings;
}

diagnosis diagnose(const std::vector<finding>& findings) {
  bool open = false;
  for (const auto& one : findings) {
    if (one.verdict == check_verdict::problem)
      return diagnosis::not_ready;
    open = open || (one.needed && one.verdict == check_verdict::unknown);
  }
  return open ? diagnosis::unknown : diagnosis::ready;
}

kernel_arguments wanted_kernel_arguments(const std::vector<finding>& findings) {
  const auto add_once = [](std::vector<std::string>& to, const std::vector<std::string>& words) {
    for (const auto& word : words)
      if (std::find(to.begin(), to.end(), word) == to.end())
        to.push_back(word);
  };
  kernel_arguments wanted;
  for (const auto& one : findings) {
    add_once(wanted.add, one.kernel.add);
    add_once(wanted.remove, one.kernel.remove);
  }
  return wanted;
}

} // namespace berth::hostbackend::host_linux
