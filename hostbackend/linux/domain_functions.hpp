#pragma once

#include <set>
#include <string_view>

#include "model/failure.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

/// The host's PCI functions that a domain's XML passes through, whoever wrote it: by `<hostdev>`,
/// by
/// `<interface type='hostdev'>` or by another device whose source is a PCI address
/// (https://libvirt.org/formatdomain.html#host-device-assignment). What is no domain's XML, or has
/// a
/// `<hostdev type='pci'>` without a readable address, is errc::invalid_argument: half an answer
/// would be taken for the whole.
[[nodiscard]] model::result<std::set<model::pci_address>>
passed_functions(std::string_view domain_xml);

} // namespace berth::hostbackend::host_linux
