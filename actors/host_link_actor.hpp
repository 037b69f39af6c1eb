#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include <caf/fwd.hpp>

#include "actors/cluster_door.hpp"
#include "actors/link_transport.hpp"
#include "control/host_link.hpp"

namespace berth::actors {

/// What the controller counts over all its links. Atomics: read by a scrape at any time.
struct link_counters {
  std::atomic<std::int64_t> open{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> frames_received{0};
  std::atomic<std::uint64_t> frames_sent{0};
  std::atomic<std::uint64_t> frames_missed{0};
  std::array<std::atomic<std::uint64_t>, control::frame_faults> frames_dropped{};
};

struct host_link_parts {
  std::shared_ptr<cluster_door> door;
  std::function<model::timestamp()> clock;
  control::host_link::config link; ///< its leader is taken from the door when a line is admitted
  std::int64_t frames_max = 64;    ///< per link, received and not yet handled by the cluster
  std::shared_ptr<link_counters> counters;
};

/// The door for agents' connections: an actor per connection, which ends with it.
[[nodiscard]] std::shared_ptr<link_door> make_link_door(caf::actor_system& system,
                                                        host_link_parts parts);

} // namespace berth::actors
