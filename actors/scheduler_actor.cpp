#include "actors/scheduler_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/replica.hpp"

namespace berth::actors {

namespace {

struct scheduler_state {
  static inline const char* name = "scheduler";
  std::unique_ptr<replica> copy;
};

scheduler_actor::behavior_type
run_scheduler(scheduler_actor::stateful_pointer<scheduler_state> self, scheduler::options how,
              std::vector<scheduler::capacity_shape> shapes) {
  self->state.copy = std::make_unique<replica>(std::move(how), std::move(shapes));
  return {[self](const parcel<scheduler_turn>& turn) {
    return pack(self->state.copy->run(turn.open()));
  }};
}

} // namespace

scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler::options how,
                                std::vector<scheduler::capacity_shape> shapes) {
  return system.spawn(run_scheduler, std::move(how), std::move(shapes));
}

} // namespace berth::actors
