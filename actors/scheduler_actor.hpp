#pragma once

#include <caf/fwd.hpp>

#include "actors/interfaces.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::actors {

/// Starts a scheduler with an empty replica; the first turn brings the whole inventory.
[[nodiscard]] scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler::options how);

} // namespace berth::actors
