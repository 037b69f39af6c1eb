#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <caf/fwd.hpp>

#include "actors/interfaces.hpp"
#include "actors/open_store.hpp"
#include "store/event_store.hpp"

namespace berth::actors {

struct store_writer_options {
  /// On threads of their own; false on virtual time, where there may be none.
  bool detached = true;
  /// A snapshot is made after so many events; 0 = never.
  std::uint64_t snapshot_events = 0;
  open_store reader; ///< for the snapshots; needed unless there are none
  /// Told how every snapshot ended; may be empty. Called on the snapshotter's thread.
  std::function<void(model::sequence_number at, const model::result<void>&)> on_snapshot;
};

/// Starts the store's writer, and its snapshotter if there shall be snapshots.
[[nodiscard]] store_writer_actor spawn_store_writer(caf::actor_system& system,
                                                    std::unique_ptr<store::event_store> log,
                                                    store_writer_options options = {});

} // namespace berth::actors
