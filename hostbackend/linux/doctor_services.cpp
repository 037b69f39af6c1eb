// vfio, the agent's own settings, and what runs the servers.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "hostbackend/linux/doctor_checks.hpp"

namespace berth::hostbackend::host_linux {

namespace {

std::string octal(std::uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode);
  return text;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : between) + word;
  return text;
}

/// vfio_virqfd is a part of vfio since Linux 6.2.
bool virqfd_is_a_module(const std::string& release) {
  int major = 0;
  int minor = 0;
  const auto* end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ec != std::errc{} || first.ptr == end)
    return false;
  std::from_chars(first.ptr + 1, end, minor);
  return major > 0 && (major < 6 || (major == 6 && minor < 2));
}

std::vector<std::string> vfio_modules(const doctor_facts& facts) {
  std::vector<std::string> modules{"vfio", "vfio_iommu_type1", "vfio_pci"};
  if (facts.kernel_release && virqfd_is_a_module(*facts.kernel_release))
    modules.emplace_back("vfio_virqfd");
  return modules;
}

bool built_in(const doctor_facts& facts, const std::string& module) {
  return facts.modules_built_in && facts.modules_built_in->contains(module);
}

std::string gibibytes(std::uint64_t kib) {
  return std::to_string(kib >> 20U) + " GiB";
}

bool has_reserved(const std::vector<hugepage_pool>& pools, std::uint64_t page_kib) {
  return std::any_of(pools.begin(), pools.end(), [page_kib](const hugepage_pool& pool) {
    return pool.page_kib == page_kib && pool.reserved > 0;
  });
}

/// What the socket alone tells.
void judge_socket(const libvirt_facts& libvirt, finding& result) {
  const auto& socket = libvirt.socket;
  switch (libvirt.answer) {
  case socket_answer::answers:
    result.verdict = check_verdict::ok;
    result.seen = socket + " takes connections";
    break;
  case socket_answer::absent:
    result.verdict = check_verdict::problem;
    result.seen = "no socket of libvirt in /run/libvirt";
    result.remedy = {"apt install libvirt-daemon-system   (RHEL: dnf install libvirt-daemon-kvm)",
                     "systemctl enable --now libvirtd.socket   (RHEL 9: virtqemud.socket)"};
    break;
  case socket_answer::refused:
    result.verdict = check_verdict::problem;
    result.seen = socket + " is there and nothing listens";
    result.remedy = {"systemctl restart libvirtd.socket libvirtd   (RHEL 9: virtqemud)",
                     "journalctl -u libvirtd"};
    break;
  case socket_answer::forbidden:
    result.seen = socket + " does not let this user in";
    result.remedy = {"run the doctor as root"};
    break;
  case socket_answer::silent:
    result.seen = socket + " gives no answer";
    result.remedy = {"systemctl status libvirtd", "journalctl -u libvirtd"};
    break;
  }
}

} // namespace

finding check_vfio_modules(const doctor_facts& facts) {
  finding result{.check = "vfio_modules"};
  if (!facts.modules) {
    result.seen = "/sys/module cannot be read";
    return result;
  }
  std::vector<std::string> missing;
  std::vector<std::string> not_at_boot;
  bool installed = true;
  for (const auto& module : vfio_modules(facts)) {
    if (built_in(facts, module))
      continue;
    // vfio_virqfd comes with vfio_pci, which needs it.
    if (!facts.modules_at_boot.contains(module) && module != "vfio_virqfd")
      not_at_boot.push_back(module);
    if (facts.modules->contains(module))
      continue;
    missing.push_back(module);
    if (facts.modules_installed && !facts.modules_installed->contains(module))
      installed = false;
  }
  if (!missing.empty()) {
    result.verdict = check_verdict::problem;
    result.seen = "not loaded: " + joined(missing, ", ");
    if (!installed) {
      result.seen += "; this kernel does not have them";
      result.remedy = {"install a kernel with CONFIG_VFIO_PCI (Debian: apt install "
                       "linux-image-amd64, not the cloud kernel)"};
      return result;
    }
    result.remedy = {"modprobe -a " + joined(missing, " ")};
  } else if (!not_at_boot.empty()) {
    result.verdict = check_verdict::warning;
    result.seen = "loaded, but not at the next boot: " + joined(not_at_boot, ", ");
  } else {
    result.verdict = check_verdict::ok;
    result.seen = "loaded or built in, at the next boot too";
  }
  if (!not_at_boot.empty())
    result.remedy.push_back("printf '%s\\n' " + joined(not_at_boot, " ") +
                            " > /etc/modules-load.d/berth.conf");
  return result;
}

finding check_vfio_node(const doctor_facts& facts) {
  finding result{.check = "vfio_device_node"};
  if (!facts.vfio_node) {
    result.seen = "/dev/vfio/vfio cannot be looked at";
  } else if (facts.vfio_node->exists && !open_to_qemu(*facts.vfio_node, 06)) {
    result.verdict = check_verdict::problem;
    result.seen = "/dev/vfio/vfio has mode " + octal(facts.vfio_node->mode) +
                  ": QEMU, which libvirt runs as a user of its own, cannot open it";
    result.remedy = {"grep -r vfio /etc/udev/rules.d   and take out the rule that sets its mode",
                     "chmod 0666 /dev/vfio/vfio"};
  } else if (facts.vfio_node->exists) {
    result.verdict = check_verdict::ok;
    result.seen = "/dev/vfio/vfio is there, mode " + octal(facts.vfio_node->mode);
  } else {
    result.verdict = check_verdict::problem;
    result.seen = "/dev/vfio/vfio is missing";
    result.remedy = {"modprobe vfio", "udevadm trigger --settle --subsystem-match=misc"};
  }
  return result;
}

finding check_settings(const doctor_facts& facts) {
  finding result{.check = "settings"};
  const auto& settings = facts.settings;
  if (settings.unreadable) {
    result.seen = settings.problem;
    result.remedy = {"run the doctor as root"};
  } else if (!settings.problem.empty()) {
    result.verdict = check_verdict::problem;
    result.seen = settings.problem;
    result.remedy = {"correct it; berth-host --config " + settings.file + " --check"};
  } else if (!settings.present) {
    result.verdict = check_verdict::warning;
    result.seen = settings.file + " is missing: the agent looks for a controller on this machine";
    result.remedy = {"cp /usr/share/doc/berth/host.yaml " + settings.file +
                     "   and name the controller there"};
  } else {
    result.verdict = check_verdict::ok;
    result.seen = settings.file + " is good";
  }
  return result;
}

finding check_disable_gpu(const doctor_facts& facts) {
  finding result{.check = "disable_gpu"};
  const auto& settings = facts.settings;
  if (!settings.problem.empty()) {
    result.seen = "the settings cannot be used, see there";
  } else if (settings.disable_gpu) {
    result.verdict = check_verdict::problem;
    result.seen = settings.file + " says disable_gpu: true: the agent looks for no GPU";
    result.remedy = {"in " + settings.file + ":  disable_gpu: false",
                     "systemctl restart berth-host"};
  } else {
    result.verdict = check_verdict::ok;
    result.seen = "disable_gpu: false";
  }
  return result;
}

finding check_state_dir(const doctor_facts& facts) {
  finding result{.check = "state_directory"};
  const auto& path = facts.settings.state_dir;
  if (!facts.state_dir) {
    result.needed = false;
    result.seen = path + " cannot be looked at";
    result.remedy = {"run the doctor as root"};
  } else if (!facts.state_dir->exists) {
    result.verdict = check_verdict::ok;
    result.seen = path + " is not there yet: systemd makes it when the agent starts";
    if (path != "/var/lib/berth-host") {
      result.verdict = check_verdict::problem;
      result.seen = path + " is missing, and systemd makes /var/lib/berth-host only";
      result.remedy = {"install -d -m 0700 " + path,
                       "systemctl edit berth-host:  [Service]  ReadWritePaths=" + path};
    }
  } else if (facts.state_dir->owner != 0 || (facts.state_dir->mode & 022U) != 0) {
    result.verdict = check_verdict::problem;
    result.seen = path + " has mode " + octal(facts.state_dir->mode) + " and owner " +
                  std::to_string(facts.state_dir->owner) +
                  ": others than root can change who owns a device";
    result.remedy = {"chown root: " + path + " && chmod 0700 " + path};
  } else {
    result.verdict = check_verdict::ok;
    result.seen = path + ", mode " + octal(facts.state_dir->mode);
  }
  return result;
}

finding check_tls_key(const doctor_facts& facts) {
  finding result{.check = "tls_key", .needed = false};
  const auto& path = facts.settings.tls_key;
  if (!facts.settings.problem.empty()) {
    result.seen = "the settings cannot be used, see there";
  } else if (path.empty()) {
    result.verdict = check_verdict::warning;
    result.seen = "no TLS in the settings: no controller lets the agent in";
    result.remedy = {"berthctl pki-init DIR --host HOST   on the controller's side, copy HOST.crt, "
                     "HOST.key and ca.crt here",
                     "in " + facts.settings.file + ":  tls: {certificate: ..., key: ..., ca: ...}"};
  } else if (!facts.tls_key) {
    result.seen = path + " cannot be looked at";
    result.remedy = {"run the doctor as root"};
  } else if (!facts.tls_key->exists) {
    result.verdict = check_verdict::problem;
    result.seen = path + " is missing: the agent cannot prove to the controller who it is";
    result.remedy = {
        "berthctl pki-issue DIR HOST   where the authority is kept; copy the key here"};
  } else if ((facts.tls_key->mode & 077U) != 0) {
    result.verdict = check_verdict::warning;
    result.seen = path + " has mode " + octal(facts.tls_key->mode) + ": others than root read it";
    result.remedy = {"chmod 0600 " + path};
  } else {
    result.verdict = check_verdict::ok;
    result.seen = path + ", mode " + octal(facts.tls_key->mode);
  }
  return result;
}

finding check_libvirt(const doctor_facts& facts) {
  finding result{.check = "libvirt"};
  const auto& uri = facts.settings.libvirt_uri;
  if (facts.hypervisor && facts.hypervisor->problem.empty()) {
    result.verdict = check_verdict::ok;
    result.seen = uri + " answers, libvirt " + facts.hypervisor->version;
  } else if (facts.hypervisor &&
             (uri != "qemu:///system" || facts.libvirt.answer == socket_answer::answers)) {
    const bool refused = facts.as_root && !facts.hypervisor->silent;
    result.verdict = refused ? check_verdict::problem : check_verdict::unknown;
    result.seen = uri + " cannot be used: " + facts.hypervisor->problem;
    result.remedy = {facts.as_root ? "systemctl status libvirtd; journalctl -u libvirtd"
                                   : "run the doctor as root"};
  } else {
    judge_socket(facts.libvirt, result);
  }
  return result;
}

finding check_memlock(const doctor_facts& facts) {
  finding result{.check = "memlock", .needed = false};
  const auto& daemon = facts.libvirt;
  const auto drop_in = std::vector<std::string>{
      "systemctl edit libvirtd:  [Service]  LimitMEMLOCK=infinity", "systemctl restart libvirtd"};
  if (!daemon.running) {
    result.verdict = check_verdict::not_applicable;
    result.seen = "libvirt's daemon does not run now; as root it sets each server's limit itself";
  } else if (daemon.raises_limits.value_or(false)) {
    result.verdict = check_verdict::ok;
    result.seen = "libvirt's daemon sets each server's limit itself";
  } else if (!daemon.memlock_max || !facts.memory_kib || !daemon.raises_limits) {
    result.seen = "the limits of libvirt's daemon cannot be read";
  } else if (*daemon.memlock_max >> 10U >= *facts.memory_kib) {
    result.verdict = check_verdict::ok;
    result.seen = "a server may lock all of the machine's memory";
  } else {
    result.verdict = check_verdict::problem;
    result.seen = "a server may lock " + std::to_string(*daemon.memlock_max >> 20U) + " MiB of " +
                  gibibytes(*facts.memory_kib) +
                  ", and libvirt's daemon lacks CAP_SYS_RESOURCE to change that: vfio locks a "
                  "guest's whole memory";
    result.remedy = drop_in;
  }
  return result;
}

finding check_hugepages(const doctor_facts& facts) {
  finding result{.check = "hugepages", .needed = false};
  if (!facts.hugepages) {
    result.seen = "/sys/kernel/mm/hugepages cannot be read";
    return result;
  }
  result.verdict = check_verdict::not_applicable;
  result.seen = "none reserved (they are optional)";
  for (const auto& pool : *facts.hugepages) {
    if (pool.reserved == 0)
      continue;
    if (result.verdict == check_verdict::not_applicable)
      result.seen.clear();
    result.verdict = check_verdict::ok;
    result.seen += (result.seen.empty() ? "" : ", ") + std::to_string(pool.reserved) + " of " +
                   std::to_string(pool.page_kib) + " KiB, " + std::to_string(pool.unused) + " free";
  }
  if (const auto wanted = facts.settings.hugepage_kib;
      wanted != 0 && !has_reserved(*facts.hugepages, wanted)) {
    const auto size = std::to_string(wanted);
    result.verdict = check_verdict::problem;
    result.seen = "servers.hugepage_kib: " + size +
                  " and no huge page of that size is reserved: no server can start";
    result.remedy = {"echo N > /sys/kernel/mm/hugepages/hugepages-" + size +
                         "kB/nr_hugepages   (N: the memory of all servers in pages)",
                     "and for the next boot, on the kernel's command line: hugepagesz=" + size +
                         "K hugepages=N",
                     "or in " + facts.settings.file + ":  servers: {hugepage_kib: 0}"};
    return result;
  }
  const bool asked = facts.command_line && !last_value(*facts.command_line, "hugepages").empty() &&
                     last_value(*facts.command_line, "hugepages") != "0";
  if (asked && result.verdict == check_verdict::not_applicable) {
    result.verdict = check_verdict::warning;
    result.seen = "the command line asks for huge pages and the kernel has reserved none";
    result.remedy = {"ask for less than the machine's memory, and for 1 GiB pages with "
                     "default_hugepagesz=1G hugepagesz=1G hugepages=N"};
  }
  return result;
}

finding check_qemu(const doctor_facts& facts) {
  finding result{.check = "qemu"};
  if (!facts.qemu) {
    result.seen = "/usr/bin cannot be looked at";
  } else if (*facts.qemu) {
    result.verdict = check_verdict::ok;
    result.seen = "installed";
  } else {
    result.verdict = check_verdict::problem;
    result.seen = "QEMU is not installed";
    result.remedy = {"apt install qemu-system-x86   (RHEL: dnf install qemu-kvm)"};
  }
  return result;
}

finding check_uefi_firmware(const doctor_facts& facts) {
  finding result{.check = "uefi_firmware"};
  if (!facts.uefi_firmware) {
    result.seen = "/usr/share cannot be looked at";
  } else if (*facts.uefi_firmware) {
    result.verdict = check_verdict::ok;
    result.seen = "installed";
  } else {
    result.verdict = check_verdict::problem;
    result.seen = "no UEFI firmware for guests: GPUs with large BARs, and Windows with a GPU-VGA "
                  "device, need it";
    result.remedy = {"apt install ovmf   (RHEL: dnf install edk2-ovmf)"};
  }
  return result;
}

} // namespace berth::hostbackend::host_linux
