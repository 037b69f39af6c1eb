#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/cluster_messages.hpp"
#include "control/cluster_state.hpp"
#include "control/queue_keeper.hpp"
#include "model/random.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::control {

/// Bounds and times of the machine.
struct cluster_config {
  std::string version = "0"; ///< recorded in controller_started
  model::duration heartbeat_interval = std::chrono::seconds{5};
  model::duration lease = std::chrono::seconds{15};       ///< silence after which a host is offline
  model::duration plan_timeout = std::chrono::seconds{5}; ///< for one attempt
  std::int32_t plan_attempts_max = 5;                     ///< per server
  std::size_t creations_max = 100'000;                    ///< servers being placed at a time
  std::size_t specs_per_command_max = 10'000;
  std::size_t explanations_max = 64; ///< asked of the scheduler at a time
  /// A server that is created alone keeps why it was placed where it is.
  bool keep_reasons = true;
  std::size_t claims_max = 100'000; ///< idempotency keys being worked on
  model::duration claim_timeout = std::chrono::minutes{10};
  model::duration store_retry = std::chrono::seconds{1};   ///< between probes of a failed store
  model::duration desired_retry = std::chrono::seconds{2}; ///< re-send of an unseen desired state
  /// Between two requests for a full report, while a host is silent about something it acts on.
  model::duration report_retry = std::chrono::seconds{5};
  /// Least time between two desired states to one host, per server on it: building and sending the
  /// whole state costs in proportion.
  model::duration desired_spacing_per_server = std::chrono::microseconds{500};
  /// How waiting servers are planned; those of the projects named, in their own way.
  scheduler::options scheduling;
  std::map<std::string, scheduler::options, std::less<>> project_scheduling;
  /// Schedulers that plan side by side, and those of the projects named; recorded with the policies
  /// in controller_started, for whoever makes the plans again from the log.
  std::uint32_t schedulers = 1;
  std::map<std::string, std::uint32_t, std::less<>> project_schedulers;
  reservation_rules reservations;
};

/// What one step gives.
struct outcome {
  /// To be appended to the store, in order, all or nothing; then commit_done (or commit_failed).
  /// The events of several steps may be appended as one batch; one append is in flight at a time.
  std::vector<model::log_record> events;
  /// To be done now, in order. What may be done only when events are durable comes out of the step
  /// that takes their commit_done.
  std::vector<effect> effects;
};

/// The controller's brain: the single writer of the truth and the referee of every plan. A pure
/// state machine: owns no clock, no dice, no store, no socket. One thread.
///
/// Every ticket is answered exactly once; a success only after its events are durable.
/// After commit_failed everything that was not durable never happened: its tickets get the failure,
/// as does every new command until a probe of the store (controller_started again, same epoch)
/// succeeds.
class cluster {
public:
  /// `loaded` is the state that the store holds, without inventory; `dice` make server ids.
  cluster(cluster_config config, cluster_state loaded, model::random dice);
  ~cluster();

  /// The first step: a new leadership. All hosts are offline until they return.
  [[nodiscard]] outcome start(model::timestamp now);
  [[nodiscard]] outcome step(model::timestamp now, input what);
  /// Many inputs as one step: one batch of events, one publication. Moves out of the inputs.
  [[nodiscard]] outcome step(model::timestamp now, std::span<input> inputs);
  /// The last event that somebody outside waits for (an answer, a query, a leadership). Events
  /// behind it may be gathered a while before they are appended; those up to it should not wait.
  [[nodiscard]] model::sequence_number awaited() const;
  /// When a tick is due at the latest; nullopt = nothing waits for time.
  [[nodiscard]] std::optional<model::timestamp> next_tick() const;

  /// Reads the state as it is; it may hold events that are not durable yet (query_received waits).
  [[nodiscard]] model::result<model::answer> answer(const model::query& what) const;
  [[nodiscard]] const cluster_state& state() const;
  /// False while the store is failed, or before the first leadership is durable.
  [[nodiscard]] bool ready() const;
  /// When the host's agent was last heard; nullopt = not in this leadership.
  [[nodiscard]] std::optional<model::timestamp> last_seen(model::host_id host) const;
  /// When the host's latest inventory was taken in; nullopt = not in this leadership.
  [[nodiscard]] std::optional<model::timestamp> inventory_at(model::host_id host) const;
  /// Virtual machines on the host that the cluster does not know, as the host last reported.
  [[nodiscard]] std::size_t unknown_domains_at(model::host_id host) const;
  /// Server requests that wait for a plan.
  [[nodiscard]] std::size_t creations_in_flight() const;
  /// When the oldest of them came; nullopt = none.
  [[nodiscard]] std::optional<model::timestamp> oldest_creation() const;

private:
  struct machine;
  [[nodiscard]] static model::result<model::answer> answer_from(const machine& machine,
                                                                const model::query& what);
  std::unique_ptr<machine> machine_;
};

} // namespace berth::control
