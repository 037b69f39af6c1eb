#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/pci_facts.hpp"

namespace berth::hostbackend::host_linux {

// What the doctor looks at. Everywhere here nullopt = could not be read, which is never "fine".

/// What host.yaml says, as far as it matters for passthrough; read by the caller.
struct doctor_settings {
  std::string file; ///< its name in messages
  bool present = true;
  std::string problem;     ///< why it cannot be used; empty = it is good
  bool unreadable = false; ///< `problem` is about rights, not about the content
  bool disable_gpu = false;
  bool use_boot_vga = false;
  std::string state_dir = "/var/lib/berth-host";
  std::string tls_key;    ///< empty = none configured
  bool emulation = false; ///< servers run without KVM
  std::string libvirt_uri = "qemu:///system";
  std::string disk_pool = "berth";
  std::string disk_directory = "/var/lib/libvirt/berth"; ///< where that pool is said to lie
  std::string image_pool = "berth-images";
  std::uint64_t hugepage_kib = 0; ///< 0 = servers' memory is of ordinary pages
};

enum class cpu_maker : std::uint8_t { intel, amd, other };

struct cpu_facts {
  cpu_maker maker = cpu_maker::other;
  bool virtualization = false; ///< flag `vmx` or `svm`: the firmware lets guests run
};

/// One file or directory.
struct path_facts {
  bool exists = false;
  std::uint32_t mode = 0; ///< permission bits
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
};

/// What modprobe.d(5) says of drivers.
struct modprobe_facts {
  std::set<std::string> kept_out;      ///< by `blacklist`, or by `install X /bin/false`; `-` as `_`
  std::vector<std::string> unreadable; ///< files that could not be read
};

/// Huge pages of one size.
struct hugepage_pool {
  std::uint64_t page_kib = 0;
  std::uint64_t reserved = 0;
  std::uint64_t unused = 0;
};

enum class socket_answer : std::uint8_t { absent, answers, refused, forbidden, silent };

/// The daemon that runs the servers.
struct libvirt_facts {
  std::string socket; ///< the socket that was tried
  socket_answer answer = socket_answer::absent;
  bool running = false; ///< a process was found; a socket of systemd answers without one
  std::optional<bool> raises_limits;        ///< it has CAP_SYS_RESOURCE
  std::optional<std::uint64_t> memlock_max; ///< bytes; UINT64_MAX = unlimited
};

/// A storage pool of libvirt.
struct pool_facts {
  bool active = false;
  bool autostart = false;
  std::string directory; ///< its target; empty = it has none
  /// The first directory on the way there, itself included, that only root may enter; empty = none,
  /// nullopt = they could not all be looked at.
  std::optional<std::string> closed_at;
};

/// What libvirt says when it is asked.
struct hypervisor_facts {
  std::string problem; ///< why it could not be asked, in its words; empty = it could
  bool silent = false; ///< `problem` is that it did not answer in time: nothing is known
  std::string version; ///< `9.0.0`
  std::map<std::string, pool_facts> pools; ///< those of the settings that are defined
};

struct doctor_facts {
  doctor_settings settings;
  bool as_root = false;
  std::optional<cpu_facts> cpu;
  std::optional<std::string> kernel_release;            ///< `6.1.0-28-amd64`
  std::optional<std::vector<std::string>> command_line; ///< words of the kernel's command line
  std::optional<std::set<std::string>> acpi_tables;
  std::optional<std::size_t> iommu_groups;
  std::optional<bool> interrupts_remapped; ///< nullopt, too, where the kernel does not show it
  std::optional<bool> unsafe_interrupts;   ///< the parameter of vfio_iommu_type1, if it is loaded
  std::optional<std::set<std::string>> modules; ///< loaded or built in with parameters
  std::optional<std::set<std::string>> modules_built_in;
  std::optional<std::set<std::string>> modules_installed;
  std::set<std::string> modules_at_boot; ///< modules-load.d(5) and /etc/modules
  modprobe_facts modprobe;
  std::optional<path_facts> kvm_node;  ///< /dev/kvm
  std::optional<path_facts> vfio_node; ///< /dev/vfio/vfio
  std::optional<path_facts> state_dir;
  std::optional<path_facts> tls_key;
  std::optional<std::vector<hugepage_pool>> hugepages;
  std::optional<std::uint64_t> memory_kib;
  libvirt_facts libvirt;
  std::optional<hypervisor_facts> hypervisor; ///< nullopt = it was not asked
  std::optional<bool> qemu;
  std::optional<bool> uefi_firmware; ///< for guests: code and variables
  std::optional<std::vector<function_facts>> functions;
  std::map<model::pci_address, std::string> names; ///< of GPUs, `NVIDIA GeForce GTX 1050 Ti`
};

/// Reads the machine below `root` (`/`, or a tree that looks like one): /sys, /proc, /dev, /etc,
/// /run, /lib/modules, /usr. Changes nothing. Files are read up to a bound, links are followed,
/// libvirt's socket is connected to and closed again; libvirt is not asked for anything, see
/// ask_hypervisor(). Takes seconds at most.
[[nodiscard]] doctor_facts gather(const std::filesystem::path& root, doctor_settings settings);

/// The words of a kernel command line: blanks separate, double quotes keep together (kernel doc
/// admin-guide/kernel-parameters).
[[nodiscard]] std::vector<std::string> split_command_line(std::string_view text);

/// Whether an IOMMU remaps the interrupts, from the text of /proc/interrupts: on x86 the
/// controllers behind one that does are called `IR-PCI-MSI`, `IR-IO-APIC`, ... (kernel,
/// drivers/iommu: all of a machine's interrupts are remapped, or none). nullopt = no line tells, as
/// on other processors.
[[nodiscard]] std::optional<bool> interrupts_are_remapped(std::string_view proc_interrupts);

/// Whether QEMU, which libvirt runs as a user and group of its own, has these rights there (4 read,
/// 2 write, 1 enter): all have them, or an owner or group other than root, as libvirt's own.
[[nodiscard]] bool open_to_qemu(const path_facts& path, std::uint32_t rights);

/// Adds what one file of modprobe.d(5) keeps out.
void read_modprobe_file(std::string_view text, std::set<std::string>& kept_out);

} // namespace berth::hostbackend::host_linux
