#include "actors/store_writer.hpp"

#include <optional>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/log_messages.hpp"
#include "actors/snapshotter.hpp"

namespace berth::actors {

namespace {

struct writer_cargo {
  std::unique_ptr<store::event_store> log;
  store_writer_options options;
};

struct writer_shell {
  static inline const char* name = "store_writer";

  store_writer_actor::stateful_pointer<writer_shell> self = nullptr;
  std::unique_ptr<store::event_store> log;
  store_writer_options options;
  snapshotter_actor snapshotter;
  std::unique_ptr<store::snapshot_writer> snapshot;
  bool ordered = false;                   ///< a snapshot is in the making
  model::sequence_number snapshot_at = 0; ///< where the last order stood

  append_outcome append(const append_batch& batch) {
    const auto begin = self->clock().now();
    auto outcome = log->append(*batch.records);
    const auto took = self->clock().now() - begin;
    if (outcome)
      order_snapshot();
    return {std::move(outcome), took};
  }

  void order_snapshot() {
    const auto last = log->last_sequence();
    if (ordered || options.snapshot_events == 0 || last - snapshot_at < options.snapshot_events)
      return;
    ordered = true;
    snapshot_at = last;
    self->send(snapshotter, pack(snapshot_order{last}));
  }

  model::result<void> store(const snapshot_part& part) {
    if (part.first) {
      auto begun = log->begin_snapshot(part.at);
      if (!begun)
        return tl::unexpected{std::move(begun.error())};
      snapshot = std::move(*begun);
    }
    if (!snapshot)
      return model::fail(model::errc::internal, "a part of a snapshot without its beginning");
    return part.chunk.empty() ? snapshot->commit() : snapshot->add(part.chunk);
  }

  append_outcome take_part(const snapshot_part& part) {
    auto outcome = store(part);
    if (!outcome || part.chunk.empty()) {
      snapshot.reset();
      ordered = false; // after a failure the next one is tried as many events later
      self->send(self, atom::tidy_v);
    }
    return {std::move(outcome), {}};
  }

  void tidy() {
    if (const auto more = log->tidy(); more && *more)
      self->send(self, atom::tidy_v);
  }
};

store_writer_actor::behavior_type
run_writer(store_writer_actor::stateful_pointer<writer_shell> self,
           const std::shared_ptr<writer_cargo>& cargo) {
  auto& shell = self->state;
  shell.self = self;
  shell.log = std::move(cargo->log);
  shell.options = std::move(cargo->options);
  if (shell.options.snapshot_events > 0) {
    shell.snapshotter = spawn_snapshotter(self->system(), store_writer_actor{self}, shell.options);
    self->link_to(shell.snapshotter);
    shell.snapshot_at = shell.log->first_sequence() - 1;
  }
  return {
      [self](const parcel<append_batch>& batch) { return pack(self->state.append(batch.open())); },
      [self](const parcel<snapshot_part>& part) {
        return pack(self->state.take_part(part.open()));
      },
      [self](atom::tidy) { self->state.tidy(); },
  };
}

} // namespace

store_writer_actor spawn_store_writer(caf::actor_system& system,
                                      std::unique_ptr<store::event_store> log,
                                      store_writer_options options) {
  // CAF copies a factory's arguments: the store moves through a shared cell.
  const bool detached = options.detached;
  auto cargo = std::make_shared<writer_cargo>(writer_cargo{std::move(log), std::move(options)});
  return detached ? system.spawn<caf::detached>(run_writer, std::move(cargo))
                  : system.spawn(run_writer, std::move(cargo));
}

} // namespace berth::actors
