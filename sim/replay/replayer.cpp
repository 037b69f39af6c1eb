#include "sim/replay/replayer.hpp"

#include <algorithm>
#include <utility>

namespace berth::sim {

namespace {

/// Publications that a replica may be behind; its scheduler is never behind by so much.
constexpr std::size_t behind_max = 65'536;
/// How many events a plan that did not stand is away, at most, from decisions that it misled.
constexpr model::sequence_number misled_within = 1'000;

std::optional<location> location_of(const model::server_record& server) {
  return server.host ? std::optional{location{*server.host, devices_of(server.attachments)}}
                     : std::nullopt;
}

std::optional<location> location_of(const model::decision& decision) {
  const auto* where = std::get_if<model::placement>(&decision);
  return where != nullptr ? std::optional{location{where->host, where->devices}} : std::nullopt;
}

/// The referee's word after the last attempt: one host, one rule.
bool is_referees(const std::optional<model::refusal>& why) {
  return why && why->hosts_considered == 1 && why->rules.size() == 1;
}

constexpr const char* no_basis = "an older version wrote it, without what its plan was made on";
constexpr const char* no_policy = "the log does not name a policy that this program has";
constexpr const char* misled =
    "a plan near it did not stand, and what its scheduler believed meanwhile is not in the log";
constexpr const char* taken_back = "its last plan did not stand: the place was gone meanwhile";

} // namespace

std::string_view to_string(decision_kind kind) {
  switch (kind) {
  case decision_kind::creation:
    return "creation";
  case decision_kind::queue:
    return "queue";
  case decision_kind::last_try:
    return "last_try";
  case decision_kind::kept_host:
    return "kept_host";
  }
  return "creation";
}

std::string_view to_string(match how) {
  switch (how) {
  case match::same:
    return "same";
  case match::differs:
    return "differs";
  case match::unknown:
    return "unknown";
  }
  return "unknown";
}

match_counts replay_report::total() const {
  match_counts sum;
  for (const auto& [kind, counts] : kinds) {
    sum.same += counts.same;
    sum.differs += counts.differs;
    sum.unknown += counts.unknown;
  }
  return sum;
}

replayer::replayer(replay_options options) : options_{options} {}

model::result<void> replayer::add_item(model::snapshot_item item) {
  return state_.add_item(std::move(item));
}

void replayer::begin() {
  state_.build_inventory();
  began_ = state_.last_sequence();
  start_pools();
}

model::result<void> replayer::feed(const model::log_record& record) {
  if (record.sequence != state_.last_sequence() + 1)
    return model::fail(model::errc::store_corrupt,
                       "event " + std::to_string(record.sequence) + " follows event " +
                           std::to_string(state_.last_sequence()) + ": the log has a gap");
  report_.first = report_.first == 0 ? record.sequence : report_.first;
  report_.last = record.sequence;
  view_.look_at(record.at);
  judge(record);
  if (beside_ != nullptr)
    beside_->before(record);
  const auto leader = state_.leader();
  std::vector<scheduler::inventory_update> updates;
  state_.apply(record, control::cluster_state::durability::durable, updates);
  if (beside_ != nullptr)
    beside_->after(record, updates);
  publish(record.sequence, std::move(updates));
  if (const auto* begun = std::get_if<model::controller_started>(&record.what)) {
    policies_.begin(*begun);
    if (state_.leader() != leader)
      start_pools(); // new schedulers, which begin with the state as it is
    else
      retried_ = record.sequence; // the store failed: plans that were in flight are not in the log
  }
  return {};
}

// --- Replicas

void replayer::start_pools() {
  published_.clear();
  differing_.clear();
  retried_ = 0;
  replicas_.clear();
  report_.policies.clear();
  const auto whole = state_.full_inventory();
  const auto add = [&](const std::string& pool) {
    const auto& plans = policies_.of_pool(pool);
    for (std::uint32_t i = 0; i < std::max(plans.schedulers, 1U); ++i) {
      auto& made = replicas_[{pool, i}];
      for (const auto& update : whole)
        made.world.apply(update);
      made.heard = state_.last_sequence();
    }
    report_.policies[pool] =
        plans.known ? std::string{scheduler::name_of(*plans.how.policy)} : std::string{};
  };
  add({});
  for (const auto& [project, plans] : policies_.pools())
    add(project);
}

void replayer::publish(model::sequence_number sequence,
                       std::vector<scheduler::inventory_update> updates) {
  if (updates.empty())
    return;
  published_.push_back({sequence, std::move(updates)});
  if (published_.size() <= behind_max)
    return;
  const auto oldest = published_.front().sequence;
  for (auto& [planner, behind] : replicas_)
    catch_up(behind, oldest);
  published_.pop_front();
}

void replayer::catch_up(replica& which, model::sequence_number up_to) {
  const auto unheard =
      std::ranges::upper_bound(published_, which.heard, {}, &publication::sequence);
  for (auto next = unheard; next != published_.end() && next->sequence <= up_to; ++next)
    for (const auto& update : next->updates)
      which.world.apply(update);
  which.heard = std::max(which.heard, up_to);
}

// --- Decisions

void replayer::judge(const model::log_record& record) {
  if (const auto* created = std::get_if<model::server_created>(&record.what))
    return judge_creation(record, *created);
  if (const auto* placed = std::get_if<model::server_placed>(&record.what))
    return judge_queue(record, *placed);
  if (const auto* ended = std::get_if<model::server_wait_ended>(&record.what))
    return judge_last_try(record, *ended);
  if (const auto* kept = std::get_if<model::server_reserved>(&record.what))
    return judge_kept_host(record, *kept);
}

/// Plans on the replica of the server's pool. Also where the decision is not in the range: the
/// replica counts on it, as the scheduler did.
replayer::verdict replayer::plan_again(const model::log_record& record,
                                       const model::server_record& server,
                                       const model::plan_basis& basis,
                                       const std::optional<location>& logged) {
  const auto& project = server.spec->project;
  const auto& plans = policies_.of(project);
  const auto pool = policies_.pool_of(project);
  const auto planner = replicas_.find({pool, basis.scheduler});
  auto& own = planner != replicas_.end() ? planner->second : replicas_.at({pool, 0});
  note_attempts(record, basis);
  verdict again;
  if (basis.seen < began_)
    again.doubt = "it was asked for before the log begins";
  else if (planner == replicas_.end() || own.heard > basis.seen)
    again.doubt = "the log does not fit together: its scheduler is unknown, or went back in time";
  else if (retried_ != 0 && retried_ + misled_within >= record.sequence)
    again.doubt = misled;
  if (!plans.known)
    again.doubt = no_policy;
  catch_up(own, basis.seen);
  auto request = to_placement_request(server.id, server.spec, record.at - basis.ago);
  request.avoid_hosts = basis.avoided;
  again.remade = location_of(scheduler::plan(own.world, request, plans.how));
  if (logged)
    own.world.apply(scheduler::server_allocated{server.id, logged->host, request.amount,
                                                logged->devices, request.anti_affinity_group,
                                                request.ends_at, request.now, request.devices});
  return again;
}

/// Decides on the state as it is, as the queue does.
replayer::verdict replayer::decide_again(const model::server_record& server,
                                         const std::optional<location>& logged) {
  verdict again;
  again.remade = location_of(view_.decide(server));
  if (!policies_.of(server.spec->project).known)
    again.doubt = no_policy;
  if (again.remade != logged && logged && again.doubt.empty() &&
      location_of(view_.decide(server, {logged->host})) == logged)
    again.doubt = "beside which kept hosts it was tried is not in the log; on this one it is right";
  return again;
}

void replayer::judge_creation(const model::log_record& record, const model::server_created& event) {
  const auto& server = event.server;
  const auto logged = location_of(server);
  verdict again;
  if (event.basis) {
    again = plan_again(record, server, *event.basis, logged);
    if (!logged && again.remade && is_referees(server.why_refused))
      again.doubt = taken_back;
  } else {
    again = decide_again(server, logged);
    again.doubt = no_basis;
  }
  note({record.sequence,
        record.at,
        decision_kind::creation,
        server.id,
        server.spec->name,
        logged,
        {},
        match::same,
        {}},
       again);
}

void replayer::judge_queue(const model::log_record& record, const model::server_placed& event) {
  const auto* entry = state_.find_server(event.server);
  if (entry == nullptr || entry->record.host)
    return; // the fold ignores it, too
  const auto& server = entry->record;
  const std::optional logged{location{event.host, devices_of(event.attachments)}};
  const auto again =
      event.basis ? plan_again(record, server, *event.basis, logged) : decide_again(server, logged);
  note({record.sequence,
        record.at,
        decision_kind::queue,
        server.id,
        server.spec->name,
        logged,
        {},
        match::same,
        {}},
       again);
}

void replayer::judge_last_try(const model::log_record& record,
                              const model::server_wait_ended& event) {
  const auto* entry = state_.find_server(event.server);
  if (entry == nullptr)
    return;
  const auto& server = entry->record;
  verdict again;
  if (event.basis) {
    again = plan_again(record, server, *event.basis, std::nullopt);
    if (again.remade && event.why == server.why_refused)
      again.doubt = taken_back; // then it keeps the words with which it began to wait
  } else {
    // No scheduler answered, or it may not have the device that it would get.
    ++report_.without_plan;
    return;
  }
  note({record.sequence,
        record.at,
        decision_kind::last_try,
        server.id,
        server.spec->name,
        {},
        {},
        match::same,
        {}},
       again);
}

void replayer::judge_kept_host(const model::log_record& record,
                               const model::server_reserved& event) {
  const auto* entry = state_.find_server(event.server);
  if (entry == nullptr || !is_waiting(entry->record))
    return;
  const auto& server = entry->record;
  std::optional<location> logged;
  verdict again;
  if (event.where) {
    logged = location{event.where->host, {}};
    const auto chosen = view_.choose_for(server.id);
    again.remade = chosen ? std::optional{location{chosen->host, {}}} : std::nullopt;
    const auto* host = state_.find_host(event.where->host);
    const auto seen = host != nullptr ? view_.outlook_of(server, event.where->host) : std::nullopt;
    const bool kept_promise = seen && seen->starts_at == event.where->starts_at;
    if (again.remade == logged && !kept_promise)
      again.remade.reset();
    else if (again.remade != logged && kept_promise)
      again.doubt =
          "the search for it took a while, and what it saw is not in the log; the promise "
          "is right";
  } else if (server.reserved && view_.may_be_kept(server.reserved->host)) {
    again.remade = location{server.reserved->host, {}};
  }
  note({record.sequence,
        record.at,
        decision_kind::kept_host,
        server.id,
        server.spec->name,
        logged,
        {},
        match::same,
        {}},
       again);
}

/// What was planned near a plan that did not stand may have been misled by it.
void replayer::note_attempts(const model::log_record& record, const model::plan_basis& basis) {
  while (!differing_.empty() && differing_.front().sequence + misled_within < record.sequence)
    differing_.pop_front();
  if (basis.attempt == 1)
    return;
  retried_ = record.sequence;
  for (const auto& each : differing_) {
    auto& counts = report_.kinds[each.kind];
    --counts.differs;
    ++counts.unknown;
    ++report_.unknown_why[misled];
    const auto told = std::ranges::find(report_.listed, each.sequence, &remade_decision::sequence);
    if (told != report_.listed.end()) {
      told->how = match::unknown;
      told->why = misled;
    }
  }
  differing_.clear();
}

void replayer::note(remade_decision decision, const verdict& again) {
  if (decision.sequence < options_.from || decision.sequence > options_.to)
    return;
  decision.remade = again.remade;
  auto& counts = report_.kinds[decision.kind];
  report_.placed += decision.logged && decision.kind != decision_kind::kept_host ? 1U : 0U;
  if (decision.remade == decision.logged) {
    ++counts.same;
    return;
  }
  if (again.doubt.empty()) {
    decision.how = match::differs;
    decision.why = "all that went into it is known: the log or the program has changed";
    ++counts.differs;
    differing_.push_back({decision.sequence, decision.kind});
  } else {
    decision.how = match::unknown;
    decision.why = again.doubt;
    ++counts.unknown;
    ++report_.unknown_why[decision.why];
  }
  if (report_.listed.size() < options_.listed_max)
    report_.listed.push_back(std::move(decision));
}

} // namespace berth::sim
