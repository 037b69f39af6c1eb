#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/cluster.hpp"
#include "model/random.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::control::testing {

/// A cluster machine with everything around it played by hand: a scheduler with a replica, a store
/// that keeps what it is told to, and hosts that say what the test says. Time moves when told to.
class cluster_world {
public:
  explicit cluster_world(cluster_config config = {}, std::uint64_t seed = 1);

  // --- Time and the store
  void advance(model::duration by) { now += by; }
  /// Hands an input in and plays the shell for what comes out; plans are answered at once unless
  /// `hold_plans`. Commits unless `hold_commits`.
  void step(input what);
  /// The same for several inputs as one step.
  void steps(std::vector<input> inputs);
  void commit();
  void fail_commit(model::errc code = model::errc::store_full);
  void tick() { step(control::tick{}); }
  /// Ticks until nothing is due at the present time.
  void settle();
  /// Answers every plan that waits.
  void answer_plans();
  /// A new process over the same store.
  void restart();

  // --- Users
  /// Hands a command in and returns its ticket.
  ticket send(model::command what);
  /// Sends, plays on until answered, returns the answer.
  model::result<model::reply> ask(model::command what);
  model::result<model::answer> query(model::query what);
  /// The answer to a ticket, if there was one; it can be taken once.
  std::optional<model::result<model::reply>> take_answer(ticket of);
  /// Creates one server that must be placed, and returns its record.
  model::server_record create(const model::server_spec& spec);
  model::server_record server(const std::string& ref);
  model::device_record device(model::device_id id);

  // --- Hosts
  /// Connects an agent: hello, and the full report of its devices as free unless `settle` is false.
  link_id connect(const model::host_info& info, std::uint64_t life = 1, bool settle = true);
  void say(link_id link, model::from_host message);
  /// The host acts on the latest desired state: obeys every epoch, reports all devices and servers
  /// as they should be.
  void obey(const model::host_info& info) { obey(info, link_id{last_link}); }
  void obey(const model::host_info& info, link_id link);
  /// The latest desired state that was let out to a link.
  std::optional<model::desired_state> desired(link_id link) const;
  template <class Message> std::size_t told(link_id link) const;

  // --- What there is to see
  std::vector<effect> effects; ///< of the latest step and what it led to
  std::vector<model::log_record> log;
  std::vector<model::log_record> pending;
  std::map<std::uint64_t, model::result<model::reply>> answers;
  std::map<std::uint64_t, model::result<model::answer>> query_answers;
  std::map<std::uint64_t, model::result<std::optional<kept_answer>>> claims;
  std::map<std::uint64_t, model::result<void>> remembered;
  std::map<std::uint64_t, std::vector<model::to_host>> to_hosts;
  std::map<std::uint64_t, model::failure> closed;
  std::set<std::uint64_t> welcomed;
  std::vector<plan_wish> plan_wishes;
  std::vector<want_forecast> forecast_wishes;
  std::vector<want_explanation> explanation_wishes;
  std::size_t answered_twice = 0;

  cluster_config config;
  std::uint64_t seed;
  model::timestamp now{std::chrono::hours{480'000}};
  std::unique_ptr<cluster> machine;
  scheduler::inventory replica;
  model::sequence_number replica_seen = 0; ///< the last event that the replica has heard of
  bool hold_plans = false;
  bool counts_on_plans = false; ///< plans of one turn do not collide, as with the scheduler actor
  bool hold_commits = false;
  std::uint64_t last_ticket = 0;
  std::uint64_t last_link = 0;
  std::uint64_t last_report = 0;

private:
  void perform(outcome done);
  void perform(effect& what);
};

/// A machine for tests: `gpus` equal GPUs, one per PCI bus, ids derived from the host's name.
[[nodiscard]] model::host_info make_host(const std::string& name, int gpus,
                                         const std::string& model = "H100");
[[nodiscard]] model::device_id device_of(const model::host_info& host, std::size_t index);
[[nodiscard]] model::server_spec make_spec(const std::string& name, int gpus = 0,
                                           const std::string& model = "");
[[nodiscard]] model::server_spec make_spec(const std::string& name,
                                           const std::vector<model::device_id>& devices);
[[nodiscard]] model::observed_state full_report(const model::host_info& info, std::uint64_t number);

template <class Message> std::size_t cluster_world::told(link_id link) const {
  const auto found = to_hosts.find(static_cast<std::uint64_t>(link));
  std::size_t count = 0;
  if (found != to_hosts.end()) {
    for (const auto& message : found->second) {
      count += std::holds_alternative<Message>(message) ? 1U : 0U;
    }
  }
  return count;
}

} // namespace berth::control::testing
