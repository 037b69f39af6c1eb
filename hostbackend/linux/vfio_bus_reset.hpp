#pragma once

#include <filesystem>
#include <set>

#include "model/failure.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

/// The door to a reset of a whole bus. Linux offers it in sysfs only for a function that is alone
/// on its bus; for a card of several functions there is vfio's "PCI hot reset", which needs every
/// IOMMU group concerned (Linux: include/uapi/linux/vfio.h, VFIO_DEVICE_PCI_HOT_RESET).
class bus_resetter {
public:
  virtual ~bus_resetter() = default;
  /// Resets the bus that these functions share. They are all that is on it, and on vfio-pci, and
  /// nobody holds their groups. Blocks as long as the kernel does. errc::reset_failed.
  [[nodiscard]] virtual model::result<void>
  reset_bus_of(const std::set<model::pci_address>& functions) = 0;
};

class vfio_bus_resetter final : public bus_resetter {
public:
  /// `sysfs` tells which groups the functions are in; `vfio` is /dev/vfio.
  explicit vfio_bus_resetter(std::filesystem::path sysfs = "/sys",
                             std::filesystem::path vfio = "/dev/vfio");
  /// Holds the groups meanwhile. Refused if the kernel says that the reset would concern any other
  /// function.
  [[nodiscard]] model::result<void>
  reset_bus_of(const std::set<model::pci_address>& functions) override;

private:
  std::filesystem::path sysfs_;
  std::filesystem::path vfio_;
};

} // namespace berth::hostbackend::host_linux
