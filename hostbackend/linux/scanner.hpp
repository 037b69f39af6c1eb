#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "hostbackend/linux/sysfs_reader.hpp"
#include "hostbackend/pci_facts.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

/// Every PCI function below a sysfs root (`/sys`, or a recorded or fake tree), ascending by
/// address; at most 65,536. Read-only; blocks while the kernel does (a device in reset).
///
/// What a file does not say, or says in a way that makes no sense, stays unknown. Where that would
/// make a decision unsafe (ids, driver, IOMMU group, place in the tree), the function says so in
/// `fault`; it is not left out, because it may be a member of another device's group. `in_use` is
/// not filled: see host_needs.hpp. Names that are no PCI addresses are no functions.
///
/// Meaning of the files: kernel, Documentation/ABI/testing/sysfs-bus-pci.
[[nodiscard]] model::result<std::vector<function_facts>>
scan_functions(const std::filesystem::path& sysfs);

/// One of them; nullopt if it is not there. What kind of port a bridge is may stay unknown.
[[nodiscard]] std::optional<function_facts> scan_function(const std::filesystem::path& sysfs,
                                                          const model::pci_address& address);

/// The capability list of a configuration space (64 bytes or more; an ordinary user sees no more)
/// says what a bridge is; nullopt if it does not. PCI Express Base Specification, 7.5.3.2.
[[nodiscard]] std::optional<port_kind> port_from_config(std::string_view config);
/// Sizes of the memory BARs in the text of a `resource` file, in order; a line that makes no sense
/// ends the reading.
[[nodiscard]] std::vector<std::uint64_t> bar_sizes(std::string_view resource);
/// `16.0 GT/s PCIe` is 4; 0 = unknown.
[[nodiscard]] std::uint8_t link_generation(std::string_view speed);

} // namespace berth::hostbackend::host_linux
