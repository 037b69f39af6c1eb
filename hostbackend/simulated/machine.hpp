#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/pci_facts.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host.hpp"
#include "model/ids.hpp"
#include "model/resources.hpp"

namespace berth::hostbackend::simulated {

/// What a machine file says, in its own terms; the format is in machines/README.md.
struct card_function {
  model::vendor_device_id id;
  std::uint32_t class_code = 0;
  std::vector<std::uint64_t> bar_sizes;
  std::string driver; ///< the host's own; empty = none
};

/// A kind of card: what may stand in several places of a machine.
struct card_kind {
  std::string name;
  std::string vendor;
  std::string model;
  std::vector<card_function> functions; ///< 1..8
  model::pcie_link link;
  std::vector<std::string> reset_methods;
};

/// A card, or a bridge with what is below it.
struct place {
  std::uint8_t device = 0; ///< on the bus of the parent
  std::uint8_t function = 0;
  // A card.
  std::optional<std::size_t> card; ///< index into machine_description::cards
  std::optional<model::device_id> id;
  std::optional<std::string> driver; ///< instead of the card's
  bool boot_vga = false;
  std::string interface; ///< of a NIC that is up, e.g. `eno1`
  std::string fabric;
  int module = -1;
  // A bridge.
  std::optional<std::uint8_t> bus; ///< its secondary bus; unset = the next
  model::vendor_device_id bridge_id;
  bool acs = true; ///< false: everything below is one IOMMU group
  std::vector<place> children;
};

struct root_complex {
  std::uint32_t domain = 0;
  std::uint8_t bus = 0;
  int numa_node = -1;
  bool acs = true;
  std::vector<place> children;
};

struct machine_description {
  std::string product;
  std::optional<model::host_id> host; ///< a fixed identity
  model::resources capacity;
  int numa_nodes = 1;
  bool hot_plug = false;
  bool iommu = true;
  std::vector<card_kind> cards;
  std::vector<root_complex> roots;
  std::vector<model::fabric_partition> partitions;
};

/// A machine as it stands in the rack, shared by all hosts of its kind: immutable.
struct machine {
  std::string product;
  std::optional<model::host_id> host;
  model::resources capacity;
  int numa_nodes = 1;
  bool hot_plug = false;
  std::vector<function_facts> functions;   ///< ascending by address
  std::vector<card_kind> cards;            ///< for names
  std::vector<model::device_info> devices; ///< ascending by address; ids nil unless fixed
  std::vector<model::fabric_partition> partitions;
};

/// Builds the PCI tree: numbers buses and IOMMU groups, then surveys it. Refuses what cannot be:
/// two functions at one address, more buses than there are, fabric modules that no device has.
[[nodiscard]] model::result<std::shared_ptr<const machine>>
build(const machine_description& description);

/// Reads a machine file's text. `source` names it in messages: `source:line: what is wrong`.
[[nodiscard]] model::result<std::shared_ptr<const machine>> parse_machine(std::string_view text,
                                                                          std::string source);
[[nodiscard]] model::result<std::shared_ptr<const machine>> load_machine(const std::string& path);

/// One simulated host: a machine with a name. Cheap: the machine is shared.
struct simulated_host {
  std::string name;
  model::host_id id;
  std::shared_ptr<const machine> kind;
  model::resources capacity;
};

/// A host of this kind; its id is the machine's fixed one or derived from the name.
[[nodiscard]] simulated_host make_host(std::string name, std::shared_ptr<const machine> kind);
/// The id of the machine's n-th device on this host.
[[nodiscard]] model::device_id device_id_of(const simulated_host& host, std::size_t index);
/// What its agent reports with everything in place.
[[nodiscard]] model::host_info describe(const simulated_host& host,
                                        const std::string& agent_version);

/// A plausible two-socket server with `gpus` equal GPUs, for hosts that an inventory only counts.
/// Models that are known by name get their real ids and BAR sizes, others stand-ins.
[[nodiscard]] model::result<std::shared_ptr<const machine>> generic_machine(int gpus,
                                                                            std::string_view model);

} // namespace berth::hostbackend::simulated
