#include "control/cluster.hpp"

#include <algorithm>

#include "control/cluster_machine.hpp"

namespace berth::control {

std::string_view to_string(note_kind kind) {
  switch (kind) {
  case note_kind::placement_conflict:
    return "placement_conflict";
  case note_kind::plan_lost:
    return "plan_lost";
  case note_kind::stale_device_report:
    return "stale_device_report";
  case note_kind::drift_unknown_server:
    return "drift_unknown_server";
  case note_kind::drift_missing_server:
    return "drift_missing_server";
  case note_kind::drift_unknown_device:
    return "drift_unknown_device";
  case note_kind::drift_device_in_use:
    return "drift_device_in_use";
  case note_kind::drift_device_free:
    return "drift_device_free";
  case note_kind::drift_epoch_ahead:
    return "drift_epoch_ahead";
  case note_kind::drift_unknown_domain:
    return "drift_unknown_domain";
  case note_kind::plug_taken_back:
    return "plug_taken_back";
  case note_kind::device_lost:
    return "device_lost";
  case note_kind::host_online:
    return "host_online";
  case note_kind::host_offline:
    return "host_offline";
  case note_kind::host_refused:
    return "host_refused";
  case note_kind::store_lost:
    return "store_lost";
  case note_kind::store_back:
    return "store_back";
  }
  return "unknown";
}

// --- The frame of a step

void cluster::machine::take(input& what) {
  if (const auto* made = std::get_if<plans_made>(&what)) {
    note_bases(*made);
  }
  std::visit([this](auto& each) { on(each); }, what);
  bases.clear();
}

/// What the plans were made on: record() keeps it with what is decided by them.
void cluster::machine::note_bases(const plans_made& made) {
  for (const auto& each : made.plans) {
    const auto asked = plannings.find(static_cast<std::uint64_t>(each.id));
    if (asked != plannings.end() && each.decision) {
      const auto& what = *asked->second;
      bases.insert_or_assign(what.server,
                             model::plan_basis{each.seen, each.scheduler,
                                               static_cast<std::uint32_t>(what.attempt),
                                               now - what.request.now, what.request.avoid_hosts});
    }
  }
}

std::optional<model::plan_basis> cluster::machine::basis_of(model::server_id server) const {
  const auto known = bases.find(server);
  return known != bases.end() ? std::optional{known->second} : std::nullopt;
}

/// What only a caller or a connecting host gets; hosts at work can wait for their messages.
static bool is_awaited(const effect& what) {
  return std::holds_alternative<answer_command>(what) ||
         std::holds_alternative<answer_claim>(what) ||
         std::holds_alternative<answer_remember>(what) ||
         std::holds_alternative<welcome_host>(what);
}

outcome cluster::machine::finish() {
  serve_queue();
  keep_reservations();
  send_due_states();
  if (!leading || probing || std::ranges::any_of(undurable, is_awaited)) {
    awaited = state.last_sequence();
  }
  if (!undurable.empty()) {
    if (settled()) {
      std::move(undurable.begin(), undurable.end(), std::back_inserter(out.effects));
    } else {
      held.push_back({state.last_sequence(), std::move(undurable)});
    }
    undurable.clear();
  }
  outcome done = std::exchange(out, {});
  if (!updates.empty()) {
    done.effects.insert(done.effects.begin(),
                        publish{std::make_shared<const std::vector<scheduler::inventory_update>>(
                                    std::exchange(updates, {})),
                                state.last_sequence()});
  }
  if (!wishes.empty()) {
    done.effects.emplace_back(want_plans{std::exchange(wishes, {})});
  }
  return done;
}

void cluster::machine::answer(ticket to, model::result<model::reply> what) {
  const bool refused = !what.has_value();
  answer_command done{to, std::move(what)};
  refused ? emit(std::move(done)) : when_durable(std::move(done));
}

void cluster::machine::tell_note(note_kind kind, std::string subject, std::string text) {
  emit(note{kind, std::move(subject), std::move(text)});
}

// --- Durability

void cluster::machine::on(commit_done& done) {
  state.mark_durable(done.up_to);
  while (!held.empty() && held.front().until <= done.up_to) {
    std::move(held.front().effects.begin(), held.front().effects.end(),
              std::back_inserter(out.effects));
    held.pop_front();
  }
  while (!held_queries.empty() && held_queries.front().until <= done.up_to) {
    auto& query = held_queries.front();
    emit(answer_query{query.asked.from, std::move(query.what)});
    held_queries.pop_front();
  }
  leading = true;
  if (probing) {
    store_came_back();
  }
}

void cluster::machine::fail_held(std::vector<effect>& effects, const model::failure& why) {
  for (auto& each : effects) {
    if (auto* command = std::get_if<answer_command>(&each)) {
      emit(answer_command{command->to, tl::unexpected{why}});
    } else if (auto* claimed = std::get_if<answer_claim>(&each)) {
      emit(answer_claim{claimed->to, tl::unexpected{why}});
    } else if (auto* kept = std::get_if<answer_remember>(&each)) {
      emit(answer_remember{kept->to, tl::unexpected{why}});
    } else if (auto* welcome = std::get_if<welcome_host>(&each)) {
      close(welcome->link, why);
    }
  }
}

void cluster::machine::on(commit_failed& failed) {
  out.events.clear(); // of this very step, before the failure was handed in
  const auto compensating = state.rollback();
  updates.insert(updates.end(), compensating.begin(), compensating.end());
  for (auto& each : held) {
    fail_held(each.effects, failed.why);
  }
  held.clear();
  fail_held(undurable, failed.why);
  undurable.clear();
  fail_creations(failed.why);
  for (auto& query : held_queries) {
    emit(answer_query{query.asked.from, cluster::answer_from(*this, query.asked.what)});
  }
  held_queries.clear();
  // What the hosts said may be lost, and what they were to be told was not let out.
  for (auto& [host, seen] : presences) {
    seen.wants_full_report = true;
    seen.sent = std::min(seen.sent, seen.seen);
  }
  if (!store_failure) {
    tell_note(note_kind::store_lost, "store", failed.why.message);
  }
  queue.offer_everywhere();
  queue.forget_search(now);
  store_failure = failed.why;
  probing = false;
  probe_at = now + config.store_retry;
}

model::controller_started cluster::machine::leadership(model::leader_epoch epoch) const {
  const auto in_force = [](const scheduler::options& how, std::uint32_t schedulers) {
    return model::scheduling_in_force{std::string{scheduler::name_of(*how.policy)}, schedulers};
  };
  model::controller_started begun{epoch, config.version,
                                  in_force(config.scheduling, config.schedulers)};
  for (const auto& [project, how] : config.project_scheduling) {
    const auto own = config.project_schedulers.find(project);
    begun.pools.emplace(project,
                        in_force(how, own != config.project_schedulers.end() ? own->second : 0));
  }
  return begun;
}

void cluster::machine::probe_store() {
  if (!store_failure || probing || now < probe_at) {
    return;
  }
  probing = true;
  // The same leadership again says nothing new; one that never became durable is a new one.
  record(leadership(leading ? state.leader() : state.leader() + 1));
}

void cluster::machine::store_came_back() {
  probing = false;
  store_failure.reset();
  tell_note(note_kind::store_back, "store");
  std::set<model::host_id> all; // ordered: it reaches the effects
  for (const auto& [host, seen] : presences) {
    all.insert(host);
  }
  for (const auto& host : all) {
    auto& seen = presences.at(host);
    if (std::exchange(seen.wants_full_report, false)) {
      tell(seen, model::full_report_request{});
    }
    if (!seen.link && !seen.lease_over) { // its lease ran out, but that was not kept
      seen.lease_over = now;
      lease_ends.emplace(now, host);
    }
    mark_dirty(host);
  }
}

void cluster::machine::on(tick&) {
  expire_claims();
  expire_plans();
  if (!store_failure) {
    expire_leases();
    end_waits();
    search_on();
  }
  probe_store();
}

std::optional<model::timestamp> cluster::machine::next_tick() const {
  std::optional<model::timestamp> next;
  const auto consider = [&next](model::timestamp when) {
    next = next ? std::min(*next, when) : when;
  };
  if (!plan_deadlines.empty()) {
    consider(plan_deadlines.front().first);
  }
  for (const auto& [id, forecast] : forecasts) {
    consider(forecast.deadline);
    break; // ascending by id, so by time
  }
  if (!claim_deadlines.empty()) {
    consider(claim_deadlines.front().first);
  }
  if (store_failure) {
    if (!probing) {
      consider(probe_at);
    }
    return next;
  }
  if (!lease_ends.empty()) {
    consider(lease_ends.begin()->first);
  }
  if (queue_has_work() || queue.is_searching()) {
    consider(now);
  }
  if (queue.due() && !state.waiting().empty()) {
    consider(*queue.due());
  }
  if (giving_up.size() < config.explanations_max) {
    for (const auto& [deadline, server] : state.waiting().deadlines()) {
      if (giving_up.count(server) == 0) {
        consider(deadline);
        break;
      }
    }
  }
  if (!desired_due.empty()) {
    consider(desired_due.begin()->first);
  }
  return next;
}

// --- The door

cluster::cluster(cluster_config config, cluster_state loaded, model::random dice)
    : machine_(std::make_unique<machine>(std::move(config), std::move(loaded), dice)) {}
cluster::~cluster() = default;

outcome cluster::start(model::timestamp now) {
  auto& m = *machine_;
  m.now = now;
  m.queue.begin(now);
  m.record(m.leadership(m.state.leader() + 1));
  m.state.build_inventory();
  m.updates = m.state.full_inventory();
  return m.finish();
}

outcome cluster::step(model::timestamp now, input what) {
  return step(now, std::span{&what, 1});
}

outcome cluster::step(model::timestamp now, std::span<input> inputs) {
  machine_->now = now;
  for (auto& what : inputs) {
    machine_->take(what);
  }
  return machine_->finish();
}

model::sequence_number cluster::awaited() const {
  return machine_->awaited;
}

std::optional<model::timestamp> cluster::next_tick() const {
  return machine_->next_tick();
}

model::result<model::answer> cluster::answer(const model::query& what) const {
  return answer_from(*machine_, what);
}

const cluster_state& cluster::state() const {
  return machine_->state;
}

bool cluster::ready() const {
  return machine_->leading && !machine_->store_failure;
}

std::optional<model::timestamp> cluster::last_seen(model::host_id host) const {
  const auto seen = machine_->presences.find(host);
  return seen == machine_->presences.end() ? std::nullopt : std::optional{seen->second.last_heard};
}

std::size_t cluster::unknown_domains_at(model::host_id host) const {
  const auto seen = machine_->presences.find(host);
  return seen == machine_->presences.end()
             ? 0
             : seen->second.unknown_domains.size() + seen->second.unknown_servers.size();
}

std::optional<model::timestamp> cluster::inventory_at(model::host_id host) const {
  const auto seen = machine_->presences.find(host);
  return seen == machine_->presences.end() ? std::nullopt
                                           : std::optional{seen->second.inventory_at};
}

std::size_t cluster::creations_in_flight() const {
  return machine_->plannings.size() - machine_->giving_up.size(); // those are servers already
}

std::optional<model::timestamp> cluster::oldest_creation() const {
  std::optional<model::timestamp> oldest;
  for (const auto& [id, planning] : machine_->plannings) {
    oldest = oldest ? std::min(*oldest, planning->since) : planning->since;
  }
  return oldest;
}

} // namespace berth::control
