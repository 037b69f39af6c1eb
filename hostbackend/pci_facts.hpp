#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.hpp"
#include "model/ids.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend {

/// What a PCI Express function is on its bus.
enum class port_kind : std::uint8_t { endpoint, root_port, upstream_port, downstream_port, bridge };

/// One PCI function as the kernel shows it; the same for a scanned and for a simulated machine.
struct function_facts {
  model::pci_address address;
  std::optional<model::pci_address> parent; ///< the bridge above; nullopt on a root bus
  port_kind kind = port_kind::endpoint;
  model::vendor_device_id id;
  std::uint32_t class_code = 0; ///< 24 bits
  int numa_node = -1;
  int iommu_group = -1;
  std::string driver; ///< empty = none
  /// What the host needs the function for, e.g. `network interface eno1 is up`; empty = nothing
  /// known.
  std::string in_use;
  bool boot_vga = false;
  model::pcie_link link;
  std::vector<std::uint64_t> bar_sizes;   ///< bytes, memory BARs in order
  std::vector<std::string> reset_methods; ///< in the kernel's order
  /// SR-IOV: of a virtual function, the physical function that it belongs to.
  std::optional<model::pci_address> physical_function{};
  int virtual_functions = 0; ///< SR-IOV: how many are switched on at this physical function
  /// The configuration space reads all ones: the function fell off the bus.
  bool off_bus = false;
  /// What could not be read and must be known before anything may be offered that needs this
  /// function; empty = nothing.
  std::string fault{};

  friend bool operator==(const function_facts&, const function_facts&) = default;
};

/// Base classes of the PCI code and ID assignment specification that matter here.
[[nodiscard]] inline bool is_bridge(const function_facts& one) {
  return one.kind != port_kind::endpoint || (one.class_code >> 16U) == 0x06;
}
/// A display controller, or a processing accelerator, of a vendor whose GPUs are passed through:
/// NVIDIA, AMD, Intel. A server's management display (ASPEED, Matrox) is none.
[[nodiscard]] bool is_gpu(const function_facts& one);
/// NVIDIA's NVSwitch: a function of class "other bridge". The chipsets that NVIDIA made until 2010
/// have such functions, too, with ids below 0x1000.
[[nodiscard]] inline bool is_nvswitch(const function_facts& one) {
  return one.id.vendor == 0x10de && one.id.device >= 0x1000 && one.class_code >> 8U == 0x0680;
}
/// `VGA controller`, `Ethernet controller`, ...; `class 0880` for what has no name here.
[[nodiscard]] std::string class_name(std::uint32_t class_code);

/// A host that was not given an id has the one derived from its name.
[[nodiscard]] model::host_id derive_host_id(std::string_view host_name);
/// A device that was not given an id has the one derived from its host, kind and address: it stays
/// the same over restarts, and a card in another slot is another device.
[[nodiscard]] model::device_id derive_device_id(const model::host_id& host,
                                                const model::vendor_device_id& kind,
                                                const model::pci_address& address);

} // namespace berth::hostbackend
