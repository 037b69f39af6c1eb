#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/linux/xml_writer.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"
#include "model/link.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

// Passed-through devices as a domain has them. Pure.

/// An attached device with all that the XML says of it.
struct guest_device {
  model::attachment attachment;
  const model::device_info* info;
  std::vector<model::pci_address> functions; ///< the device itself first
};

/// What the server's devices become. not_found if one is not among `devices`, the host's;
/// invalid_argument if one cannot be what its type says.
[[nodiscard]] model::result<std::vector<guest_device>>
guest_devices_of(const model::desired_server& server,
                 const std::vector<model::device_info>& devices);

/// True if a running server can take the device: libvirt 9.0 unplugs no slot with several
/// functions.
[[nodiscard]] bool can_be_plugged(const model::device_info& device);
/// What a spare root port keeps free, in bytes, for whichever of the host's devices may come: a
/// power of two.
[[nodiscard]] std::uint64_t spare_window(const std::vector<model::device_info>& devices);

/// Where a function of the host comes up in the guest.
struct guest_function {
  std::string alias;
  std::string bus;
  std::size_t function = 0;
  bool multifunction = false; ///< others follow in its slot
};

/// Appends a function's element `hostdev`.
void write_function(xml_writer& xml, const model::pci_address& at, const guest_function& guest);

/// The alias of the device's own function in a domain, `ua-<device>`.
[[nodiscard]] std::string device_alias(const model::device_id& device);
/// Of each of its functions: 0 is its own.
[[nodiscard]] std::string alias_of(const model::device_id& device, std::size_t function);
/// The device whose function carries this alias in a domain (libvirt's device-removed event);
/// nullopt = none of ours, or only a companion.
[[nodiscard]] std::optional<model::device_id> device_of_alias(std::string_view alias);

} // namespace berth::hostbackend::host_linux
