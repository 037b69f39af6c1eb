// The processor, its IOMMU and the kernel's command line.

#include <algorithm>
#include <utility>

#include "hostbackend/linux/doctor_checks.hpp"

namespace berth::hostbackend::host_linux {

namespace {

constexpr const char* reboot = "reboot";

/// Which of the two IOMMUs of x86 this is. The firmware's table decides: an emulated machine may
/// join either processor with either IOMMU.
cpu_maker iommu_maker(const doctor_facts& facts) {
  if (facts.acpi_tables && facts.acpi_tables->contains("DMAR"))
    return cpu_maker::intel;
  if (facts.acpi_tables && facts.acpi_tables->contains("IVRS"))
    return cpu_maker::amd;
  return facts.cpu ? facts.cpu->maker : cpu_maker::other;
}

bool iommu_works(const doctor_facts& facts) {
  return facts.iommu_groups && *facts.iommu_groups > 0;
}

bool has_word(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// With this parameter the module may be loaded and registers no driver.
bool nouveau_stays_idle(const std::vector<std::string>& words) {
  return last_value(words, "nouveau.modeset") == "0";
}

/// Keeps modprobe from loading the module, or the kernel from accepting it.
bool kept_out_by_command_line(const std::vector<std::string>& words, std::string_view module) {
  return listed_in(words, "modprobe.blacklist", module) ||
         listed_in(words, "module_blacklist", module);
}

bool kept_out_of_initramfs(const std::vector<std::string>& words, std::string_view module) {
  return listed_in(words, "rdblacklist", module) || listed_in(words, "rd.driver.blacklist", module);
}

} // namespace

std::string_view last_value(const std::vector<std::string>& words, std::string_view key) {
  std::string_view value;
  for (const auto& word : words)
    if (word.starts_with(key) && word.size() > key.size() && word[key.size()] == '=')
      value = std::string_view{word}.substr(key.size() + 1);
  return value;
}

bool lists(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == item)
      return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

bool listed_in(const std::vector<std::string>& words, std::string_view key, std::string_view item) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return word.starts_with(key) && word.size() > key.size() && word[key.size()] == '=' &&
           lists(std::string_view{word}.substr(key.size() + 1), item);
  });
}

finding check_cpu(const doctor_facts& facts) {
  finding result{.check = "cpu"};
  if (facts.settings.emulation) {
    result.verdict = check_verdict::warning;
    result.seen = "servers.emulation: true: servers run without KVM, many times slower";
    result.remedy = {"in " + facts.settings.file + ":  servers: {emulation: false}"};
    return result;
  }
  if (facts.kvm_node && facts.kvm_node->exists) {
    result.verdict = check_verdict::ok;
    result.seen = "/dev/kvm is there";
    return result;
  }
  if (!facts.cpu || !facts.kvm_node) {
    result.seen = "/proc/cpuinfo or /dev/kvm cannot be looked at";
    return result;
  }
  result.verdict = check_verdict::problem;
  const bool intel = facts.cpu->maker == cpu_maker::intel;
  if (facts.cpu->virtualization || facts.cpu->maker == cpu_maker::other) {
    result.seen = "/dev/kvm is missing";
    result.remedy = {intel                                ? "modprobe kvm_intel"
                     : facts.cpu->maker == cpu_maker::amd ? "modprobe kvm_amd"
                                                          : "use a kernel with KVM"};
  } else {
    result.seen = "the processor shows neither vmx nor svm: virtualization is off";
    result.remedy = {std::string{"in the firmware's setup switch on "} +
                     (intel ? "Intel Virtualization Technology (VT-x)" : "SVM Mode (AMD-V)")};
  }
  return result;
}

finding check_iommu_firmware(const doctor_facts& facts) {
  finding result{.check = "iommu_firmware"};
  const auto table = [&facts](const char* name) {
    return facts.acpi_tables && facts.acpi_tables->contains(name);
  };
  if (const auto* name = table("DMAR")   ? "DMAR"
                         : table("IVRS") ? "IVRS"
                         : table("IORT") ? "IORT"
                                         : nullptr) {
    result.verdict = check_verdict::ok;
    result.seen = std::string{"the firmware describes an IOMMU (ACPI table "} + name + ")";
  } else if (iommu_works(facts)) {
    result.verdict = check_verdict::ok;
    result.seen = "the kernel has an IOMMU at work";
  } else if (!facts.acpi_tables) {
    result.seen = "/sys/firmware/acpi/tables cannot be read";
  } else {
    result.verdict = check_verdict::problem;
    result.seen = "the firmware describes no IOMMU (no ACPI table DMAR or IVRS)";
    const auto maker = iommu_maker(facts);
    result.remedy = {std::string{"in the firmware's setup switch on "} +
                     (maker == cpu_maker::intel
                          ? "VT-d (Intel Virtualization Technology for Directed I/O)"
                      : maker == cpu_maker::amd ? "IOMMU (AMD-Vi), not \"Auto\""
                                                : "the IOMMU (SMMU)")};
  }
  return result;
}

finding check_iommu_kernel(const doctor_facts& facts) {
  finding result{.check = "iommu_kernel"};
  if (!facts.command_line) {
    result.seen = "/proc/cmdline cannot be read";
    return result;
  }
  const auto& words = *facts.command_line;
  const auto maker = iommu_maker(facts);
  for (const auto* word : {"iommu=off", "intel_iommu=off", "amd_iommu=off"})
    if (has_word(words, word))
      result.kernel.remove.emplace_back(word);
  const bool intel_on = lists(last_value(words, "intel_iommu"), "on");
  const bool settled = iommu_works(facts) || !result.kernel.empty() || intel_on;
  if (!settled && (!facts.iommu_groups || (!facts.acpi_tables && !facts.cpu))) {
    result.seen = "whether the kernel needs an argument cannot be told";
    return result;
  }
  if (maker == cpu_maker::intel && !intel_on && !iommu_works(facts))
    result.kernel.add.emplace_back("intel_iommu=on");
  if (iommu_works(facts) && result.kernel.empty()) {
    result.verdict = check_verdict::ok;
    result.seen = intel_on ? "intel_iommu=on" : "on without an argument";
  } else if (!result.kernel.empty()) {
    // A harmful word for the other maker's IOMMU, or a later word that undid it, is no harm.
    result.verdict = iommu_works(facts) ? check_verdict::warning : check_verdict::problem;
    result.seen = result.kernel.remove.empty()
                      ? "intel_iommu=on is missing, and this kernel leaves the IOMMU off without it"
                      : "the command line says " + result.kernel.remove.front();
    result.remedy = {reboot};
  } else {
    result.verdict = check_verdict::ok;
    result.seen = intel_on ? "intel_iommu=on" : "needs no argument with this processor's IOMMU";
  }
  return result;
}

finding check_iommu_groups(const doctor_facts& facts) {
  finding result{.check = "iommu_groups"};
  if (!facts.iommu_groups) {
    result.seen = "/sys/kernel/iommu_groups cannot be read";
    result.remedy = {"run on the host itself, not in a container"};
  } else if (*facts.iommu_groups > 0) {
    result.verdict = check_verdict::ok;
    result.seen = std::to_string(*facts.iommu_groups) + " IOMMU groups";
    if (facts.command_line && !last_value(*facts.command_line, "pcie_acs_override").empty()) {
      result.verdict = check_verdict::warning;
      result.seen += "; pcie_acs_override makes the kernel claim an isolation that the hardware "
                     "does not have: a guest may reach other devices";
      for (const auto& word : *facts.command_line)
        if (word.starts_with("pcie_acs_override="))
          result.kernel.remove.push_back(word);
      result.remedy = {reboot};
    }
  } else {
    result.verdict = check_verdict::problem;
    result.seen = "no IOMMU group: the kernel has no IOMMU at work";
    result.remedy = {"see iommu_firmware and iommu_kernel; after the reboot: dmesg | grep -e DMAR "
                     "-e AMD-Vi"};
  }
  return result;
}

finding check_iommu_mode(const doctor_facts& facts) {
  finding result{.check = "iommu_mode", .needed = false};
  if (!facts.command_line) {
    result.seen = "/proc/cmdline cannot be read";
    return result;
  }
  if (lists(last_value(*facts.command_line, "iommu"), "pt") ||
      last_value(*facts.command_line, "iommu.passthrough") == "1") {
    result.verdict = check_verdict::ok;
    result.seen = "the host's own devices are not translated";
    return result;
  }
  result.verdict = check_verdict::warning;
  result.seen = "iommu=pt is missing: the host's own devices pay for translation";
  result.kernel.add = {"iommu=pt"};
  result.remedy = {reboot};
  return result;
}

finding check_interrupt_remapping(const doctor_facts& facts) {
  finding result{.check = "interrupt_remapping"};
  const bool unsafe = facts.unsafe_interrupts.value_or(false);
  if (facts.iommu_groups && *facts.iommu_groups == 0) {
    result.verdict = check_verdict::not_applicable;
    result.seen = "no IOMMU at work";
  } else if (!facts.interrupts_remapped || !facts.iommu_groups) {
    result.seen = "/proc/interrupts does not tell whether interrupts are remapped";
    result.remedy = {"dmesg | grep -e 'IRQ remapping' -e 'Interrupt remapping'"};
  } else if (*facts.interrupts_remapped && unsafe) {
    result.verdict = check_verdict::warning;
    result.seen = "interrupts are remapped, so allow_unsafe_interrupts is not needed; it takes "
                  "away the protection against forged interrupts";
    if (facts.command_line)
      for (const auto& word : *facts.command_line)
        if (word.starts_with("vfio_iommu_type1.allow_unsafe_interrupts="))
          result.kernel.remove.push_back(word);
    result.remedy = {"echo N > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
                     "and take the option out of /etc/modprobe.d"};
  } else if (*facts.interrupts_remapped) {
    result.verdict = check_verdict::ok;
    result.seen = "interrupts are remapped";
  } else if (unsafe) {
    result.verdict = check_verdict::warning;
    result.seen = "interrupts are not remapped and vfio is told to go on: a guest can forge "
                  "interrupts of the host; trust your guests, or use other hardware";
    result.remedy = {"in the firmware's setup switch on interrupt remapping (x2APIC)"};
  } else {
    result.verdict = check_verdict::problem;
    result.seen = "interrupts are not remapped: vfio refuses to pass devices through";
    for (const auto* word : {"intremap=off", "nointremap"})
      if (facts.command_line && has_word(*facts.command_line, word))
        result.kernel.remove.emplace_back(word);
    result.remedy = {"in the firmware's setup switch on interrupt remapping (x2APIC)"};
    if (result.kernel.remove.empty()) {
      result.kernel.add = {"vfio_iommu_type1.allow_unsafe_interrupts=1"};
      result.remedy.emplace_back("the argument is for hardware without it, and for guests that you "
                                 "trust: they can forge interrupts of the host");
    }
  }
  return result;
}

finding check_nouveau(const doctor_facts& facts) {
  finding result{.check = "nouveau"};
  if (facts.functions && !has_nvidia_gpu(facts)) {
    result.verdict = check_verdict::not_applicable;
    result.seen = "no NVIDIA GPU";
    return result;
  }
  const auto words = facts.command_line.value_or(std::vector<std::string>{});
  const bool idle = nouveau_stays_idle(words);
  const bool kept_out = facts.modprobe.kept_out.contains("nouveau");
  if (idle || kept_out || kept_out_by_command_line(words, "nouveau")) {
    result.verdict = check_verdict::ok;
    result.seen = idle       ? "nouveau.modeset=0 keeps nouveau idle"
                  : kept_out ? "kept out by modprobe.d"
                             : "kept out by the command line";
    if (!idle && facts.modules && facts.modules->contains("nouveau")) {
      result.verdict = check_verdict::warning;
      result.seen += ", but loaded";
      result.remedy = {"update-initramfs -u -k all   (Debian, Ubuntu)",
                       "dracut --force --regenerate-all   (RHEL, Fedora, SUSE)", reboot};
    }
    return result;
  }
  if (!facts.command_line || !facts.modprobe.unreadable.empty()) {
    result.seen =
        (facts.command_line ? facts.modprobe.unreadable.front() : std::string{"/proc/cmdline"}) +
        " cannot be read, and nothing else keeps nouveau out";
    return result;
  }
  result.verdict = check_verdict::problem;
  const bool early = kept_out_of_initramfs(words, "nouveau");
  result.seen = early ? "nouveau is kept out of the initramfs only: nouveau.modeset=0 is missing"
                      : "nothing keeps nouveau, the kernel's own driver, off the NVIDIA GPUs";
  if (!early)
    result.kernel.add.emplace_back("rdblacklist=nouveau");
  result.kernel.add.emplace_back("nouveau.modeset=0");
  result.remedy = {
      "or instead of the arguments:",
      "echo 'blacklist nouveau' > /etc/modprobe.d/berth-nouveau.conf && update-initramfs -u",
      reboot};
  return result;
}

} // namespace berth::hostbackend::host_linux
