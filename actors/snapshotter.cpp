#include "actors/snapshotter.hpp"

#include <optional>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/load_cluster.hpp"
#include "actors/log_messages.hpp"
#include "proto/snapshot_codec.hpp"

namespace berth::actors {

namespace {

constexpr std::size_t chunk_bytes = 256U << 10U;

struct snapshot_shell {
  static inline const char* name = "snapshotter";

  snapshotter_actor::stateful_pointer<snapshot_shell> self = nullptr;
  caf::weak_actor_ptr writer; ///< weak: the writer holds this actor
  store_writer_options options;
  // While a snapshot is made.
  model::sequence_number at = 0;
  bool begun = false; ///< the writer has heard of it
  std::optional<control::cluster_state> state;
  std::optional<control::cluster_state::item_reader> items;

  void begin(model::sequence_number stands_at) {
    at = stands_at;
    begun = false;
    auto store = options.reader();
    if (!store)
      return end(tl::unexpected{std::move(store.error())});
    auto loaded = load_cluster(**store, at);
    if (!loaded)
      return end(tl::unexpected{std::move(loaded.error())});
    state.emplace(std::move(*loaded));
    items.emplace(*state);
    next();
  }

  void next() {
    store::snapshot_chunk chunk;
    while (chunk.size() < chunk_bytes) {
      const auto item = items->next();
      if (!item)
        break;
      proto::append_to_chunk(*item, chunk);
    }
    const bool last = chunk.empty();
    const auto to = caf::actor_cast<store_writer_actor>(writer);
    if (!to)
      return self->quit();
    // No timeout: one part is outstanding, and a writer that died ends this actor too.
    self->request(to, caf::infinite,
                  pack(snapshot_part{at, !std::exchange(begun, true), std::move(chunk)}))
        .then(
            [this, last](const parcel<append_outcome>& stored) {
              auto outcome = std::move(stored.open().outcome);
              if (!outcome || last)
                end(std::move(outcome));
              else
                next();
            },
            [this](const caf::error& why) { self->quit(why); });
  }

  void end(model::result<void> outcome) {
    items.reset();
    state.reset();
    if (!outcome && !begun)
      abandon();
    if (options.on_snapshot)
      options.on_snapshot(at, outcome);
  }

  /// A snapshot that failed before the writer heard of it: the writer must not wait for its end.
  void abandon() {
    if (const auto to = caf::actor_cast<store_writer_actor>(writer))
      self->request(to, caf::infinite, pack(snapshot_part{at, false, {}}))
          .then([](const parcel<append_outcome>&) {}, [](const caf::error&) {});
  }
};

snapshotter_actor::behavior_type
run_snapshotter(snapshotter_actor::stateful_pointer<snapshot_shell> self,
                const caf::weak_actor_ptr& writer, const store_writer_options& options) {
  self->state.self = self;
  self->state.writer = writer;
  self->state.options = options;
  return {[self](const parcel<snapshot_order>& order) { self->state.begin(order.open().at); }};
}

} // namespace

snapshotter_actor spawn_snapshotter(caf::actor_system& system, const store_writer_actor& writer,
                                    const store_writer_options& options) {
  const auto weak = caf::actor_cast<caf::weak_actor_ptr>(writer);
  return options.detached ? system.spawn<caf::detached>(run_snapshotter, weak, options)
                          : system.spawn(run_snapshotter, weak, options);
}

} // namespace berth::actors
