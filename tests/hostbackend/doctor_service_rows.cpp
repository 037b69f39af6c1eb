#include "tests/hostbackend/doctor_rows.hpp"

namespace berth::hostbackend::testing {

namespace {

constexpr auto ok = check_verdict::ok;
constexpr auto warning = check_verdict::warning;
constexpr auto problem = check_verdict::problem;
constexpr auto not_applicable = check_verdict::not_applicable;
constexpr auto unknown = check_verdict::unknown;

} // namespace

std::vector<row> service_rows() {
  return {
      {"loaded, at boot too", [](auto&) {}, "vfio_modules", ok},
      {"one is missing", [](auto& f) { f.modules->erase("vfio_pci"); }, "vfio_modules", problem,
       "not loaded: vfio_pci", "modprobe -a vfio_pci"},
      {"vfio_virqfd is a module before Linux 6.2", [](auto& f) { f.modules->erase("vfio_virqfd"); },
       "vfio_modules", problem, "not loaded: vfio_virqfd", "modprobe -a vfio_virqfd"},
      {"and none since",
       [](auto& f) {
         f.modules->erase("vfio_virqfd");
         f.kernel_release = "6.2.0";
       },
       "vfio_modules", ok},
      {"not at boot", [](auto& f) { f.modules_at_boot.clear(); }, "vfio_modules", warning,
       "next boot", "/etc/modules-load.d/berth.conf"},
      {"built in",
       [](auto& f) {
         f.modules->clear();
         f.modules_at_boot.clear();
         f.modules_built_in = {"vfio", "vfio_iommu_type1", "vfio_pci", "vfio_virqfd"};
       },
       "vfio_modules", ok},
      {"a kernel without them",
       [](auto& f) {
         f.modules->clear();
         f.modules_installed->clear();
       },
       "vfio_modules", problem, "this kernel does not have them", "linux-image-amd64"},
      {"/sys/module cannot be read", [](auto& f) { f.modules.reset(); }, "vfio_modules", unknown},

      {"node", [](auto&) {}, "vfio_device_node", ok, "mode 0666"},
      {"no node", [](auto& f) { f.vfio_node = path_facts{}; }, "vfio_device_node", problem,
       "missing", "modprobe vfio"},
      {"closed", [](auto& f) { f.vfio_node->mode = 0600; }, "vfio_device_node", problem, "0600",
       "chmod 0666"},
      {"open for a group",
       [](auto& f) {
         f.vfio_node = path_facts{true, 0660, 0, 104};
       },
       "vfio_device_node", ok},
      {"node cannot be looked at", [](auto& f) { f.vfio_node.reset(); }, "vfio_device_node",
       unknown},

      {"settings", [](auto&) {}, "settings", ok},
      {"no settings", [](auto& f) { f.settings.present = false; }, "settings", warning, "missing",
       "cp /usr/share/doc/berth/host.yaml"},
      {"wrong settings", [](auto& f) { f.settings.problem = "host.yaml:3: unknown key"; },
       "settings", problem, "host.yaml:3", "--check"},
      {"settings cannot be read",
       [](auto& f) {
         f.settings.problem = "it cannot be read";
         f.settings.unreadable = true;
       },
       "settings", unknown, "", "as root"},
      {"GPUs are on", [](auto&) {}, "disable_gpu", ok},
      {"GPUs are off", [](auto& f) { f.settings.disable_gpu = true; }, "disable_gpu", problem,
       "disable_gpu: true", "disable_gpu: false"},
      {"wrong settings", [](auto& f) { f.settings.problem = "wrong"; }, "disable_gpu", unknown},

      {"state directory", [](auto&) {}, "state_directory", ok},
      {"not there yet", [](auto& f) { f.state_dir = path_facts{}; }, "state_directory", ok,
       "systemd makes it"},
      {"another one, and not there",
       [](auto& f) {
         f.settings.state_dir = "/srv/berth";
         f.state_dir = path_facts{};
       },
       "state_directory", problem, "/srv/berth is missing", "ReadWritePaths=/srv/berth"},
      {"others may write", [](auto& f) { f.state_dir->mode = 0777; }, "state_directory", problem,
       "0777", "chmod 0700"},
      {"another owner", [](auto& f) { f.state_dir->owner = 1'000; }, "state_directory", problem,
       "owner 1000", "chown root:"},
      {"cannot be looked at", [](auto& f) { f.state_dir.reset(); }, "state_directory", unknown, "",
       "as root"},
      {"key", [](auto&) {}, "tls_key", ok},
      {"wrong settings", [](auto& f) { f.settings.problem = "wrong"; }, "tls_key", unknown,
       "see there"},
      {"no TLS", [](auto& f) { f.settings.tls_key.clear(); }, "tls_key", warning, "no TLS",
       "pki-init"},
      {"no key", [](auto& f) { f.tls_key = path_facts{}; }, "tls_key", problem, "missing",
       "pki-issue"},
      {"others read the key", [](auto& f) { f.tls_key->mode = 0644; }, "tls_key", warning, "0644",
       "chmod 0600"},

      {"libvirt", [](auto&) {}, "libvirt", ok, "qemu:///system answers, libvirt 9.0.0"},
      {"not installed", [](auto& f) { lose_libvirt(f, socket_answer::absent); }, "libvirt", problem,
       "no socket", "apt install libvirt-daemon-system"},
      {"down", [](auto& f) { lose_libvirt(f, socket_answer::refused); }, "libvirt", problem,
       "nothing listens", "systemctl restart libvirtd"},
      {"hangs", [](auto& f) { lose_libvirt(f, socket_answer::silent); }, "libvirt", unknown,
       "no answer", "systemctl status libvirtd"},
      {"forbidden", [](auto& f) { lose_libvirt(f, socket_answer::forbidden); }, "libvirt", unknown,
       "", "as root"},
      {"listens and refuses", [](auto& f) { f.hypervisor->problem = "authentication failed"; },
       "libvirt", problem, "authentication failed", "journalctl"},
      {"listens and is silent",
       [](auto& f) {
         f.hypervisor->problem = "no answer in 30 s";
         f.hypervisor->silent = true;
       },
       "libvirt", unknown, "no answer in 30 s", "systemctl status libvirtd"},
      {"refuses this user",
       [](auto& f) {
         f.hypervisor->problem = "access denied by policy";
         f.as_root = false;
       },
       "libvirt", unknown, "access denied", "as root"},
      {"another URI",
       [](auto& f) {
         lose_libvirt(f, socket_answer::absent);
         f.settings.libvirt_uri = "qemu+tcp://localhost/system";
         f.hypervisor->problem = "unable to connect";
       },
       "libvirt", problem, "qemu+tcp://localhost/system cannot be used: unable to connect"},
      {"a tree, with a socket", [](auto& f) { f.hypervisor.reset(); }, "libvirt", ok,
       "takes connections"},

      {"libvirt raises limits", [](auto&) {}, "memlock", ok},
      {"too little to lock", [](auto& f) { f.libvirt.raises_limits = false; }, "memlock", problem,
       "64 MiB of 256 GiB", "LimitMEMLOCK=infinity"},
      {"no limit",
       [](auto& f) {
         f.libvirt.raises_limits = false;
         f.libvirt.memlock_max = UINT64_MAX;
       },
       "memlock", ok},
      {"libvirt does not run", [](auto& f) { f.libvirt.running = false; }, "memlock",
       not_applicable},
      {"limits cannot be read",
       [](auto& f) {
         f.libvirt.raises_limits.reset();
         f.libvirt.memlock_max.reset();
       },
       "memlock", unknown},

      {"no huge pages", [](auto&) {}, "hugepages", not_applicable, "optional"},
      {"reserved",
       [](auto& f) {
         f.hugepages = {{1'048'576, 64, 60}};
       },
       "hugepages", ok, "64 of 1048576 KiB, 60 free"},
      {"asked of the kernel, and none reserved",
       [](auto& f) { f.command_line->push_back("hugepages=64"); }, "hugepages", warning,
       "has reserved none", "default_hugepagesz=1G"},
      {"servers want them, and none are reserved",
       [](auto& f) { f.settings.hugepage_kib = 1'048'576; }, "hugepages", problem,
       "servers.hugepage_kib: 1048576", "hugepages-1048576kB/nr_hugepages"},
      {"servers want another size",
       [](auto& f) {
         f.settings.hugepage_kib = 1'048'576;
         f.hugepages = {{2'048, 1'024, 1'024}, {1'048'576, 0, 0}};
       },
       "hugepages", problem, "of that size", "hugepage_kib: 0"},
      {"servers want them, and have them",
       [](auto& f) {
         f.settings.hugepage_kib = 2'048;
         f.hugepages = {{2'048, 1'024, 0}};
       },
       "hugepages", ok},
      {"hugepages cannot be read", [](auto& f) { f.hugepages.reset(); }, "hugepages", unknown},

      {"qemu", [](auto&) {}, "qemu", ok},
      {"no qemu", [](auto& f) { f.qemu = false; }, "qemu", problem, "", "apt install qemu"},
      {"firmware", [](auto&) {}, "uefi_firmware", ok},
      {"no firmware", [](auto& f) { f.uefi_firmware = false; }, "uefi_firmware", problem, "",
       "apt install ovmf"},
  };
}

} // namespace berth::hostbackend::testing
