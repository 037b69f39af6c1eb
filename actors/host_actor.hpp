#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <caf/fwd.hpp>

#include "actors/interfaces.hpp"
#include "actors/link_transport.hpp"
#include "actors/mail_meter.hpp"
#include "actors/ownership_store.hpp"
#include "control/agent_link.hpp"
#include "control/host_machine.hpp"
#include "hostbackend/host_backend.hpp"
#include "metrics/registry.hpp"
#include "model/random.hpp"

namespace berth::actors {

/// What an agent's process counts over all its hosts. Default-made: counts nothing.
struct agent_counters {
  agent_counters() = default;
  /// `live` outlives it.
  agent_counters(metrics::registry& live, std::function<model::timestamp()> clock);

  mail_meter mail;
  metrics::gauge links_up;
  metrics::counter dials_failed;
  metrics::counter frames_sent;
  metrics::counter frames_received;
  std::array<metrics::counter, control::frame_faults> frames_dropped;
  metrics::counter commands_refused;
};

struct host_parts {
  std::string name; ///< as in the certificate
  std::shared_ptr<hostbackend::host_backend> backend;
  std::shared_ptr<link_dialer> dialer;
  std::shared_ptr<ownership_keeper> keeper;
  kept_ownerships kept; ///< of its devices; others are ignored
  model::incarnation_id incarnation;
  std::function<model::timestamp()> clock;
  model::random dice{0};
  control::host_options options;
  control::turnover_options turnover;
  control::agent_link::config link;
  std::int64_t frames_max = 64; ///< received and not yet handled; beyond it the line is closed
  agent_counters counters;
  std::function<void(const model::failure&)> on_refused; ///< for a log; may be empty
  /// Told when the link comes up (nullptr), goes down, or why it cannot be made (each reason once
  /// until it is up again); for a log, may be empty.
  std::function<void(const std::string* trouble)> on_link;
};

/// Starts the agent of one host, which dials at once. An exit message ends it with its devices.
[[nodiscard]] host_actor spawn_host(caf::actor_system& system, host_parts parts);

} // namespace berth::actors
