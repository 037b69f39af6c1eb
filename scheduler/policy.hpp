#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "scheduler/cell.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::scheduler {

/// What a policy may look at: the request, and what all hosts of one cell have in common.
struct policy_view {
  const model::resources& amount; ///< of the request
  int devices = 0;                ///< described devices of the request
  int matching_free = 0;          ///< free devices of the host that it could get; 0 if none asked
  int free_devices = 0;           ///< of any kind; 0 for a server without devices
  bool has_gpus = false;
  cell_steps steps;   ///< of the host
  cell_levels wanted; ///< the amount in the host's steps
  cell_levels free;   ///< before the server is placed
};

/// How hosts that pass every hard rule are compared. A policy gives two scores of 0 to 1000 points;
/// between them comes how close together the devices sit (docs/placement.md). It sees hosts by cell
/// only, so that a decision touches cells and not hosts; equal hosts end at the lowest id.
struct policy {
  std::string_view name;
  /// The names of the two scores, for the explanation.
  std::array<std::string_view, 2> scores;
  /// Compared before closeness.
  std::int32_t (*first)(const policy_view& at);
  /// Compared after closeness.
  std::int32_t (*second)(const policy_view& at);
  /// How `first` depends on the host, so that the search can stop early.
  enum class order : std::uint8_t {
    fewest_free, ///< on matching_free alone, and falls as it rises
    most_free,   ///< on matching_free alone, and rises with it
    by_cell,     ///< on anything
  };
  order first_by = order::by_cell;
};

/// Every policy, the default first.
[[nodiscard]] std::span<const policy* const> policies();

extern const policy spread;

/// `part` of `whole` in points, for 0 <= part <= whole.
[[nodiscard]] constexpr std::int32_t points_of(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0 : static_cast<std::int32_t>(part * 1000 / whole);
}

} // namespace berth::scheduler
