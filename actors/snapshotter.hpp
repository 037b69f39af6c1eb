#pragma once

#include <caf/fwd.hpp>

#include "actors/interfaces.hpp"
#include "actors/store_writer.hpp"

namespace berth::actors {

/// Starts the maker of snapshots. It hands its parts to `writer`.
[[nodiscard]] snapshotter_actor spawn_snapshotter(caf::actor_system& system,
                                                  const store_writer_actor& writer,
                                                  const store_writer_options& options);

} // namespace berth::actors
