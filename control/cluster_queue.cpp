#include <algorithm>

#include "control/cluster_machine.hpp"

namespace berth::control {

// Servers that wait for capacity: how they begin and end. Who is tried when: queue_keeper.

// --- What comes free

std::optional<model::host_id> cluster::machine::frees(const model::host_inventoried& event) const {
  return event.info.id;
}
std::optional<model::host_id>
cluster::machine::frees(const model::host_status_changed& event) const {
  const bool opens = event.status == model::host_status::online && event.settled;
  return opens ? std::optional{event.host} : std::nullopt;
}
std::optional<model::host_id>
cluster::machine::frees(const model::host_settings_changed& event) const {
  return event.host;
}
std::optional<model::host_id> cluster::machine::frees(const model::server_removed& event) const {
  const auto* entry = state.find_server(event.server);
  return entry != nullptr && entry->record.host ? entry->record.host : kept_for(event.server);
}
std::optional<model::host_id> cluster::machine::frees(const model::server_placed& event) const {
  return kept_for(event.server);
}
std::optional<model::host_id> cluster::machine::frees(const model::server_wait_ended& event) const {
  return kept_for(event.server);
}
std::optional<model::host_id> cluster::machine::frees(const model::server_reserved& event) const {
  return kept_for(event.server);
}
std::optional<model::host_id>
cluster::machine::frees(const model::device_state_reported& event) const {
  return event.state == model::device_state::free ? host_of(event.device) : std::nullopt;
}
std::optional<model::host_id>
cluster::machine::frees(const model::device_settings_changed& event) const {
  return host_of(event.device);
}
std::optional<model::host_id> cluster::machine::frees(const model::device_removed& event) const {
  return host_of(event.device);
}

std::optional<model::host_id> cluster::machine::kept_for(model::server_id server) const {
  const auto* entry = state.find_server(server);
  return entry != nullptr && entry->record.reserved ? std::optional{entry->record.reserved->host}
                                                    : std::nullopt;
}

std::optional<model::host_id> cluster::machine::host_of(model::device_id device) const {
  const auto* known = state.find_device(device);
  return known != nullptr ? std::optional{known->host} : std::nullopt;
}

// --- The keeper's errands

void cluster::machine::serve_queue() {
  if (!store_failure) {
    queue.serve(now);
  }
}

const model::server_record* cluster::machine::waiting_server(model::server_id id) const {
  const auto* entry = state.find_server(id);
  return entry != nullptr && is_waiting(entry->record) ? &entry->record : nullptr;
}

const scheduler::options& cluster::machine::policy_of(const std::string& project) const {
  const auto own = config.project_scheduling.find(project);
  return own != config.project_scheduling.end() ? own->second : config.scheduling;
}

bool cluster::machine::place(const model::server_record& server,
                             const model::placement_request& request,
                             const model::placement& where) {
  if (referee(request, where)) {
    return false;
  }
  place_waiting(server, where);
  return true;
}

void cluster::machine::place_waiting(const model::server_record& server,
                                     const model::placement& where) {
  const placement_settled settled{
      static_cast<std::int32_t>(where.devices.size()), 1, true, {}, now - server.created_at};
  if (auto misfit = vga_misfit(server.spec, where)) {
    record(model::server_wait_ended{server.id, std::move(misfit->message), std::nullopt});
    return;
  }
  model::server_placed event{server.id, where.host, attachments_for(where), std::nullopt};
  if (server.spec->lifetime) {
    event.ends_at = now + *server.spec->lifetime;
  }
  record(std::move(event));
  mark_dirty(where.host);
  when_durable(settled);
}

// --- Beginning and end

/// Keeps a server that fits nowhere in the queue.
void cluster::machine::let_wait(planning& what, model::refusal why) {
  model::server_record server;
  server.id = what.server;
  server.spec = what.spec;
  server.status = model::server_status::scheduling;
  server.desired_power = what.spec.auto_start ? model::power::on : model::power::off;
  server.status_reason = summary(why);
  when_durable(placement_settled{static_cast<std::int32_t>(what.spec.devices.size()),
                                 what.attempt,
                                 false,
                                 model::deciding_rule(why),
                                 {},
                                 true});
  server.why_refused = std::move(why);
  server.created_at = now;
  server.updated_at = now;
  record(model::server_created{std::move(server)});
  queue.offer_again(what.frees_before);
}

/// Those whose time is over are planned once more, to say why they did not fit.
void cluster::machine::end_waits() {
  for (const auto& [deadline, id] : state.waiting().deadlines()) {
    if (deadline > now || giving_up.size() >= config.explanations_max) {
      return;
    }
    if (!giving_up.insert(id).second) {
      continue;
    }
    const auto& server = state.find_server(id)->record;
    auto last_try = std::make_unique<planning>();
    last_try->server = id;
    last_try->spec = server.spec;
    last_try->request = to_placement_request(id, server.spec, now);
    last_try->explain = true;
    last_try->since = server.created_at;
    ask(std::move(last_try));
  }
}

/// A plan for a server that waits came back.
void cluster::machine::take_last_try(open_planning what, model::result<model::decision> decision) {
  const auto* entry = state.find_server(what->server);
  const bool waits = entry != nullptr && is_waiting(entry->record);
  if (decision) {
    if (const auto* where = std::get_if<model::placement>(&*decision)) {
      const bool stands = waits && !referee(what->request, *where);
      giving_up.erase(what->server);
      if (stands) {
        return place_waiting(entry->record, *where);
      }
      revoke(what->server, *where);
      decision = model::result<model::decision>{model::decision{
          waits ? entry->record.why_refused.value_or(model::refusal{}) : model::refusal{}}};
    }
  }
  giving_up.erase(what->server);
  if (!waits) {
    return;
  }
  auto why = decision ? std::get<model::refusal>(std::move(*decision))
                      : entry->record.why_refused.value_or(model::refusal{});
  give_up(entry->record, std::move(why));
}

void cluster::machine::give_up(const model::server_record& server, model::refusal why) {
  const placement_settled settled{static_cast<std::int32_t>(server.spec->devices.size()), 1, false,
                                  model::deciding_rule(why), now - server.created_at};
  record(model::server_wait_ended{server.id, "waited in vain: " + summary(why), std::move(why)});
  when_durable(settled);
}

} // namespace berth::control
