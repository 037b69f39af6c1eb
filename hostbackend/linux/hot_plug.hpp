#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/ids.hpp"

namespace berth::hostbackend::host_linux {

// Questions to the XML of a running domain, as libvirt writes it. Pure.

/// The bus behind a root port where nothing is plugged in, the lowest; nullopt = none is left.
[[nodiscard]] std::optional<unsigned> free_root_port(std::string_view domain_xml);
/// True if the device is in the domain: what the guest let go of is not.
[[nodiscard]] bool holds_device(std::string_view domain_xml, const model::device_id& device);

} // namespace berth::hostbackend::host_linux
