#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include <caf/fwd.hpp>

#include "actors/cluster_door.hpp"
#include "actors/link_transport.hpp"
#include "actors/mail_meter.hpp"
#include "control/host_link.hpp"
#include "metrics/registry.hpp"

namespace berth::actors {

/// What the controller counts over all its links. Default-made: counts nothing.
struct link_counters {
  link_counters() = default;
  /// `live` outlives it.
  link_counters(metrics::registry& live, std::function<model::timestamp()> clock);

  mail_meter mail;
  metrics::gauge open;
  metrics::counter accepted;
  metrics::counter frames_received;
  metrics::counter frames_sent;
  metrics::counter frames_missed;
  std::array<metrics::counter, control::frame_faults> frames_dropped;
};

struct host_link_parts {
  std::shared_ptr<cluster_door> door;
  std::function<model::timestamp()> clock;
  control::host_link::config link; ///< its leader is taken from the door when a line is admitted
  std::int64_t frames_max =
      64; ///< per link, received and not yet handled by the cluster, but for heartbeats
  link_counters counters;
};

/// The door for agents' connections: an actor per connection, which ends with it.
[[nodiscard]] std::shared_ptr<link_door> make_link_door(caf::actor_system& system,
                                                        host_link_parts parts);

} // namespace berth::actors
