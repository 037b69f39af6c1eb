#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "model/command.hpp"
#include "model/event.hpp"
#include "model/failure.hpp"
#include "model/link.hpp"
#include "model/plan.hpp"
#include "model/request.hpp"
#include "model/shared_value.hpp"
#include "model/time.hpp"
#include "scheduler/inventory_update.hpp"

namespace berth::control {

// What goes into the cluster machine and what comes out (control/cluster.hpp).

/// One request that wants one answer. Chosen by the shell, unique among those in flight.
enum class ticket : std::uint64_t {};
/// One connection of a host's agent. Chosen by the shell, never used twice in its life.
enum class link_id : std::uint64_t {};
/// One question to the scheduler. Chosen by the machine.
enum class plan_id : std::uint64_t {};

// --- Inputs

struct command_received {
  ticket from{};
  model::command what;
};
/// Answered from the state as it is, but not before that state is durable.
struct query_received {
  ticket from{};
  model::query what;
};

/// Idempotency keys, as in api/cluster_port.hpp. A claim that was granted must be followed by
/// key_answered or key_forgotten.
struct key_claimed {
  ticket from{};
  std::string key;
  std::uint64_t fingerprint = 0;
};
struct key_answered {
  ticket from{};
  std::string key;
  std::uint64_t fingerprint = 0;
  std::uint16_t http_status = 0;
  std::string body;
};
struct key_forgotten {
  std::string key;
};

/// The scheduler's answer to one want_plans item. A failure (no scheduler, too late) counts as an
/// attempt.
struct made_plan {
  plan_id id{};
  model::result<model::decision> decision;
  /// The `up_to` of the last publication that the scheduler had applied.
  model::sequence_number seen = 0;
  std::uint32_t scheduler = 0; ///< the number of the scheduler in its pool
};
struct plans_made {
  std::vector<made_plan> plans;
};
struct forecast_made {
  plan_id id{};
  model::result<model::forecast> forecast;
};

struct explanation_made {
  plan_id id{};
  model::result<model::explanation> explanation;
};

/// A connection whose hello was well formed and named the host of its certificate
/// (control/host_link.hpp). Answered by welcome_host or close_link.
struct link_opened {
  link_id link{};
  model::incarnation_id incarnation;
  model::host_info info;
};
struct host_said {
  link_id link{};
  model::from_host message;
  model::timestamp at; ///< when it came, by the link; later than the step's time counts as that
};
/// The connection is gone. The host stays online until its lease is over.
struct link_closed {
  link_id link{};
  /// When the link had its latest sign of life; not every one was a host_said.
  model::timestamp last_heard{};
};
/// Nothing was heard for a lease: the host is offline.
struct lease_expired {
  link_id link{};
  model::timestamp last_heard{}; ///< as in link_closed
};

/// The store has all events up to this one.
struct commit_done {
  model::sequence_number up_to = 0;
};
/// The store took nothing after its last commit_done. Before handing this in, the shell throws away
/// every event that it got from the machine and has not appended.
struct commit_failed {
  model::failure why;
};
/// Time has passed (cluster::next_tick).
struct tick {};

using input = std::variant<command_received, query_received, key_claimed, key_answered,
                           key_forgotten, plans_made, forecast_made, explanation_made, link_opened,
                           host_said, link_closed, lease_expired, commit_done, commit_failed, tick>;

// --- Effects: what the shell has to do, in order

/// A large value behind a pointer: effects are moved from list to list, so they are kept small.
template <class T> class boxed {
public:
  template <class From>
  requires std::is_constructible_v<T, From&&> &&
      (!std::is_same_v<std::decay_t<From>, boxed>)boxed(From&& value)
      : value_(std::make_unique<T>(std::forward<From>(value))) {}

  [[nodiscard]] T& operator*() const { return *value_; }
  [[nodiscard]] T* operator->() const { return value_.get(); }

private:
  std::unique_ptr<T> value_; ///< null only when moved from
};

struct answer_command {
  ticket to{};
  boxed<model::result<model::reply>> what;
};
struct answer_query {
  ticket to{};
  boxed<model::result<model::answer>> what;
};
/// The remembered answer, or nullopt: the caller may go on. As in cluster_port::claim_key.
struct kept_answer {
  std::uint16_t http_status = 0;
  std::string body;
  friend bool operator==(const kept_answer&, const kept_answer&) = default;
};
struct answer_claim {
  ticket to{};
  model::result<std::optional<kept_answer>> what;
};
struct answer_remember {
  answer_remember(ticket whom, model::result<void> how) : to(whom), what(std::move(how)) {}
  // tl::expected<void> forgets that it moves without throwing; vectors of effects would copy.
  answer_remember(const answer_remember&) = default;
  answer_remember(answer_remember&&) noexcept = default;
  answer_remember& operator=(const answer_remember&) = default;
  answer_remember& operator=(answer_remember&&) noexcept = default;
  ~answer_remember() = default;

  ticket to{};
  model::result<void> what;
};

/// One question to a scheduler. A scheduler may count on its own plan being accepted (and plan the
/// next request around it): the machine publishes updates that confirm or revoke every plan.
struct plan_wish {
  plan_id id{};
  model::shared_value<model::placement_request> request;
  std::int32_t attempt = 1;
  bool explain = false; ///< scheduler::explain instead of plan
};
struct want_plans {
  std::vector<plan_wish> wishes;
};
struct want_forecast {
  plan_id id{};
  model::shared_value<model::placement_request> shape;
  std::int32_t limit = 1;
};
/// A decision with everything a person wants to read, and verdicts on single hosts.
struct want_explanation {
  struct question {
    plan_id id{};
    model::placement_request request;
    std::vector<model::host_id> hosts;
  };
  std::shared_ptr<const question> what; ///< never null
};
/// For every scheduler's replica, in order. Always comes before the wishes of the same step.
struct publish {
  std::shared_ptr<const std::vector<scheduler::inventory_update>> updates;
  model::sequence_number up_to = 0; ///< the last event that they are of
};

/// The link is accepted; the host's registration is durable.
struct welcome_host {
  link_id link{};
  model::host_id host;
  model::link_welcome message;
};
/// Send to the host. A desired_state supersedes an older one that was not sent yet.
struct tell_host {
  link_id link{};
  model::to_host message;
};
struct close_link {
  link_id link{};
  model::failure why;
};

/// Happenings that only metrics and logs want.
enum class note_kind : std::uint8_t {
  placement_conflict,   ///< a plan did not stand against the truth
  plan_lost,            ///< a scheduler did not answer in time
  stale_device_report,  ///< a device report from before the latest change of ownership
  drift_unknown_server, ///< the host has a server that the cluster does not know
  drift_missing_server, ///< the host lacks a server that it should have
  drift_unknown_device, ///< the host reports a device that the cluster does not know
  drift_device_in_use,  ///< the host reports a device in use that nobody owns
  drift_device_free,    ///< the host reports a device free that a server owns
  drift_epoch_ahead,    ///< the host has obeyed an epoch that was never given
  drift_unknown_domain, ///< the host's hypervisor has a domain that is not berth's
  plug_taken_back,      ///< a running server's device could not be plugged in or out
  device_lost,
  host_online,
  host_offline,
  host_refused,
  store_lost,
  store_back,
};
[[nodiscard]] std::string_view to_string(note_kind kind);

struct note {
  note_kind kind{};
  std::string subject; ///< the host's, device's or server's name or id
  std::string text;
};
/// A server request was decided.
struct placement_settled {
  std::int32_t devices = 0;
  std::int32_t attempts = 1;
  bool placed = false;
  std::string reason; ///< of a refusal: its deciding rule; empty when placed
  model::duration waited{};
  bool waits = false; ///< refused, but it waits for capacity
};

using effect = std::variant<answer_command, answer_query, answer_claim, answer_remember, want_plans,
                            want_forecast, want_explanation, publish, welcome_host, tell_host,
                            close_link, note, placement_settled>;
static_assert(std::is_nothrow_move_constructible_v<effect>);

} // namespace berth::control
