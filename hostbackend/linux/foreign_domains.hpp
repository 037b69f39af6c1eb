#pragma once

#include <map>
#include <string>
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

} // namespace berth::hostbackend::host_linux
