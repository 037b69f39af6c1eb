#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hostbackend/allocation_units.hpp"
#include "hostbackend/pci_facts.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"

namespace berth::hostbackend::host_linux {

/// Names from a `pci.ids` file (pci-ids.ucw.cz). Vendors whose GPUs are passed through get their
/// short names; a model is the bracketed part of the file's name, as Cloudpods shows it.
class pci_names {
public:
  /// Reads at most 16 MiB; lines that are not understood are skipped.
  [[nodiscard]] static model::result<pci_names> load(const std::filesystem::path& file);

  /// Unknown devices are called by their id, `Device 26b9`.
  [[nodiscard]] device_names of(const model::vendor_device_id& id) const;

private:
  std::map<std::uint16_t, std::string> vendors_;
  std::map<model::vendor_device_id, std::string> devices_;
};

/// Reads every PCI function below a sysfs root (`/sys`, or a recorded or fake tree), ascending by
/// address. Read-only. What a file does not say, or says in a way that makes no sense, stays
/// unknown; an entry without readable ids is left out. At most 65,536 functions.
[[nodiscard]] model::result<std::vector<function_facts>>
scan_functions(const std::filesystem::path& sysfs);

/// One function of that tree; nullopt if it is not there or has no readable ids. A bridge's place
/// in the tree is not looked at.
[[nodiscard]] std::optional<function_facts> scan_function(const std::filesystem::path& sysfs,
                                                          const model::pci_address& address);

/// The passthrough devices of that tree, with ids derived from the host's.
[[nodiscard]] model::result<std::vector<model::device_info>>
scan_devices(const std::filesystem::path& sysfs, const pci_names& names, const model::host_id& host,
             const survey_options& options);

} // namespace berth::hostbackend::host_linux
