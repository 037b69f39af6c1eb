#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "hostbackend/linux/doctor_facts.hpp"
#include "hostbackend/pci_facts.hpp"
#include "model/pci_address.hpp"

// Hosts for the doctor's tests, as facts: one that lacks nothing, and each way to lack something.

namespace berth::hostbackend::testing {

using host_linux::cpu_maker;
using host_linux::doctor_facts;
using host_linux::path_facts;
using host_linux::socket_answer;

inline model::pci_address at(const char* text) {
  return *model::pci_address::parse(text);
}

inline function_facts function(const char* address, const char* parent, model::vendor_device_id id,
                               std::uint32_t class_code, int group) {
  function_facts one;
  one.address = at(address);
  if (parent != nullptr)
    one.parent = at(parent);
  one.id = id;
  one.class_code = class_code;
  one.iommu_group = group;
  one.reset_methods = {"bus"};
  return one;
}

/// Two cards with a GPU and its audio function, and a network card, on root ports of their own.
inline std::vector<function_facts> healthy_functions() {
  std::vector<function_facts> all;
  for (const auto* port : {"0000:00:01.0", "0000:00:02.0", "0000:00:03.0"}) {
    all.push_back(function(port, nullptr, {0x8086, 0x1901}, 0x060400, port[9] - '0'));
    all.back().kind = port_kind::root_port;
    all.back().driver = "pcieport";
  }
  all.push_back(function("0000:01:00.0", "0000:00:01.0", {0x10de, 0x1c82}, 0x030000, 11));
  all.push_back(function("0000:01:00.1", "0000:00:01.0", {0x10de, 0x0fb9}, 0x040300, 11));
  all.push_back(function("0000:02:00.0", "0000:00:02.0", {0x10de, 0x1c82}, 0x030000, 12));
  all.push_back(function("0000:02:00.1", "0000:00:02.0", {0x10de, 0x0fb9}, 0x040300, 12));
  all.push_back(function("0000:03:00.0", "0000:00:03.0", {0x8086, 0x1533}, 0x020000, 13));
  all.back().driver = "igb";
  all.back().in_use = "network interface eno1 is up";
  return all;
}

inline function_facts& function_at(doctor_facts& facts, const char* address) {
  for (auto& one : *facts.functions)
    if (one.address == at(address))
      return one;
  return facts.functions->front(); // no test names an address that is not there
}

/// A Debian 12 host after docs/host-setup.md.
inline doctor_facts healthy_host() {
  doctor_facts facts;
  facts.settings.file = "/etc/berth/host.yaml";
  facts.settings.tls_key = "/etc/berth/pki/gpu-1.key";
  facts.as_root = true;
  facts.cpu = {cpu_maker::intel, true};
  facts.kernel_release = "6.1.0-28-amd64";
  facts.command_line = {"quiet", "intel_iommu=on", "iommu=pt", "rdblacklist=nouveau",
                        "nouveau.modeset=0"};
  facts.acpi_tables = {"APIC", "DMAR", "FACP"};
  facts.iommu_groups = 17;
  facts.interrupts_remapped = true;
  facts.unsafe_interrupts = false;
  facts.modules = {"vfio", "vfio_iommu_type1", "vfio_pci", "vfio_virqfd", "kvm_intel"};
  facts.modules_built_in.emplace();
  facts.modules_installed = {"vfio", "vfio_iommu_type1", "vfio_pci", "vfio_virqfd", "nouveau"};
  facts.modules_at_boot = {"vfio", "vfio_iommu_type1", "vfio_pci"};
  facts.modprobe.kept_out = {"nouveau"};
  facts.kvm_node = path_facts{true, 0660, 0, 104};
  facts.vfio_node = path_facts{true, 0666, 0, 0};
  facts.state_dir = path_facts{true, 0700, 0, 0};
  facts.tls_key = path_facts{true, 0600, 0, 0};
  facts.hugepages = {{2'048, 0, 0}, {1'048'576, 0, 0}};
  facts.memory_kib = 256ULL << 20U;
  facts.libvirt.socket = "/run/libvirt/libvirt-sock";
  facts.libvirt.answer = socket_answer::answers;
  facts.libvirt.running = true;
  facts.libvirt.raises_limits = true;
  facts.libvirt.memlock_max = 64ULL << 20U;
  facts.hypervisor.emplace();
  facts.hypervisor->version = "9.0.0";
  for (const auto* name : {"berth", "berth-images"})
    facts.hypervisor->pools[name] = {true, true, std::string{"/var/lib/libvirt/"} + name, ""};
  facts.qemu = true;
  facts.uefi_firmware = true;
  facts.functions = healthy_functions();
  for (const auto* gpu : {"0000:01:00.0", "0000:02:00.0"})
    facts.names[at(gpu)] = "NVIDIA GeForce GTX 1050 Ti";
  return facts;
}

inline void lose_iommu(doctor_facts& facts) {
  facts.iommu_groups = 0;
  facts.interrupts_remapped = false;
  for (auto& one : *facts.functions)
    one.iommu_group = -1;
}

inline void lose_libvirt(doctor_facts& facts, socket_answer answer) {
  facts.libvirt = {};
  facts.libvirt.socket = "/run/libvirt/libvirt-sock";
  facts.libvirt.answer = answer;
  facts.hypervisor.emplace();
  facts.hypervisor->problem = "Failed to connect socket to '/run/libvirt/libvirt-sock'";
}

/// Debian 12 as its installer leaves it, with the cards in place and VT-d on.
inline void untouched(doctor_facts& facts) {
  facts.settings.present = false;
  facts.settings.tls_key.clear();
  facts.tls_key.reset();
  facts.command_line = {"quiet"};
  facts.modules = {"kvm_intel", "nouveau", "igb"};
  facts.modules_at_boot.clear();
  facts.modprobe.kept_out.clear();
  facts.vfio_node = path_facts{};
  facts.state_dir = path_facts{};
  facts.unsafe_interrupts.reset();
  facts.qemu = false;
  facts.uefi_firmware = false;
  lose_iommu(facts);
  lose_libvirt(facts, socket_answer::absent);
  function_at(facts, "0000:01:00.0").boot_vga = true;
  for (const auto* gpu : {"0000:01:00.0", "0000:02:00.0"})
    function_at(facts, gpu).driver = "nouveau";
}

/// Nothing could be read at all, as in a container without /sys and /proc.
inline void blind(doctor_facts& facts) {
  auto settings = std::move(facts.settings);
  facts = {};
  facts.settings = std::move(settings);
  facts.settings.tls_key.clear();
  facts.libvirt.answer = socket_answer::silent;
}

inline void hostile(doctor_facts& facts) {
  facts.command_line = {"\x1b[2J", "intel_iommu=\xff\xfe", "iommu=,,,", "=", "nouveau.modeset="};
  facts.kernel_release = "6.999999999999.x\n";
  facts.settings.problem = "host.yaml:1: \x07 is no key\n\x1b]0;owned\x07";
  facts.libvirt.answer = socket_answer::silent;
  facts.hypervisor->problem = std::string{"\0\x01\xc3(", 5};
  facts.names[at("0000:01:00.0")] = "\x1b[31m\xf0\x28";
  facts.modprobe = {{}, {"/etc/modprobe.d/\x1b[2J.conf"}};
}

struct doctor_host {
  const char* name;
  std::function<void(doctor_facts&)> change; ///< of the healthy host
};

/// Each with a page of its own in tests/apps/golden/doctor.
inline std::vector<doctor_host> doctor_hosts() {
  return {
      {"healthy", [](doctor_facts&) {}},
      {"untouched", untouched},
      {"iommu-off-in-firmware",
       [](doctor_facts& facts) {
         facts.acpi_tables->erase("DMAR");
         lose_iommu(facts);
       }},
      {"iommu-off-on-command-line",
       [](doctor_facts& facts) {
         facts.command_line = {"quiet", "intel_iommu=off", "nouveau.modeset=0"};
         lose_iommu(facts);
       }},
      {"drivers-on-gpus",
       [](doctor_facts& facts) {
         facts.command_line = {"intel_iommu=on", "iommu=pt"};
         facts.modprobe.kept_out.clear();
         function_at(facts, "0000:01:00.0").driver = "nouveau";
         function_at(facts, "0000:02:00.0").driver = "nvidia";
       }},
      {"gpus-disabled", [](doctor_facts& facts) { facts.settings.disable_gpu = true; }},
      {"vfio-modules-missing",
       [](doctor_facts& facts) {
         facts.modules = {"kvm_intel"};
         facts.modules_at_boot.clear();
         facts.vfio_node = path_facts{};
         facts.unsafe_interrupts.reset();
       }},
      {"group-shared-with-a-nic",
       [](doctor_facts& facts) { function_at(facts, "0000:03:00.0").iommu_group = 11; }},
      {"memlock-too-low", [](doctor_facts& facts) { facts.libvirt.raises_limits = false; }},
      {"no-guest-firmware", [](doctor_facts& facts) { facts.uefi_firmware = false; }},
      {"libvirt-down", [](doctor_facts& facts) { lose_libvirt(facts, socket_answer::refused); }},
      {"vfio-closed", [](doctor_facts& facts) { facts.vfio_node->mode = 0600; }},
      {"hugepages-not-reserved",
       [](doctor_facts& facts) {
         facts.settings.hugepage_kib = 1'048'576;
         facts.command_line->push_back("hugepages=64");
       }},
      {"storage-pools-missing",
       [](doctor_facts& facts) {
         facts.hypervisor->pools.erase("berth-images");
         facts.hypervisor->pools["berth"].active = false;
       }},
      {"hostile", hostile},
      {"blind", blind},
  };
}

} // namespace berth::hostbackend::testing
