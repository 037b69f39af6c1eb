#pragma once

#include <memory>

#include <caf/fwd.hpp>

#include "actors/interfaces.hpp"
#include "store/event_store.hpp"

namespace berth::actors {

/// Starts the store's writer on a thread of its own (`detached`), or on the system's scheduler
/// where there may be no other threads (virtual time).
struct store_writer_options {
  bool detached = true;
};

[[nodiscard]] store_writer_actor spawn_store_writer(caf::actor_system& system,
                                                    std::unique_ptr<store::event_store> log,
                                                    store_writer_options options = {});

} // namespace berth::actors
