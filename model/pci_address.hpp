#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::model {

/// Where a PCI function sits: domain:bus:device.function. Domains go past 16 bits on Linux (VMD
/// uses 10000 and up), so the domain is 32 bits wide.
struct pci_address {
  std::uint32_t domain = 0;
  std::uint8_t bus = 0;
  std::uint8_t device = 0;   ///< 0..31
  std::uint8_t function = 0; ///< 0..7

  /// Accepts `dddd:bb:dd.f` with 4 to 8 domain digits, and `bb:dd.f` (domain 0), in either case.
  [[nodiscard]] static std::optional<pci_address> parse(std::string_view text);

  friend auto operator<=>(const pci_address&, const pci_address&) = default;
};

/// The full form, `0000:41:00.0`.
[[nodiscard]] std::string to_string(const pci_address& address);
/// Without a zero domain, `41:00.0`: how the device list prints it.
[[nodiscard]] std::string short_string(const pci_address& address);

/// Vendor and device id from the configuration space.
struct vendor_device_id {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;

  /// Accepts `10de:1c82` in either case.
  [[nodiscard]] static std::optional<vendor_device_id> parse(std::string_view text);
  friend auto operator<=>(const vendor_device_id&, const vendor_device_id&) = default;
};

[[nodiscard]] std::string to_string(const vendor_device_id& id);

} // namespace berth::model
