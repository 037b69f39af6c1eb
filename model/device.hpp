#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ids.hpp"
#include "model/pci_address.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"

namespace berth::model {

/// How a device is presented to its server (the page: "Set GPU Device Type").
/// gpu_hpc keeps the emulated display, gpu_vga replaces it; pci is any other passthrough device.
enum class dev_type : std::uint8_t { gpu_hpc, gpu_vga, pci };

/// Device turnover, docs/turnover.md. `free` is reached on evidence only.
enum class device_state : std::uint8_t {
  discovered,
  binding,
  free,
  reserved,
  in_use,
  releasing,
  resetting,
  verifying,
  unusable,
  lost,
  quarantined,
};

[[nodiscard]] std::string_view to_string(dev_type type); ///< `GPU-HPC`, `GPU-VGA`, `PCI`
[[nodiscard]] std::string_view to_string(device_state state);
[[nodiscard]] std::optional<dev_type> parse_dev_type(std::string_view text);
[[nodiscard]] std::optional<device_state> parse_device_state(std::string_view text);
[[nodiscard]] inline bool is_gpu(dev_type type) {
  return type != dev_type::pci;
}

/// One function of a card.
struct pci_function {
  pci_address address;
  vendor_device_id id;
  std::uint32_t class_code = 0; ///< 24 bits: base class, subclass, programming interface

  friend bool operator==(const pci_function&, const pci_function&) = default;
};

/// PCI Express link: generation 1..6 and lanes; 0 = unknown.
struct pcie_link {
  std::uint8_t generation = 0;
  std::uint8_t width = 0;

  friend bool operator==(const pcie_link&, const pcie_link&) = default;
};

/// What the host found out about one passthrough device. Facts only: nothing here is a decision.
struct device_info {
  device_id id;
  pci_address address; ///< of the function that is asked for (function 0 of the card)
  vendor_device_id vendor_device;
  std::uint32_t class_code = 0;
  std::string vendor; ///< e.g. `NVIDIA`
  std::string model;  ///< e.g. `GeForce GTX 1050 Ti`
  dev_type default_type = dev_type::gpu_hpc;
  std::vector<pci_function>
      companions;     ///< other functions of the card and members of its IOMMU group, passed along
  int numa_node = -1; ///< -1 = unknown
  int iommu_group = -1;    ///< -1 = none
  std::string pcie_root;   ///< root port or host bridge, e.g. `0000:40:01.0`; empty = unknown
  std::string pcie_switch; ///< innermost switch's upstream port; empty = none
  std::string fabric;      ///< NVLink/NVSwitch or Infinity Fabric domain on this host; empty = none
  int fabric_module = -1;  ///< the fabric's own number of this device; -1 = none
  pcie_link link;          ///< as at baseline
  std::vector<std::uint64_t> bar_sizes;   ///< bytes, memory BARs in order, as at baseline
  std::vector<std::string> reset_methods; ///< in the kernel's order: `flr`, `pm`, `bus`, ...
  bool boot_vga = false;
  /// Devices with the same non-empty unit can only be given away together (one IOMMU group, one
  /// card).
  std::string allocation_unit;
  /// Why this device can never be offered (foreign group member, boot VGA, no IOMMU...); empty =
  /// usable.
  std::string unusable_reason;

  friend bool operator==(const device_info&, const device_info&) = default;
};

/// What a host keeps aside per GPU for servers that hold devices (Cloudpods' defaults for a new
/// GPU).
inline constexpr resources default_gpu_reserve{8, 8192, 102400};

/// A device as the controller knows it: facts, the operator's settings, ownership.
struct device_record {
  device_info info;
  host_id host;
  // The operator's settings.
  dev_type type = dev_type::gpu_hpc;
  resources reserve; ///< each component >= 0
  bool enabled = true;
  // Turnover, as last reported by the host (state, reason, obeyed) and decided here (epoch, owner).
  device_state state = device_state::discovered;
  std::string state_reason; ///< why unusable, quarantined or lost; empty otherwise
  timestamp state_since{};
  device_epoch epoch =
      0; ///< of the latest change of ownership; the host must confirm it before `free`
  device_epoch obeyed = 0; ///< the highest epoch the host has confirmed
  std::optional<server_id> owner;
  bool present = true;         ///< false: missing from the host's latest inventory
  sequence_number created = 0; ///< of the event that discovered it

  friend bool operator==(const device_record&, const device_record&) = default;
};

/// True if the device may be given to a server now, as far as the device itself is concerned.
[[nodiscard]] bool is_offerable(const device_record& device);

} // namespace berth::model
