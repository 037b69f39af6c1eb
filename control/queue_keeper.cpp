#include "control/queue_keeper.hpp"

#include <algorithm>
#include <iterator>

namespace berth::control {

namespace {

constexpr std::size_t freed_hosts_max = 64;      ///< looked at one by one; more: everywhere
constexpr std::size_t lately_freed_max = 1024;   ///< remembered for servers that begin to wait
constexpr std::size_t placed_per_call_max = 500; ///< waiting servers
constexpr std::size_t tries_per_call_max = 2000; ///< everywhere

/// For heaps: the one that is first in line comes out first.
constexpr auto behind = [](const auto& a, const auto& b) { return a.head > b.head; };

bool has_room(const model::resources& amount, const model::resources& free) {
  const auto enough = [](std::int64_t want, std::int64_t have) {
    return want == 0 || want <= have;
  };
  return enough(amount.cpus, free.cpus) && enough(amount.memory_mib, free.memory_mib) &&
         enough(amount.storage_mib, free.storage_mib);
}

} // namespace

// --- What comes free

void queue_keeper::free_up(model::host_id host) {
  ++frees_;
  freed_.insert(host);
  lately_freed_.emplace_back(frees_, host);
  if (lately_freed_.size() > lately_freed_max) {
    lately_freed_.pop_front();
  }
}

void queue_keeper::offer_again(std::uint64_t frees_before) {
  if (frees_before == frees_) {
    return;
  }
  if (lately_freed_.empty() || lately_freed_.front().first > frees_before + 1) {
    offer_everywhere();
    return;
  }
  for (auto each = lately_freed_.rbegin();
       each != lately_freed_.rend() && each->first > frees_before; ++each) {
    freed_.insert(each->second);
  }
}

void queue_keeper::offer_everywhere() {
  everywhere_again_ = everywhere_;
  everywhere_ = true;
}

// --- A pass over the queue

bool queue_keeper::has_work() const {
  return !owner_.waiting().empty() && (everywhere_ || !freed_.empty());
}

void queue_keeper::serve(model::timestamp now) {
  if (owner_.waiting().empty()) {
    freed_.clear();
    everywhere_ = everywhere_again_ = false;
    tried_up_to_.reset();
    return;
  }
  if (!has_work()) {
    return;
  }
  if (freed_.size() > freed_hosts_max && !everywhere_) {
    offer_everywhere();
  }
  if (everywhere_) {
    if (!tried_up_to_) {
      freed_.clear(); // what comes free from here on is offered after this pass
    }
    return serve_everywhere(now);
  }
  // A server that is placed may give up the host that was kept for it: then the pass begins anew,
  // so that those ahead are asked first.
  for (std::size_t placed = 0; !freed_.empty() && placed < placed_per_call_max;) {
    const auto hosts = std::exchange(freed_, {});
    auto lines = lines_for({hosts.begin(), hosts.end()});
    while (!lines.empty() && freed_.empty() && placed < placed_per_call_max) {
      placed += serve_next(lines, now);
    }
    if (!lines.empty()) {
      freed_.insert(hosts.begin(), hosts.end());
    }
  }
}

/// All flavours in the order of the queue; goes on in the next call where this one stops.
void queue_keeper::serve_everywhere(model::timestamp now) {
  const auto& queue = owner_.waiting();
  std::vector<line> lines;
  for (const auto& [key, shape] : queue.shapes()) {
    for (const auto& [name, flavour] : shape.flavours) {
      const auto next =
          tried_up_to_ ? flavour.members.upper_bound(*tried_up_to_) : flavour.members.begin();
      if (next != flavour.members.end()) {
        lines.push_back({next->first, next->second, key, name, {}});
      }
    }
  }
  for (const auto& [host, owner] : queue.reserved()) {
    const auto place = key_of(*owner_.waiting_server(owner));
    if (!tried_up_to_ || place > *tried_up_to_) {
      add_line(lines, owner, {});
    }
  }
  std::ranges::make_heap(lines, behind);
  std::size_t placed = 0;
  for (std::size_t tries = 0; !lines.empty(); ++tries) {
    if (tries == tries_per_call_max || placed == placed_per_call_max) {
      return;
    }
    tried_up_to_ = lines.front().head;
    const auto frees_before = frees_;
    placed += serve_next(lines, now);
    if (frees_ != frees_before) { // a kept host was given up: those ahead are asked again
      tried_up_to_.reset();
      return;
    }
  }
  everywhere_ = std::exchange(everywhere_again_, false);
  tried_up_to_.reset();
}

/// Its own kept host is open to a server alone: it may fit there where the first of its flavour,
/// who must avoid that host, does not.
void queue_keeper::add_line(std::vector<line>& lines, model::server_id owner,
                            std::vector<model::host_id> hosts) const {
  lines.push_back({key_of(*owner_.waiting_server(owner)), owner, {}, {}, std::move(hosts), true});
}

/// The flavours that may fit one of the hosts, as a heap.
std::vector<queue_keeper::line>
queue_keeper::lines_for(const std::vector<model::host_id>& hosts) const {
  const auto& world = owner_.inventory();
  std::vector<line> lines;
  std::vector<std::pair<model::host_id, model::resources>> fitting; // for the shape at hand
  for (const auto& [key, shape] : owner_.waiting().shapes()) {
    fitting.clear();
    const auto wanted = devices_of(shape.wants);
    for (const auto& host : hosts) {
      const auto totals = world.totals(host);
      const bool enough = totals && totals->devices_free >= wanted;
      if (enough && !scheduler::why_not_on(world, shape.wants, host)) {
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
  for (const auto& [host, owner] : owner_.waiting().reserved()) {
    if (std::ranges::binary_search(hosts, host)) {
      add_line(lines, owner, {host});
    }
  }
  std::ranges::make_heap(lines, behind);
  return lines;
}

/// Tries the first in line. Placed: the next of its flavour takes its place in the heap. Returns
/// the number of servers placed.
std::size_t queue_keeper::serve_next(std::vector<line>& lines, model::timestamp now) {
  std::ranges::pop_heap(lines, behind);
  auto first = std::move(lines.back());
  lines.pop_back();
  const auto* server = owner_.waiting_server(first.server); // nullptr: it was tried alone
  if (server != nullptr && !try_waiting(*server, first.hosts, now)) {
    return 0;
  }
  const std::size_t placed = server != nullptr ? 1 : 0;
  if (first.alone) {
    return placed;
  }
  const auto& shapes = owner_.waiting().shapes();
  const auto shape = shapes.find(first.shape);
  if (shape == shapes.end()) {
    return placed;
  }
  const auto flavour = shape->second.flavours.find(first.flavour);
  if (flavour == shape->second.flavours.end()) {
    return placed;
  }
  const auto next = flavour->second.members.upper_bound(first.head);
  if (next != flavour->second.members.end()) {
    first.head = next->first;
    first.server = next->second;
    lines.push_back(std::move(first));
    std::ranges::push_heap(lines, behind);
  }
  return placed;
}

/// `hosts`: the only ones that can have become possible; empty = any. Plans on the truth itself:
/// what came free goes to the queue before any scheduler has heard of it.
bool queue_keeper::try_waiting(const model::server_record& server,
                               const std::vector<model::host_id>& hosts, model::timestamp now) {
  auto request = to_placement_request(server.id, server.spec, now);
  const auto decision = decide(request, owner_.policy_of(server.spec->project), hosts);
  const auto* where = std::get_if<model::placement>(&decision);
  return where != nullptr && owner_.place(server, request, *where);
}

// --- Planning beside kept hosts

model::decision queue_keeper::decide(model::placement_request& request,
                                     const scheduler::options& policy,
                                     const std::vector<model::host_id>& hosts) {
  const auto& world = owner_.inventory();
  request.avoid_hosts = hosts_to_avoid(request);
  const auto plan = [&]() -> model::decision {
    const bool possible = hosts.empty() || std::ranges::any_of(hosts, [&](model::host_id host) {
                            return !scheduler::why_not_on(world, request, host);
                          });
    return possible ? scheduler::plan(world, request, policy) : model::decision{model::refusal{}};
  };
  auto decision = plan();
  if (std::holds_alternative<model::placement>(decision) || request.avoid_hosts.empty()) {
    return decision;
  }
  const auto beside = hosts_beside(request, hosts.empty() ? request.avoid_hosts : hosts);
  if (beside.empty()) {
    return decision;
  }
  std::erase_if(request.avoid_hosts,
                [&](model::host_id host) { return std::ranges::binary_search(beside, host); });
  return plan();
}

std::vector<model::host_id>
queue_keeper::hosts_to_avoid(const model::placement_request& request) const {
  std::vector<model::host_id> avoid;
  for (const auto& [host, owner] : owner_.waiting().reserved()) {
    if (owner == request.server) {
      continue;
    }
    const auto& promise = *owner_.waiting_server(owner)->reserved;
    const bool gone_by_then =
        promise.starts_at && request.ends_at && *request.ends_at <= *promise.starts_at;
    if (!gone_by_then) {
      avoid.push_back(host);
    }
  }
  return avoid;
}

std::vector<model::host_id> queue_keeper::hosts_beside(const model::placement_request& request,
                                                       const std::vector<model::host_id>& among) {
  std::vector<model::host_id> candidates;
  std::ranges::set_intersection(request.avoid_hosts, among, std::back_inserter(candidates));
  std::vector<model::host_id> beside;
  for (const auto& host : candidates) {
    auto there = request;
    there.avoid_hosts.clear();
    there.host = host;
    const bool pinned_elsewhere = request.host && *request.host != host;
    if (pinned_elsewhere || scheduler::why_not_on(owner_.inventory(), there, host)) {
      continue;
    }
    const auto decision =
        scheduler::plan(owner_.inventory(), there, owner_.policy_of(there.project));
    const auto* where = std::get_if<model::placement>(&decision);
    if (where != nullptr && leaves_room(there, *where)) {
      beside.push_back(host);
    }
  }
  return beside;
}

bool queue_keeper::leaves_room(const model::placement_request& request,
                               const model::placement& where) {
  const auto& reserved = owner_.waiting().reserved();
  const auto kept = reserved.find(where.host);
  if (kept == reserved.end() || kept->second == request.server) {
    return true;
  }
  const auto& owner = *owner_.waiting_server(kept->second);
  const auto& promise = *owner.reserved;
  if (promise.starts_at && request.ends_at && *request.ends_at <= *promise.starts_at) {
    return true;
  }
  const auto wanted = to_placement_request(owner.id, owner.spec, request.now);
  departing_host host{owner_.tenancy_of(where.host), request.now, exact_models_of(wanted)};
  if (!host.make_room_for(wanted)) {
    return false; // as it is, it is no use to its owner: it will choose anew
  }
  host.put(request, where);
  return host.fits(wanted);
}

/// The models that the request names and some device has exactly.
std::vector<std::string> queue_keeper::exact_models_of(const model::placement_request& request) {
  std::vector<std::string> exact;
  for (const auto& wish : request.devices) {
    for (const auto& each : wish.alternatives) {
      if (each.model.empty()) {
        continue;
      }
      auto known = exact_models_.find(each.model);
      if (known == exact_models_.end()) {
        known = exact_models_.emplace(each.model, owner_.has_model(each.model)).first;
      }
      if (known->second) {
        exact.push_back(each.model);
      }
    }
  }
  return exact;
}

} // namespace berth::control
