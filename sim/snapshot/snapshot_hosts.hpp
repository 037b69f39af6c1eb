#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sim/fleet/scenario.hpp"
#include "sim/snapshot/json_node.hpp"

namespace berth::sim {

// Bounds of what a document may say; internal to sim/snapshot/.
inline constexpr std::size_t machines_max = 100'000;
inline constexpr std::size_t hosts_max = 1'000'000;
inline constexpr std::size_t servers_max = 1'000'000;
inline constexpr std::size_t devices_max = 1'024; ///< of one host
inline constexpr std::size_t text_max = 1'024;
inline constexpr std::int64_t amount_max = std::int64_t{1} << 40U;

/// A machine of the document.
struct described_machine {
  model::host_info info;
  std::vector<model::resources> reserves; ///< by device
};

/// A host of the document.
struct described_host {
  std::string name;
  std::size_t machine = 0;
  bool online = false;
  bool closed = false; ///< disabled or in maintenance
  bool tagged = false;
  model::resources reserve;
  std::int32_t cpu_overcommit_milli = 1000;
  std::int32_t memory_overcommit_milli = 1000;
  std::set<std::uint32_t> out_of_service; ///< devices
  std::set<std::uint32_t> held;           ///< devices that servers have
};

[[nodiscard]] std::vector<described_machine> read_machines(const json_node& root);
[[nodiscard]] std::vector<described_host>
read_hosts(const json_node& root, const std::vector<described_machine>& machines);

/// Hosts in groups, and where each host and device of the document went.
struct grouped_hosts {
  std::vector<host_group> groups;
  /// By host of the document: its number in the simulation; nullopt: it was left out.
  std::vector<std::optional<std::uint32_t>> numbers;
  /// By host of the document, then by device: its place in the group's machine; nullopt: left out.
  std::vector<std::vector<std::optional<std::uint32_t>>> devices;
  std::vector<std::string> remarks;
};
/// Puts hosts of one make together; those that are closed are left out unless `with_closed`.
[[nodiscard]] grouped_hosts group_hosts(const std::vector<described_machine>& machines,
                                        const std::vector<described_host>& hosts, bool with_closed);

} // namespace berth::sim
