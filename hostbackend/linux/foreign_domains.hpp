#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

// What domains that are not berth's hold of this machine; pure.

/// The functions that running domains of others hold, with the domain's name.
using foreign_holds = std::map<model::pci_address, std::string>;

/// Makes every device unusable that such a domain holds a function of, or of its IOMMU group: VFIO
/// gives a group to one user. A reason that is there stays.
void mark_foreign(const foreign_holds& holds, std::vector<model::device_info>& devices);
/// The devices that mark_foreign() treats otherwise with `after` than with `before`.
[[nodiscard]] std::vector<model::device_id>
differently_held(const std::vector<model::device_info>& devices, const foreign_holds& before,
                 const foreign_holds& after);

/// The host's PCI functions that a running domain's XML passes through: by `<hostdev>`, by
/// `<interface type='hostdev'>` or by another device whose source is a PCI address
/// (https://libvirt.org/formatdomain.html). The XML may be anybody's: what is not understood is
/// left out.
[[nodiscard]] std::set<model::pci_address> passed_functions(std::string_view domain_xml);

} // namespace berth::hostbackend::host_linux
