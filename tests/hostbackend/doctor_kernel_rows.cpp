#include "tests/hostbackend/doctor_rows.hpp"

namespace berth::hostbackend::testing {

namespace {

constexpr auto ok = check_verdict::ok;
constexpr auto warning = check_verdict::warning;
constexpr auto problem = check_verdict::problem;
constexpr auto not_applicable = check_verdict::not_applicable;
constexpr auto unknown = check_verdict::unknown;

void words(doctor_facts& facts, std::vector<std::string> command_line) {
  facts.command_line = std::move(command_line);
}

} // namespace

std::vector<row> kernel_rows() {
  return {
      {"kvm", [](auto&) {}, "cpu", ok},
      {"no kvm, virtualization on", [](auto& f) { f.kvm_node = path_facts{}; }, "cpu", problem,
       "/dev/kvm is missing", "modprobe kvm_intel"},
      {"no kvm on AMD",
       [](auto& f) {
         f.kvm_node = path_facts{};
         f.cpu->maker = cpu_maker::amd;
       },
       "cpu", problem, "/dev/kvm", "modprobe kvm_amd"},
      {"virtualization off in the firmware",
       [](auto& f) {
         f.kvm_node = path_facts{};
         f.cpu->virtualization = false;
       },
       "cpu", problem, "neither vmx nor svm", "VT-x"},
      {"emulation is asked for",
       [](auto& f) {
         f.kvm_node = path_facts{};
         f.settings.emulation = true;
       },
       "cpu", warning, "servers.emulation", "emulation: false"},
      {"no cpuinfo",
       [](auto& f) {
         f.cpu.reset();
         f.kvm_node = path_facts{};
       },
       "cpu", unknown},

      {"DMAR", [](auto&) {}, "iommu_firmware", ok, "DMAR"},
      {"IVRS", [](auto& f) { f.acpi_tables = {"IVRS"}; }, "iommu_firmware", ok, "IVRS"},
      {"an IOMMU without a table", [](auto& f) { f.acpi_tables = {"FACP"}; }, "iommu_firmware", ok,
       "at work"},
      {"no table, Intel",
       [](auto& f) {
         f.acpi_tables = {"FACP"};
         lose_iommu(f);
       },
       "iommu_firmware", problem, "no ACPI table", "VT-d"},
      {"no table, AMD",
       [](auto& f) {
         f.acpi_tables = {"FACP"};
         f.cpu->maker = cpu_maker::amd;
         lose_iommu(f);
       },
       "iommu_firmware", problem, "no ACPI table", "AMD-Vi"},
      {"tables cannot be read",
       [](auto& f) {
         f.acpi_tables.reset();
         lose_iommu(f);
       },
       "iommu_firmware", unknown},

      {"the page's argument", [](auto&) {}, "iommu_kernel", ok, "intel_iommu=on"},
      {"on by default", [](auto& f) { words(f, {"quiet"}); }, "iommu_kernel", ok,
       "without an argument"},
      {"Intel, off by default",
       [](auto& f) {
         words(f, {"quiet"});
         lose_iommu(f);
       },
       "iommu_kernel",
       problem,
       "intel_iommu=on is missing",
       "reboot",
       {"intel_iommu=on"}},
      {"Intel with options, one of them on",
       [](auto& f) {
         words(f, {"intel_iommu=sm_on,on"});
         lose_iommu(f);
       },
       "iommu_kernel", ok},
      {"AMD needs no argument",
       [](auto& f) {
         words(f, {"quiet"});
         f.acpi_tables = {"IVRS"};
         lose_iommu(f);
       },
       "iommu_kernel", ok, "needs no argument"},
      {"switched off",
       [](auto& f) {
         words(f, {"intel_iommu=off"});
         lose_iommu(f);
       },
       "iommu_kernel",
       problem,
       "intel_iommu=off",
       "reboot",
       {"intel_iommu=on"},
       {"intel_iommu=off"}},
      {"switched off for AMD",
       [](auto& f) {
         words(f, {"amd_iommu=off", "iommu=off"});
         f.acpi_tables = {"IVRS"};
         lose_iommu(f);
       },
       "iommu_kernel",
       problem,
       "iommu=off",
       "reboot",
       {},
       {"iommu=off", "amd_iommu=off"}},
      {"off for the other maker's IOMMU",
       [](auto& f) { f.command_line->push_back("amd_iommu=off"); },
       "iommu_kernel",
       warning,
       "amd_iommu=off",
       "reboot",
       {},
       {"amd_iommu=off"}},
      {"no command line", [](auto& f) { f.command_line.reset(); }, "iommu_kernel", unknown},

      {"groups", [](auto&) {}, "iommu_groups", ok, "17 IOMMU groups"},
      {"no groups", lose_iommu, "iommu_groups", problem, "no IOMMU group", "iommu_firmware"},
      {"groups cannot be read", [](auto& f) { f.iommu_groups.reset(); }, "iommu_groups", unknown,
       "", "container"},
      {"an isolation that is not there",
       [](auto& f) { f.command_line->push_back("pcie_acs_override=downstream"); },
       "iommu_groups",
       warning,
       "pcie_acs_override",
       "reboot",
       {},
       {"pcie_acs_override=downstream"}},

      {"pt", [](auto&) {}, "iommu_mode", ok},
      {"pt by its other name", [](auto& f) { words(f, {"iommu.passthrough=1"}); }, "iommu_mode",
       ok},
      {"no pt",
       [](auto& f) { words(f, {"intel_iommu=on"}); },
       "iommu_mode",
       warning,
       "iommu=pt",
       "reboot",
       {"iommu=pt"}},
      {"a later word undoes it",
       [](auto& f) {
         words(f, {"iommu=pt", "iommu=nopt"});
       },
       "iommu_mode",
       warning,
       "iommu=pt",
       "reboot",
       {"iommu=pt"}},

      {"remapped", [](auto&) {}, "interrupt_remapping", ok},
      {"not remapped",
       [](auto& f) { f.interrupts_remapped = false; },
       "interrupt_remapping",
       problem,
       "vfio refuses",
       "x2APIC",
       {"vfio_iommu_type1.allow_unsafe_interrupts=1"}},
      {"switched off",
       [](auto& f) {
         f.interrupts_remapped = false;
         f.command_line->push_back("intremap=off");
       },
       "interrupt_remapping",
       problem,
       "not remapped",
       "x2APIC",
       {},
       {"intremap=off"}},
      {"not remapped, and allowed",
       [](auto& f) {
         f.interrupts_remapped = false;
         f.unsafe_interrupts = true;
       },
       "interrupt_remapping", warning, "forge", "x2APIC"},
      {"allowed without need",
       [](auto& f) {
         f.unsafe_interrupts = true;
         f.command_line->push_back("vfio_iommu_type1.allow_unsafe_interrupts=1");
       },
       "interrupt_remapping",
       warning,
       "not needed",
       "echo N >",
       {},
       {"vfio_iommu_type1.allow_unsafe_interrupts=1"}},
      {"the kernel does not show it", [](auto& f) { f.interrupts_remapped.reset(); },
       "interrupt_remapping", unknown, "does not tell", "dmesg"},
      {"no IOMMU", lose_iommu, "interrupt_remapping", not_applicable},

      {"the page's arguments", [](auto& f) { f.modprobe.kept_out.clear(); }, "nouveau", ok,
       "nouveau.modeset=0"},
      {"modprobe.d", [](auto& f) { words(f, {}); }, "nouveau", ok, "modprobe.d"},
      {"modprobe.blacklist",
       [](auto& f) {
         f.modprobe.kept_out.clear();
         words(f, {"modprobe.blacklist=nvidia,nouveau"});
       },
       "nouveau", ok, "command line"},
      {"kept out of the initramfs alone",
       [](auto& f) {
         f.modprobe.kept_out.clear();
         words(f, {"rd.driver.blacklist=nouveau"});
       },
       "nouveau",
       problem,
       "initramfs only",
       "blacklist nouveau",
       {"nouveau.modeset=0"}},
      {"nothing keeps it out",
       [](auto& f) {
         f.modprobe.kept_out.clear();
         words(f, {"nouveau.modeset=1"});
       },
       "nouveau",
       problem,
       "nothing keeps nouveau",
       "blacklist nouveau",
       {"rdblacklist=nouveau", "nouveau.modeset=0"}},
      {"loaded although it is kept out",
       [](auto& f) {
         words(f, {});
         f.modules->insert("nouveau");
       },
       "nouveau", warning, "but loaded", "update-initramfs"},
      {"a file of modprobe.d cannot be read",
       [](auto& f) {
         f.modprobe = {{}, {"/etc/modprobe.d/secret.conf"}};
         words(f, {});
       },
       "nouveau", unknown, "/etc/modprobe.d/secret.conf"},
      {"no NVIDIA GPU", [](auto& f) { f.functions->clear(); }, "nouveau", not_applicable},
  };
}

} // namespace berth::hostbackend::testing
