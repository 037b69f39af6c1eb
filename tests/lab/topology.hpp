#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "model/pci_address.hpp"

/// What a topology file says about its machine, for tests that compare it with what berth finds.
/// Reads the same files as vfio_lab/topology.py, and shares no code with it.
namespace berth::lab {

/// One function of a device in the topology.
struct lab_function {
  std::string name;
  model::vendor_device_id id;
  std::uint32_t class_code = 0; ///< 24 bits
};

/// One `dev`: a slot with its functions; function 0 first.
struct lab_device {
  std::vector<lab_function> functions;
  int numa_node = -1;
  std::string root_port;
  std::string inner_switch; ///< the innermost switch above; empty = none
  /// The outermost place above from which on the kernel cannot keep devices apart; empty = the slot
  /// is alone in its group. That is a port of a switch (QEMU gives them no ACS), a root port with
  /// acs=off, or a conventional bridge (kernel: drivers/iommu/iommu.c, pci_device_group).
  std::string group_place;
  bool absent = false; ///< not there at boot

  [[nodiscard]] const std::string& name() const { return functions.front().name; }
};

struct lab_topology {
  std::vector<lab_device> devices; ///< in the order of the file
  bool iommu = true;

  /// nullptr: no such device.
  [[nodiscard]] const lab_device* find(const std::string& name) const;
};

/// `errc::invalid_argument` names the line that is not understood.
[[nodiscard]] model::result<lab_topology> parse_topology(const std::string& text);
[[nodiscard]] model::result<lab_topology> load_topology(const std::filesystem::path& file);

/// The topology of the VM that we run in (BERTH_LAB_TOPOLOGY).
[[nodiscard]] model::result<lab_topology> this_topology();

} // namespace berth::lab
