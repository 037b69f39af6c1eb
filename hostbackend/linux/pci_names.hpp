#pragma once

#include <filesystem>
#include <memory>

#include "hostbackend/allocation_units.hpp"
#include "model/failure.hpp"
#include "model/pci_address.hpp"

struct pci_access;

namespace berth::hostbackend::host_linux {

/// Names from the local database of PCI ids, read by libpci; never from the network, its cache in
/// the home directory, or udev's hwdb. Vendors whose GPUs are passed through get their short names;
/// a model is the bracketed part of the database's name, as Cloudpods shows it. For one thread at a
/// time: libpci keeps what it looked up.
class pci_names {
public:
  /// Reads `file` (plain or gzip); empty = where the distribution has it (Debian's package
  /// `pci.ids`). Fails if it cannot be read or libpci does not understand it.
  [[nodiscard]] static model::result<pci_names> load(const std::filesystem::path& file);

  /// Unknown devices are called by their id, `Device 26b9`, unknown vendors likewise, `10df`.
  [[nodiscard]] device_names of(const model::vendor_device_id& id) const;

private:
  struct release {
    void operator()(pci_access* access) const;
  };
  using access = std::unique_ptr<pci_access, release>;
  explicit pci_names(access database) : database_{std::move(database)} {}

  access database_;
};

} // namespace berth::hostbackend::host_linux
