#include "actors/store_writer.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/log_messages.hpp"

namespace berth::actors {

namespace {

struct writer_state {
  static inline const char* name = "store_writer";
  std::unique_ptr<store::event_store> log;
};

store_writer_actor::behavior_type
run_writer(store_writer_actor::stateful_pointer<writer_state> self,
           const std::shared_ptr<std::unique_ptr<store::event_store>>& log) {
  self->state.log = std::move(*log);
  return {[self](const parcel<append_batch>& batch) {
    const auto begin = self->clock().now();
    auto outcome = self->state.log->append(*batch.open().records);
    return pack(append_outcome{std::move(outcome), self->clock().now() - begin});
  }};
}

} // namespace

store_writer_actor spawn_store_writer(caf::actor_system& system,
                                      std::unique_ptr<store::event_store> log,
                                      store_writer_options options) {
  // CAF copies a factory's arguments: the store moves through a shared cell.
  auto cell = std::make_shared<std::unique_ptr<store::event_store>>(std::move(log));
  return options.detached ? system.spawn<caf::detached>(run_writer, cell)
                          : system.spawn(run_writer, cell);
}

} // namespace berth::actors
