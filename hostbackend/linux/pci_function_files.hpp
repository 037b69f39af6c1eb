#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

inline constexpr const char* vfio_pci = "vfio-pci";

/// The files of one PCI function below a sysfs root, read afresh by every call. None of these
/// blocks, except where it says so.
class pci_function_files {
public:
  pci_function_files(std::filesystem::path sysfs, const model::pci_address& address);

  [[nodiscard]] std::filesystem::path path(const char* file = "") const;
  [[nodiscard]] bool present() const;
  /// As the kernel read it when it found the function; nullopt if the function is gone.
  [[nodiscard]] std::optional<model::vendor_device_id> id() const;
  [[nodiscard]] std::string driver() const; ///< empty = none
  [[nodiscard]] std::optional<int> iommu_group() const;
  /// The bridge above; nullopt on a root bus.
  [[nodiscard]] std::optional<model::pci_address> parent() const;
  [[nodiscard]] std::vector<std::string> reset_methods() const; ///< in the kernel's order
  /// Empty = none. Blocks while the kernel binds or unbinds the function.
  [[nodiscard]] std::string driver_override() const;
  /// The first 64 bytes of the configuration space, or what there is of them. Blocks during a
  /// reset.
  [[nodiscard]] std::string config_header() const;
  /// is_lost(config_header()). Blocks likewise.
  [[nodiscard]] bool config_is_lost() const;

  /// Nothing if the function is there and still what `expected` says; errc::device_lost if it is
  /// gone, errc::bind_failed if another card sits there now.
  [[nodiscard]] model::result<void> is_still(const model::vendor_device_id& expected) const;

private:
  std::filesystem::path sysfs_;
  model::pci_address address_;
};

/// The functions that are handled together with a device: its own first, then its companions.
/// Bridges are never among them.
[[nodiscard]] std::vector<model::pci_function> functions_of(const model::device_info& device);

/// All ones, as of a function that has fallen off the bus; or not readable.
[[nodiscard]] bool is_lost(std::string_view config_header);

/// What is in a directory, in no particular order; empty with `error` set if it cannot be read.
[[nodiscard]] std::vector<std::filesystem::path> entries_of(const std::filesystem::path& directory,
                                                            std::error_code& error);

} // namespace berth::hostbackend::host_linux
