#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/cluster_state.hpp"
#include "model/event.hpp"
#include "model/snapshot.hpp"
#include "sim/replay/counterfactual.hpp"
#include "sim/replay/location.hpp"
#include "sim/replay/log_view.hpp"
#include "sim/replay/policies.hpp"

namespace berth::sim {

/// What kind of decision an event of the log tells.
enum class decision_kind : std::uint8_t {
  creation,  ///< server_created: a place, the queue, or a refusal
  queue,     ///< server_placed: a waiting server got its place
  last_try,  ///< server_wait_ended: it waited in vain
  kept_host, ///< server_reserved: a host is kept for it, or not any more
};
[[nodiscard]] std::string_view to_string(decision_kind kind);

/// How a decision compares with the same one made again.
enum class match : std::uint8_t {
  same,    ///< the same host and the same devices in the same order, or nowhere both times
  differs, ///< all that went into it is known, and still it is another
  unknown, ///< another, and the log does not tell all that went into it; `why` says what it lacks
};
[[nodiscard]] std::string_view to_string(match how);

struct remade_decision {
  model::sequence_number sequence = 0; ///< of its event
  model::timestamp at{};
  decision_kind kind = decision_kind::creation;
  model::server_id server;
  std::string name;
  std::optional<location> logged; ///< nullopt = nowhere
  std::optional<location> remade;
  match how = match::same;
  std::string why; ///< empty where it is the same
};

struct replay_options {
  model::sequence_number from = 1; ///< decisions before it are not made again
  model::sequence_number to = UINT64_MAX;
  std::size_t listed_max = 1000; ///< decisions that are not the same and are told one by one
};

struct match_counts {
  std::uint64_t same = 0;
  std::uint64_t differs = 0;
  std::uint64_t unknown = 0;

  [[nodiscard]] std::uint64_t all() const { return same + differs + unknown; }
  friend bool operator==(const match_counts&, const match_counts&) = default;
};

struct replay_report {
  model::sequence_number first = 0; ///< event that was read; 0 = there was none
  model::sequence_number last = 0;
  std::map<decision_kind, match_counts> kinds;
  std::uint64_t placed = 0;                         ///< decisions with a place, as logged
  std::uint64_t without_plan = 0;                   ///< waits that ended without a plan being made
  std::map<std::string, std::uint64_t> unknown_why; ///< how often, by what the log lacks
  std::vector<remade_decision> listed;              ///< not the same, in the order of the log
  std::map<std::string, std::string> policies; ///< the last in force, by pool; "" = the common one

  [[nodiscard]] match_counts total() const;
};

/// Makes every decision of a log again, with the production fold and scheduler, and compares.
///
/// A creation is planned on a replica that has heard of the events that its scheduler had heard of,
/// and of that scheduler's own plans before it; what the queue placed, on the state just before.
/// One thread; no clock, no dice.
class replayer {
public:
  explicit replayer(replay_options options);
  replayer(const replayer&) = delete;
  replayer& operator=(const replayer&) = delete;

  /// The items of the snapshot that the log goes on from, in order; before begin().
  [[nodiscard]] model::result<void> add_item(model::snapshot_item item);
  /// Plays the log under another policy beside; `other` is made on state() and outlives this.
  void play_beside(counterfactual& other) { beside_ = &other; }
  /// All items were given, or there are none.
  void begin();
  /// The next event. Its number must follow the last one's, else errc::store_corrupt.
  [[nodiscard]] model::result<void> feed(const model::log_record& record);

  [[nodiscard]] const control::cluster_state& state() const { return state_; }
  /// What came out so far.
  [[nodiscard]] const replay_report& report() const { return report_; }

private:
  /// The replica of a pool's scheduler: it is behind the state by what its scheduler had not heard.
  struct replica {
    scheduler::inventory world;
    model::sequence_number heard = 0;
  };
  struct publication {
    model::sequence_number sequence = 0;
    std::vector<scheduler::inventory_update> updates;
  };
  struct differing {
    model::sequence_number sequence = 0;
    decision_kind kind = decision_kind::creation;
  };
  /// What a decision was made on, or as near to it as the log tells.
  struct verdict {
    std::optional<location> remade;
    std::string doubt; ///< what is not known of it; empty = nothing
  };

  void judge(const model::log_record& record);
  void judge_creation(const model::log_record& record, const model::server_created& event);
  void judge_queue(const model::log_record& record, const model::server_placed& event);
  void judge_last_try(const model::log_record& record, const model::server_wait_ended& event);
  void judge_kept_host(const model::log_record& record, const model::server_reserved& event);
  [[nodiscard]] verdict plan_again(const model::log_record& record,
                                   const model::server_record& server,
                                   const model::plan_basis& basis,
                                   const std::optional<location>& logged);
  [[nodiscard]] verdict decide_again(const model::server_record& server,
                                     const std::optional<location>& logged);
  void note(remade_decision decision, const verdict& again);
  void note_attempts(const model::log_record& record, const model::plan_basis& basis);
  void start_pools();
  void publish(model::sequence_number sequence, std::vector<scheduler::inventory_update> updates);
  void catch_up(replica& which, model::sequence_number up_to);

  replay_options options_;
  control::cluster_state state_;
  policies policies_;
  log_view view_{state_, policies_};
  std::map<std::pair<std::string, std::uint32_t>, replica> replicas_; ///< by pool and number
  std::deque<publication> published_; ///< what some replica may not have heard
  /// The last decision that took several attempts, and those that differ and came shortly before
  /// one or may: what schedulers believed of a plan that did not stand is not in the log.
  model::sequence_number retried_ = 0;
  std::deque<differing> differing_;
  model::sequence_number began_ = 0; ///< the state before anything was fed
  counterfactual* beside_ = nullptr;
  replay_report report_;
};

} // namespace berth::sim
