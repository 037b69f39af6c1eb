#pragma once

#include <vector>

#include <caf/fwd.hpp>

#include "actors/interfaces.hpp"
#include "scheduler/capacity_watch.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::actors {

/// Starts a scheduler with an empty replica; the first turn brings the whole inventory.
/// `shapes` are those whose capacity it counts when asked; see capacity_watch.
[[nodiscard]] scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler::options how,
                                              std::vector<scheduler::capacity_shape> shapes = {});

} // namespace berth::actors
