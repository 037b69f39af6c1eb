#pragma once

#include <optional>

#include "scheduler/query.hpp"
#include "scheduler/scores.hpp"

namespace berth::scheduler {

/// The best host with its best devices.
struct best_place {
  host_slot_id host = 0;
  ranking ranked;
  host_choice chosen;
};

/// Best fit (scheduler/scores.hpp) over the hosts that pass every hard rule; nullopt = none does.
/// Hosts are visited through the index, tightest first, and the visit ends as soon as no other host
/// can win.
[[nodiscard]] std::optional<best_place> find_best(const inventory::impl& world, const query& asked);

} // namespace berth::scheduler
