#include <algorithm>
#include <utility>

#include "control/queue_keeper.hpp"

namespace berth::control {

// Hosts that are kept for waiting servers (docs/queue.md). A server that has waited long, or is
// important, chooses the host on which it could start first; from then on others come there only
// if they will be gone by then, or do not stand in its way.

namespace {

constexpr std::size_t looked_at_max = 64; ///< of each priority, from the oldest on
constexpr std::int64_t slice_work = 500;  ///< of one call of a search
constexpr std::int64_t exact_work = 20;   ///< what an exact look at one host costs

} // namespace

// --- Who may choose a host, and when

void queue_keeper::hosts_changed(model::timestamp now) {
  exact_models_.clear();
  hopeless_.clear();
  due_ = now;
}

void queue_keeper::forget_search(model::timestamp now) {
  searching_.reset();
  reviewed_.clear();
  due_ = now;
}

void queue_keeper::keep_reservations(model::timestamp now) {
  const auto& queue = owner_.waiting();
  const bool changed = queue_seen_ != queue.version();
  if (searching_ || (!changed && (!due_ || *due_ > now))) {
    return;
  }
  drop_closed_reservations();
  queue_seen_ = queue.version();
  due_.reset();
  for (const auto& [host, owner] : queue.reserved()) {
    const auto& kept = *owner_.waiting_server(owner)->reserved;
    auto from = std::max({began_, kept.since, kept.starts_at.value_or(kept.since)});
    if (const auto seen = reviewed_.find(owner); seen != reviewed_.end()) {
      from = std::max(from, seen->second);
    }
    const auto overdue = from + rules_.again;
    if (overdue <= now) {
      return choose_for(owner);
    }
    consider(overdue);
  }
  if (queue.reserved().size() >= rules_.max) {
    return;
  }
  if (now < no_search_before_) {
    return consider(no_search_before_);
  }
  if (const auto next = next_to_choose(now)) {
    choose_for(*next);
  }
}

/// The first that may choose a host and has none.
std::optional<model::server_id> queue_keeper::next_to_choose(model::timestamp now) {
  for (const auto& [priority, places] : owner_.waiting().places()) {
    std::size_t looked_at = 0;
    for (const auto& place : places) {
      const auto& server = *owner_.waiting_server(place.server);
      const auto ripe =
          server.created_at + (priority >= rules_.priority ? model::duration{} : rules_.after);
      if (ripe > now) {
        consider(ripe); // those behind it are younger
        break;
      }
      if (++looked_at > looked_at_max) {
        break;
      }
      if (!server.reserved && hopeless_.count(waiting_queue::kind_of(server.spec)) == 0) {
        return server.id;
      }
    }
  }
  return std::nullopt;
}

void queue_keeper::drop_closed_reservations() {
  std::erase_if(reviewed_,
                [this](const auto& each) { return owner_.waiting_server(each.first) == nullptr; });
  std::vector<model::server_id> closed;
  for (const auto& [host, owner] : owner_.waiting().reserved()) {
    if (!owner_.may_be_kept(host)) {
      closed.push_back(owner);
    }
  }
  for (const auto& owner : closed) {
    owner_.reserve(owner, std::nullopt);
  }
}

// --- Choosing a host

void queue_keeper::choose_for(model::server_id server) {
  searching_ = host_search{server, 0, std::nullopt, {}};
}

void queue_keeper::search_on(model::timestamp now) {
  if (!searching_) {
    return;
  }
  const auto* server = owner_.waiting_server(searching_->server);
  if (server == nullptr) {
    searching_.reset();
    due_ = now;
    return;
  }
  const auto request = to_placement_request(server->id, server->spec, now);
  const auto models = exact_models_of(request);
  std::int64_t work = 0;
  bool whole = true;
  owner_.walk_hosts(searching_->after, [&](std::uint64_t number, model::host_id host) {
    if (work >= slice_work) {
      whole = false;
      return false;
    }
    searching_->after = number;
    work += look_at(host, request, models) ? exact_work : 1;
    return true;
  });
  if (whole) {
    end_search(*server, request, models);
  }
}

/// Returns true if it took an exact look.
bool queue_keeper::look_at(model::host_id host, const model::placement_request& request,
                           const std::vector<std::string>& models) {
  const auto& reserved = owner_.waiting().reserved();
  const auto kept = reserved.find(host);
  const bool for_another = kept != reserved.end() && kept->second != request.server;
  if (for_another || (request.host && *request.host != host)) {
    return false;
  }
  auto supply = owner_.supply_of(host, request);
  if (!supply) {
    return false;
  }
  const auto& best = searching_->best;
  const auto bound = best_outlook(std::move(*supply), request, request.now);
  if (!bound || (best && !bound->is_better_than(*best))) {
    return false;
  }
  const auto seen =
      departing_host{owner_.tenancy_of(host), request.now, models}.make_room_for(request);
  if (seen && (!best || seen->is_better_than(*best))) {
    searching_->best = seen;
    searching_->host = host;
  }
  return true;
}

void queue_keeper::end_search(const model::server_record& server,
                              const model::placement_request& request,
                              const std::vector<std::string>& models) {
  const auto now = request.now;
  const auto found = std::exchange(searching_, std::nullopt);
  due_ = now; // for the next one
  if (!found->best) {
    no_search_before_ = now + rules_.search_spacing;
    if (server.reserved) { // nothing better: it keeps what it has
      reviewed_[server.id] = now;
    } else {
      hopeless_.insert(waiting_queue::kind_of(server.spec));
    }
    return;
  }
  // The host may have changed since it was looked at.
  if (!owner_.may_be_kept(found->host)) {
    return;
  }
  const auto seen =
      departing_host{owner_.tenancy_of(found->host), now, models}.make_room_for(request);
  if (!seen) {
    return;
  }
  if (server.reserved) {
    reviewed_[server.id] = now;
    if (server.reserved->host == found->host && server.reserved->starts_at == seen->starts_at) {
      return;
    }
  }
  owner_.reserve(server.id, model::reservation{found->host, seen->starts_at, now});
  free_up(found->host); // it may fit there already
}

} // namespace berth::control
