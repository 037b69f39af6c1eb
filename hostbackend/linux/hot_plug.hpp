#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"
#include "model/server.hpp"

namespace berth::hostbackend::host_linux {

// Questions to the XML of a running domain, as libvirt writes it, and the answer to it. Pure.

/// The bus behind a root port where nothing is plugged in, the lowest; nullopt = none is left.
[[nodiscard]] std::optional<unsigned> free_root_port(std::string_view domain_xml);
/// True if the device is in the domain: what the guest let go of is not.
[[nodiscard]] bool holds_device(std::string_view domain_xml, const model::device_id& device);

/// What plugs the device into a running domain's free root port. wrong_state for what needs a
/// stopped server: the display, and a device with companions.
[[nodiscard]] model::result<std::string>
hot_plug_xml(const model::attachment& attachment, const model::device_info& device, unsigned bus);

} // namespace berth::hostbackend::host_linux
