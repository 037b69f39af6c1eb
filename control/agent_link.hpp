#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "control/host_link.hpp"
#include "model/failure.hpp"
#include "model/link.hpp"
#include "model/random.hpp"
#include "model/time.hpp"

namespace berth::control {

/// The agent's end of the host link, over all its connections: when to connect, what to say first,
/// when to send a heartbeat, which leader to obey. The shell does the bytes. One thread, no clock.
class agent_link {
public:
  struct config {
    model::duration backoff_min = std::chrono::milliseconds{100};
    model::duration backoff_max = std::chrono::seconds{10};
    model::duration connect_timeout = std::chrono::seconds{10}; ///< until the welcome
    std::size_t outbox_max = 1024; ///< bound of what waits; then the connection is given up
  };

  /// `known_leader`: the highest epoch this agent has obeyed (persisted); an older one is refused.
  agent_link(config how, model::incarnation_id incarnation, model::leader_epoch known_leader,
             model::random dice, model::timestamp now);

  // What the shell has to do.
  /// Open a connection; then connected() or disconnected().
  struct connect {};
  /// The link is up: persist the leader, hand the welcome on; a full report is to follow.
  struct welcomed {
    model::link_welcome message;
  };
  struct told {
    model::to_host message;
  };
  struct dropped {
    frame_fault fault{};
  };
  /// Close the connection; then disconnected() is not needed any more.
  struct close {
    model::failure why;
  };
  using action = std::variant<connect, welcomed, told, dropped, close>;

  /// The connection stands: send() the hello.
  void connected(model::timestamp now);
  /// The connection is gone, or was never made.
  void disconnected(model::timestamp now);
  [[nodiscard]] std::vector<action> received(model::timestamp now,
                                             model::link_frame<model::to_host> frame);
  /// A sign of life below the messages (a ping or pong). Silence for a lease closes the connection.
  void heard(model::timestamp now);
  [[nodiscard]] std::vector<action> on_timer(model::timestamp now);
  /// When on_timer is due.
  [[nodiscard]] model::timestamp deadline() const;

  /// Queues a message for the controller: the hello once after connected(), all else once welcomed.
  /// False = dropped (before the welcome the full report after it makes up for that); when it
  /// happens on a welcomed link, the outbox is full: close the connection.
  [[nodiscard]] bool send(model::from_host message);
  /// The next frame to write; nullopt = nothing waits. Counts as a heartbeat.
  [[nodiscard]] std::optional<model::link_frame<model::from_host>> next_frame(model::timestamp now);

  [[nodiscard]] bool welcome() const { return phase_ == phase::welcomed; }
  [[nodiscard]] model::leader_epoch leader() const { return leader_; }
  [[nodiscard]] const std::array<std::uint64_t, frame_faults>& faults() const { return faults_; }

private:
  enum class phase : std::uint8_t { waiting, connecting, greeting, welcomed };

  void back_off(model::timestamp now);
  [[nodiscard]] action give_up(model::timestamp now, model::failure why);
  [[nodiscard]] action take_welcome(model::timestamp now, model::link_welcome message);

  config config_;
  model::incarnation_id incarnation_;
  model::leader_epoch leader_;
  model::random dice_;
  phase phase_ = phase::waiting;
  model::timestamp next_; ///< waiting: connect; connecting, greeting: give up
  model::timestamp last_heard_{};
  model::timestamp last_sent_at_{};
  model::duration heartbeat_interval_{};
  model::duration lease_{};
  std::uint32_t failures_ = 0; ///< in a row
  std::uint64_t last_received_ = 0;
  std::uint64_t last_sent_ = 0;
  std::array<std::uint64_t, frame_faults> faults_{};
  std::vector<model::from_host> outbox_;
};

} // namespace berth::control
