#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"
#include "sim/fleet/scenario.hpp"

namespace berth::sim {

struct snapshot_options {
  /// Hosts that are disabled or in maintenance are taken as if they were open; else they are left
  /// out with their servers.
  bool closed_hosts = false;
  std::size_t bytes_max = std::size_t{512} * 1024 * 1024; ///< of the file
};

/// A server that waits for a place, as a simulation asks for it.
struct waiting_server {
  std::string project;
  model::resources amount;
  std::uint16_t gpus = 0;
  std::string model; ///< of its GPUs, alternatives as in `A|B`; empty: any
  model::topology_wishes topology{};
  std::int32_t priority = 0;
  model::duration patience{};              ///< from the start on
  std::optional<model::duration> lifetime; ///< from its placement on; nullopt: not known
};

/// A cluster as it was at one moment: what a simulation starts with.
struct fleet_snapshot {
  std::uint64_t sequence = 0; ///< of the last event that is in it
  model::timestamp at{};
  std::vector<host_group> hosts; ///< hosts that are alike, by the first of them
  std::vector<standing_server> standing;
  std::vector<waiting_server> waiting; ///< in the order of the queue
  /// What is not as in the cluster: hosts and devices that were left out, what was rounded.
  std::vector<std::string> remarks;
};

/// Reads a document of `berthctl snapshot` (docs/snapshot.md). `source` names it in messages.
/// Errors: invalid_argument, with the JSON pointer of what is wrong; too_large.
[[nodiscard]] model::result<fleet_snapshot> read_snapshot(std::string_view document,
                                                          const std::string& source,
                                                          const snapshot_options& options = {});
/// The same from a file; store_failed if it cannot be read.
[[nodiscard]] model::result<fleet_snapshot>
read_snapshot_file(const std::filesystem::path& path, const snapshot_options& options = {});

} // namespace berth::sim
