#include <algorithm>

#include "control/cluster_machine.hpp"
#include "control/host_outlook.hpp"
#include "model/text.hpp"

namespace berth::control {

// Hosts that are kept for waiting servers (docs/queue.md). A server that has waited long, or is
// important, chooses the host on which it could start first; from then on others come there only
// if they will be gone by then, or do not stand in its way.

namespace {

constexpr std::size_t looked_at_max = 64; ///< of each priority, from the oldest on
constexpr std::int64_t slice_work = 500;  ///< of one step of a search
constexpr std::int64_t exact_work = 20;   ///< what an exact look at one host costs

} // namespace

// --- What it means for others

/// The hosts kept for others that this request would not have left in time. Ascending.
std::vector<model::host_id>
cluster::machine::hosts_to_avoid(const model::placement_request& request) const {
  std::vector<model::host_id> avoid;
  for (const auto& [host, owner] : state.waiting().reserved()) {
    if (owner == request.server) {
      continue;
    }
    const auto& promise = *state.find_server(owner)->record.reserved;
    const bool gone_by_then =
        promise.starts_at && request.ends_at && *request.ends_at <= *promise.starts_at;
    if (!gone_by_then) {
      avoid.push_back(host);
    }
  }
  return avoid;
}

/// Of the hosts that the request avoids, those on which it fits without standing in the way of the
/// server that they are kept for; only `among` these, which are ascending like the result.
std::vector<model::host_id>
cluster::machine::hosts_beside(const model::placement_request& request,
                               const std::vector<model::host_id>& among) {
  std::vector<model::host_id> candidates;
  std::ranges::set_intersection(request.avoid_hosts, among, std::back_inserter(candidates));
  std::vector<model::host_id> beside;
  for (const auto& host : candidates) {
    auto there = request;
    there.avoid_hosts.clear();
    there.host = host;
    const bool pinned_elsewhere = request.host && *request.host != host;
    if (pinned_elsewhere || scheduler::why_not_on(state.inventory(), there, host)) {
      continue;
    }
    const auto decision = scheduler::plan(state.inventory(), there, policy_of(there.project));
    const auto* where = std::get_if<model::placement>(&decision);
    if (where != nullptr && leaves_room(there, *where)) {
      beside.push_back(host);
    }
  }
  return beside;
}

/// False if the placement would stand in the way of the server that the host is kept for.
bool cluster::machine::leaves_room(const model::placement_request& request,
                                   const model::placement& where) {
  const auto kept = state.waiting().reserved().find(where.host);
  if (kept == state.waiting().reserved().end() || kept->second == request.server) {
    return true;
  }
  const auto& owner = state.find_server(kept->second)->record;
  const auto& promise = *owner.reserved;
  if (promise.starts_at && request.ends_at && *request.ends_at <= *promise.starts_at) {
    return true;
  }
  const auto wanted = to_placement_request(owner.id, owner.spec, now);
  departing_host host{state, where.host, now, exact_models_of(wanted)};
  if (!host.make_room_for(wanted)) {
    return false; // as it is, it is no use to its owner: it will choose anew
  }
  host.put(request, where);
  return host.fits(wanted);
}

/// The models that the request names and some device has exactly.
std::vector<std::string>
cluster::machine::exact_models_of(const model::placement_request& request) {
  std::vector<std::string> exact;
  for (const auto& wish : request.devices) {
    for (const auto& each : wish.alternatives) {
      if (each.model.empty()) {
        continue;
      }
      auto known = exact_models.find(each.model);
      if (known == exact_models.end()) {
        bool found = false;
        state.hosts().walk(true, [&](const host_entry& host) {
          found = std::ranges::any_of(host.by_model, [&](const auto& row) {
            return model::equals_ignoring_case(row.first, each.model);
          });
          return !found;
        });
        known = exact_models.emplace(each.model, found).first;
      }
      if (known->second) {
        exact.push_back(each.model);
      }
    }
  }
  return exact;
}

// --- Who may choose a host, and when

void cluster::machine::hosts_changed() {
  exact_models.clear();
  hopeless.clear();
  reservations_due = now;
}

/// Gives up hosts that were closed or removed; starts a search when somebody may choose one.
void cluster::machine::keep_reservations() {
  const bool changed = queue_seen != state.waiting().version();
  if (store_failure || searching || (!changed && (!reservations_due || *reservations_due > now))) {
    return;
  }
  drop_closed_reservations();
  queue_seen = state.waiting().version();
  reservations_due.reset();
  const auto consider = [this](model::timestamp when) {
    reservations_due = reservations_due ? std::min(*reservations_due, when) : when;
  };
  for (const auto& [host, owner] : state.waiting().reserved()) {
    const auto& kept = *state.find_server(owner)->record.reserved;
    auto from = std::max({began, kept.since, kept.starts_at.value_or(kept.since)});
    if (const auto seen = reviewed.find(owner); seen != reviewed.end()) {
      from = std::max(from, seen->second);
    }
    const auto overdue = from + config.reserve_again;
    if (overdue <= now) {
      return start_search(owner);
    }
    consider(overdue);
  }
  if (state.waiting().reserved().size() >= config.reservations_max) {
    return;
  }
  if (now < no_search_before) {
    return consider(no_search_before);
  }
  for (const auto& [priority, line] : state.waiting().places()) {
    std::size_t looked_at = 0;
    for (const auto& place : line) {
      const auto& server = state.find_server(place.server)->record;
      const auto ripe =
          server.created_at +
          (priority >= config.reserve_priority ? model::duration{} : config.reserve_after);
      if (ripe > now) {
        consider(ripe); // those behind it are younger
        break;
      }
      if (++looked_at > looked_at_max) {
        break;
      }
      if (!server.reserved && hopeless.count(waiting_queue::kind_of(server.spec)) == 0) {
        return start_search(server.id);
      }
    }
  }
}

void cluster::machine::drop_closed_reservations() {
  std::erase_if(reviewed, [this](const auto& each) {
    const auto* entry = state.find_server(each.first);
    return entry == nullptr || !is_waiting(entry->record);
  });
  std::vector<model::server_id> closed;
  for (const auto& [host, owner] : state.waiting().reserved()) {
    const auto* entry = state.find_host(host);
    if (entry == nullptr || !entry->record.enabled || entry->record.maintenance) {
      closed.push_back(owner);
    }
  }
  for (const auto& owner : closed) {
    record(model::server_reserved{owner, std::nullopt});
  }
}

// --- Choosing a host

void cluster::machine::start_search(model::server_id server) {
  searching = host_search{server, 0, std::nullopt, {}};
}

/// Looks at some more hosts; at the end the best is kept.
void cluster::machine::search_on() {
  if (!searching) {
    return;
  }
  const auto* entry = state.find_server(searching->server);
  if (entry == nullptr || !is_waiting(entry->record) || store_failure) {
    searching.reset();
    reservations_due = now;
    return;
  }
  const auto request = to_placement_request(entry->record.id, entry->record.spec, now);
  const auto models = exact_models_of(request);
  std::int64_t work = 0;
  bool whole = true;
  state.hosts().walk_after(searching->after, [&](const host_entry& host) {
    if (work >= slice_work) {
      whole = false;
      return false;
    }
    searching->after = host.record.created;
    work += look_at(host, request, models) ? exact_work : 1;
    return true;
  });
  if (whole) {
    end_search(entry->record, request, models);
  }
}

/// Returns true if it took an exact look.
bool cluster::machine::look_at(const host_entry& host, const model::placement_request& request,
                               const std::vector<std::string>& models) {
  const auto& record = host.record;
  const auto kept = state.waiting().reserved().find(record.id);
  const bool for_another =
      kept != state.waiting().reserved().end() && kept->second != request.server;
  if (!record.enabled || record.maintenance || !record.settled || for_another ||
      record.status != model::host_status::online || (request.host && *request.host != record.id)) {
    return false;
  }
  const auto& best = searching->best;
  const auto bound = departing_host::bound(state, host, request, now);
  if (!bound || (best && !bound->is_better_than(*best))) {
    return false;
  }
  const auto seen = departing_host{state, record.id, now, models}.make_room_for(request);
  if (seen && (!best || seen->is_better_than(*best))) {
    searching->best = seen;
    searching->host = record.id;
  }
  return true;
}

void cluster::machine::end_search(const model::server_record& server,
                                  const model::placement_request& request,
                                  const std::vector<std::string>& models) {
  const auto found = std::exchange(searching, std::nullopt);
  reservations_due = now; // for the next one
  if (!found->best) {
    no_search_before = now + config.search_spacing;
    if (server.reserved) { // nothing better: it keeps what it has
      reviewed[server.id] = now;
    } else {
      hopeless.insert(waiting_queue::kind_of(server.spec));
    }
    return;
  }
  // The host may have changed since it was looked at.
  const auto* host = state.find_host(found->host);
  if (host == nullptr || !host->record.enabled || host->record.maintenance) {
    return;
  }
  const auto seen = departing_host{state, found->host, now, models}.make_room_for(request);
  if (!seen) {
    return;
  }
  if (server.reserved) {
    reviewed[server.id] = now;
    if (server.reserved->host == found->host && server.reserved->starts_at == seen->starts_at) {
      return;
    }
  }
  record(model::server_reserved{server.id, model::reservation{found->host, seen->starts_at, now}});
  free_up(found->host); // it may fit there already
}

} // namespace berth::control
