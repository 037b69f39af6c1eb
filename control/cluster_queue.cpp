#include <algorithm>

#include "control/cluster_machine.hpp"

namespace berth::control {

// Servers that wait for capacity: who is tried when, and how it ends (docs/queue.md).
//
// A server waits because it fits nowhere. So it needs another try only where something came free
// since, and only its flavour's first in line: what does not fit the first fits none of the others.

namespace {

constexpr std::size_t freed_hosts_max = 64;      ///< looked at one by one; more: everywhere
constexpr std::size_t lately_freed_max = 1024;   ///< remembered for servers that begin to wait
constexpr std::size_t placed_per_step_max = 500; ///< waiting servers
constexpr std::size_t tries_per_step_max = 2000; ///< everywhere

using queue_line = cluster_queue_line;

/// For heaps: the one that is first in line comes out first.
constexpr auto behind = [](const queue_line& a, const queue_line& b) { return a.head > b.head; };

bool has_room(const model::resources& amount, const model::resources& free) {
  const auto enough = [](std::int64_t want, std::int64_t have) {
    return want == 0 || want <= have;
  };
  return enough(amount.cpus, free.cpus) && enough(amount.memory_mib, free.memory_mib) &&
         enough(amount.storage_mib, free.storage_mib);
}

} // namespace

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

void cluster::machine::free_up(model::host_id host) {
  ++frees_so_far;
  freed.insert(host);
  lately_freed.emplace_back(frees_so_far, host);
  if (lately_freed.size() > lately_freed_max) {
    lately_freed.pop_front();
  }
}

/// What came free while a server was being planned may fit it, and was offered without it.
void cluster::machine::offer_again(std::uint64_t frees_before) {
  if (frees_before == frees_so_far) {
    return;
  }
  if (lately_freed.empty() || lately_freed.front().first > frees_before + 1) {
    offer_everywhere();
    return;
  }
  for (auto each = lately_freed.rbegin(); each != lately_freed.rend() && each->first > frees_before;
       ++each) {
    freed.insert(each->second);
  }
}

void cluster::machine::offer_everywhere() {
  everywhere_again = everywhere;
  everywhere = true;
}

// --- A pass over the queue

bool cluster::machine::queue_has_work() const {
  return !store_failure && !state.waiting().empty() && (everywhere || !freed.empty());
}

void cluster::machine::serve_queue() {
  if (state.waiting().empty()) {
    freed.clear();
    everywhere = everywhere_again = false;
    tried_up_to.reset();
    return;
  }
  if (!queue_has_work()) {
    return;
  }
  if (freed.size() > freed_hosts_max && !everywhere) {
    offer_everywhere();
  }
  if (everywhere) {
    if (!tried_up_to) {
      freed.clear(); // what comes free from here on is offered after this pass
    }
    return serve_everywhere();
  }
  // A server that is placed may give up the host that was kept for it: then the pass begins anew,
  // so that those ahead are asked first.
  for (std::size_t placed = 0; !freed.empty() && placed < placed_per_step_max;) {
    const auto hosts = std::exchange(freed, {});
    auto lines = lines_for({hosts.begin(), hosts.end()});
    while (!lines.empty() && freed.empty() && placed < placed_per_step_max) {
      placed += serve_next(lines);
    }
    if (!lines.empty()) {
      freed.insert(hosts.begin(), hosts.end());
    }
  }
}

/// All flavours in the order of the queue; goes on in the next step where this one stops.
void cluster::machine::serve_everywhere() {
  std::vector<queue_line> lines;
  for (const auto& [key, shape] : state.waiting().shapes()) {
    for (const auto& [name, flavour] : shape.flavours) {
      const auto next =
          tried_up_to ? flavour.members.upper_bound(*tried_up_to) : flavour.members.begin();
      if (next != flavour.members.end()) {
        lines.push_back({next->first, next->second, key, name, {}});
      }
    }
  }
  for (const auto& [host, owner] : state.waiting().reserved()) {
    const auto place = key_of(state.find_server(owner)->record);
    if (!tried_up_to || place > *tried_up_to) {
      lines.push_back({place, owner, {}, {}, {}, true});
    }
  }
  std::ranges::make_heap(lines, behind);
  std::size_t placed = 0;
  for (std::size_t tries = 0; !lines.empty(); ++tries) {
    if (tries == tries_per_step_max || placed == placed_per_step_max) {
      return;
    }
    tried_up_to = lines.front().head;
    const auto frees_before = frees_so_far;
    placed += serve_next(lines);
    if (frees_so_far != frees_before) { // a kept host was given up: those ahead are asked again
      tried_up_to.reset();
      return;
    }
  }
  everywhere = std::exchange(everywhere_again, false);
  tried_up_to.reset();
}

/// The flavours that may fit one of the hosts, as a heap.
std::vector<queue_line>
cluster::machine::lines_for(const std::vector<model::host_id>& hosts) const {
  std::vector<queue_line> lines;
  std::vector<std::pair<model::host_id, model::resources>> fitting; // for the shape at hand
  for (const auto& [key, shape] : state.waiting().shapes()) {
    fitting.clear();
    std::int32_t wanted = 0;
    for (const auto& wish : shape.wants.devices) {
      wanted += wish.count;
    }
    for (const auto& host : hosts) {
      const auto totals = state.inventory().totals(host);
      const bool enough = totals && totals->devices_free >= wanted;
      if (enough && !scheduler::why_not_on(state.inventory(), shape.wants, host)) {
        fitting.emplace_back(host,
                             shape.wants.devices.empty() ? totals->free : totals->free_for_gpu);
      }
    }
    if (fitting.empty()) {
      continue;
    }
    for (const auto& [name, flavour] : shape.flavours) {
      std::vector<model::host_id> roomy;
      for (const auto& [host, free] : fitting) {
        if (has_room(flavour.amount, free)) {
          roomy.push_back(host);
        }
      }
      if (!roomy.empty()) {
        const auto& [head, server] = *flavour.members.begin();
        lines.push_back({head, server, key, name, std::move(roomy)});
      }
    }
  }
  // Its own kept host is open to a server alone: it may fit there where the first of its flavour,
  // who must avoid that host, does not.
  for (const auto& [host, owner] : state.waiting().reserved()) {
    if (std::ranges::binary_search(hosts, host)) {
      lines.push_back({key_of(state.find_server(owner)->record), owner, {}, {}, {host}, true});
    }
  }
  std::ranges::make_heap(lines, behind);
  return lines;
}

/// Tries the first in line. Placed: the next of its flavour takes its place in the heap. Returns
/// the number of servers placed.
std::size_t cluster::machine::serve_next(std::vector<queue_line>& lines) {
  std::ranges::pop_heap(lines, behind);
  auto line = std::move(lines.back());
  lines.pop_back();
  const bool waits = is_waiting(state.find_server(line.server)->record); // else it was tried alone
  if (waits && !try_waiting(line.server, line.hosts)) {
    return 0;
  }
  const std::size_t placed = waits ? 1 : 0;
  if (line.alone) {
    return placed;
  }
  const auto& shapes = state.waiting().shapes();
  const auto shape = shapes.find(line.shape);
  if (shape == shapes.end()) {
    return placed;
  }
  const auto flavour = shape->second.flavours.find(line.flavour);
  if (flavour == shape->second.flavours.end()) {
    return placed;
  }
  const auto next = flavour->second.members.upper_bound(line.head);
  if (next != flavour->second.members.end()) {
    line.head = next->first;
    line.server = next->second;
    lines.push_back(std::move(line));
    std::ranges::push_heap(lines, behind);
  }
  return placed;
}

const scheduler::options& cluster::machine::policy_of(const std::string& project) const {
  const auto own = config.project_scheduling.find(project);
  return own != config.project_scheduling.end() ? own->second : config.scheduling;
}

/// `hosts`: the only ones that can have become possible; empty = any. Plans on the truth itself:
/// what came free goes to the queue before any scheduler has heard of it.
bool cluster::machine::try_waiting(model::server_id id, const std::vector<model::host_id>& hosts) {
  const auto& server = state.find_server(id)->record;
  const auto& world = state.inventory();
  auto request = to_placement_request(id, server.spec, now);
  request.avoid_hosts = hosts_to_avoid(request);
  const auto decide = [&]() -> model::decision {
    const bool possible = hosts.empty() || std::ranges::any_of(hosts, [&](model::host_id host) {
                            return !scheduler::why_not_on(world, request, host);
                          });
    return possible ? scheduler::plan(world, request, policy_of(server.spec->project))
                    : model::decision{model::refusal{}};
  };
  auto decision = decide();
  if (std::holds_alternative<model::refusal>(decision) && !request.avoid_hosts.empty()) {
    const auto beside = hosts_beside(request, hosts.empty() ? request.avoid_hosts : hosts);
    if (beside.empty()) {
      return false;
    }
    std::erase_if(request.avoid_hosts,
                  [&](model::host_id host) { return std::ranges::binary_search(beside, host); });
    decision = decide();
  }
  const auto* where = std::get_if<model::placement>(&decision);
  if (where == nullptr || referee(request, *where)) {
    return false;
  }
  place_waiting(server, *where);
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
  offer_again(what.frees_before);
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
