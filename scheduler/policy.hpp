#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "scheduler/cell.hpp"
#include "scheduler/scheduler.hpp"
#include "scheduler/stay.hpp"

namespace berth::scheduler {

class outlook;

/// The most that any open host has of each, those without devices left out for a server with some.
struct largest_host {
  int devices = 1;
  cell_steps steps{};
};

/// What a policy may look at: the request, and what all hosts of one cell have in common.
struct policy_view {
  const model::resources& amount; ///< of the request
  int devices = 0;                ///< described devices of the request
  int matching_free = 0;          ///< free devices of the host that it could get; 0 if none asked
  int free_devices = 0;           ///< of any kind; 0 for a server without devices
  bool has_gpus = false;
  cell_steps steps{};   ///< of the host
  cell_levels wanted{}; ///< the amount in the host's steps
  cell_levels free{};   ///< before the server is placed

  int all_devices = 0; ///< free or not; 0 for a server without devices
  // Only for a policy that sees stays.
  host_stay stay{};
  std::int64_t now = 0;
  std::int64_t ends = unknown_end; ///< of the server, rounded
  largest_host largest{};          ///< only for a policy that sees it
  std::int64_t lot = 0;            ///< lot_of(server, host); only for a policy that draws lots
  // Only for a policy that sees the mix: by flavour of the outlook, free devices that match it.
  const outlook* expected = nullptr;
  std::span<const int> matching_before{};
  std::span<const int> matching_after{};
};

/// A score for a person: points of 0 to 1000, and a reason.
struct told {
  std::int32_t points = 0;
  std::string reason;
};

/// How hosts that pass every hard rule are compared. A policy gives two scores, greater is better;
/// between them comes how close together the devices sit (docs/placement.md). It sees hosts by cell
/// only, so that a decision touches cells and not hosts (unless it draws lots); equal hosts end at
/// the lowest id.
struct policy {
  std::string_view name;
  /// The names of the two scores, for the explanation.
  std::array<std::string_view, 2> scores;
  /// Compared before closeness.
  std::int64_t (*first)(const policy_view& at);
  /// Compared after closeness.
  std::int64_t (*second)(const policy_view& at);
  /// How `first` depends on the host, so that the search can stop early.
  enum class order : std::uint8_t {
    fewest_free, ///< on matching_free alone, and falls as it rises
    most_free,   ///< on matching_free alone, and rises with it
    by_cell,     ///< on anything
  };
  order first_by = order::by_cell;
  /// Whether the view has the servers' stays, and the outlook. Both cost something, so only those
  /// that look get them.
  bool sees_stays = false;
  bool sees_mix = false;
  bool sees_largest = false;
  /// Whether hosts of one cell differ, by their lots. Costs a look at every host that has room.
  bool draws_lots = false;
  /// The scores for a person; null: they are points already, on the devices and on the CPUs and
  /// memory left over.
  told (*tell_first)(const policy_view& at) = nullptr;
  told (*tell_second)(const policy_view& at) = nullptr;
};

/// Every policy, the default first.
[[nodiscard]] std::span<const policy* const> policies();

extern const policy spread;
extern const policy fragmentation;
extern const policy lifetime;
extern const policy dot_product;
extern const policy random;

/// Between 0 and lot_max, the same for the same two ids, and unlike for others.
[[nodiscard]] std::int64_t lot_of(const model::server_id& server, const model::host_id& host);
inline constexpr std::int64_t lot_max = INT64_MAX;

/// `part` of `whole` in points, for 0 <= part <= whole.
[[nodiscard]] constexpr std::int32_t points_of(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0 : static_cast<std::int32_t>(part * 1000 / whole);
}

/// CPUs and memory that would be left over on the host, in points; 1000 = all of an empty one.
[[nodiscard]] constexpr std::int32_t amounts_left(const policy_view& at) {
  const int left =
      std::max(0, at.free.cpus - at.wanted.cpus) + std::max(0, at.free.memory - at.wanted.memory);
  return points_of(left, 2 * cell_levels::most);
}

} // namespace berth::scheduler
