#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/failure.hpp"
#include "model/host.hpp"
#include "model/link.hpp"
#include "model/time.hpp"

namespace berth::control {

/// Why a frame was not taken.
enum class frame_fault : std::uint8_t {
  duplicate,         ///< its sequence number was the last one already
  late,              ///< an older sequence number: reordered or delayed
  other_incarnation, ///< of another life of the agent than the hello
  old_leader,        ///< sent under an older leadership
  early,             ///< before the link was accepted
};
inline constexpr std::size_t frame_faults = 5;
[[nodiscard]] std::string_view to_string(frame_fault fault);

inline constexpr std::string_view link_protocol = "berth-link/1";

/// The controller's end of one connection: checks every frame's header, keeps the lease, numbers
/// what goes out. The shell does the bytes. One thread, no clock.
///
/// Life: hello (once, first) -> accept() with the cluster's welcome -> messages -> closed.
class host_link {
public:
  /// The cluster's `last_seen` of a connected host is no older than these and two heartbeats.
  static constexpr model::duration passed_on_each = std::chrono::seconds{30};
  static constexpr model::duration read_each = std::chrono::seconds{15};

  struct config {
    model::leader_epoch leader = 0;
    model::duration lease = std::chrono::seconds{15};
    model::duration hello_deadline = std::chrono::seconds{10}; ///< from the connection's start
    std::size_t outbox_max = 64; ///< messages that are not superseded by newer ones
  };

  /// `certificate_name`: the host that the client certificate names.
  host_link(config how, std::string certificate_name, model::timestamp now);

  // What received() and on_timer() tell the shell to do.
  /// Hand link_opened to the cluster.
  struct opened {
    model::incarnation_id incarnation;
    model::host_info info;
  };
  /// Hand host_said to the cluster. Of heartbeats one in `passed_on_each`: what the link knows
  /// itself need not take the cluster's time.
  struct said {
    model::from_host message;
    model::timestamp at{}; ///< when it came
  };
  /// A frame was dropped; nothing else to do.
  struct dropped {
    frame_fault fault{};
  };
  /// Close the connection; `expired`: hand lease_expired to the cluster instead of link_closed.
  struct close {
    model::failure why;
    bool expired = false;
  };
  using action = std::variant<opened, said, dropped, close>;

  /// `at`: when the frame came. A heartbeat may be handed in later, up to `read_each` and to the
  /// next one, but before any later frame and before on_timer() of a time after it.
  [[nodiscard]] std::vector<action> received(model::timestamp at,
                                             model::link_frame<model::from_host> frame);
  [[nodiscard]] std::vector<action> on_timer(model::timestamp now);
  /// When on_timer is due.
  [[nodiscard]] model::timestamp deadline() const;
  /// When an accepted link was accepted, or had its latest message since.
  [[nodiscard]] model::timestamp last_heard() const { return last_heard_; }

  /// The cluster took the host in.
  void accept(model::timestamp now, model::link_welcome welcome);
  /// Queues a message. A desired_state replaces one that waits; so does a report_acknowledged, a
  /// probe_request and a full_report_request its like. False = the outbox is full: close the link.
  [[nodiscard]] bool send(model::to_host message);
  /// The next frame to write; nullopt = nothing waits (or the link is not accepted).
  [[nodiscard]] std::optional<model::link_frame<model::to_host>> next_frame();

  [[nodiscard]] const std::string& name() const { return certificate_name_; }
  [[nodiscard]] bool accepted() const { return phase_ == phase::accepted; }
  /// Dropped frames by fault, and sequence numbers that never came.
  [[nodiscard]] const std::array<std::uint64_t, frame_faults>& faults() const { return faults_; }
  [[nodiscard]] std::uint64_t frames_missed() const { return missed_; }

private:
  enum class phase : std::uint8_t { awaiting_hello, awaiting_accept, accepted, closed };

  [[nodiscard]] std::optional<frame_fault> fault_of(const model::link_header& header) const;
  [[nodiscard]] action take_hello(const model::link_header& header, model::link_hello hello);
  [[nodiscard]] action refuse(model::failure why);
  [[nodiscard]] action refuse_full_outbox();
  [[nodiscard]] bool ask_again_if_due(model::timestamp now);
  void renew(model::timestamp now);

  config config_;
  std::string certificate_name_;
  phase phase_ = phase::awaiting_hello;
  model::timestamp deadline_;
  model::timestamp last_heard_{};
  model::timestamp last_passed_on_{}; ///< to the cluster
  model::incarnation_id incarnation_;
  std::uint64_t last_received_ = 0;
  std::uint64_t last_sent_ = 0;
  std::uint64_t missed_ = 0;
  std::optional<model::timestamp> ask_at_; ///< frames were missed: when to ask for a full report
  std::array<std::uint64_t, frame_faults> faults_{};
  std::vector<model::to_host> outbox_;
};

} // namespace berth::control
