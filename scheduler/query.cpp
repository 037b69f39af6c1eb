#include "scheduler/query.hpp"

#include <algorithm>

namespace berth::scheduler {

namespace {

/// Appends every way to spend `rank` on the requests from `next` on.
void spread(const std::vector<described_devices>& described, std::size_t next, int rank,
            std::vector<std::size_t>& chosen, int total, std::vector<combination>& found) {
  if (found.size() >= combinations_max) {
    return;
  }
  if (next == described.size()) {
    if (rank == 0) {
      found.push_back({chosen, total});
    }
    return;
  }
  const auto& pools = described[next].pools;
  for (std::size_t i = 0; i < pools.size() && static_cast<int>(i) <= rank; ++i) {
    chosen.push_back(pools[i]);
    spread(described, next + 1, rank - static_cast<int>(i), chosen, total, found);
    chosen.pop_back();
  }
}

std::vector<combination> combine(const std::vector<described_devices>& described) {
  int worst = 0;
  for (const auto& wish : described) {
    worst += static_cast<int>(wish.pools.size()) - 1;
  }
  std::vector<combination> found;
  std::vector<std::size_t> chosen;
  for (int rank = 0; rank <= worst && found.size() < combinations_max; ++rank) {
    spread(described, 0, rank, chosen, rank, found);
  }
  return found;
}

} // namespace

query resolve(const inventory::impl& world, const model::placement_request& request) {
  world.begin_decision();
  query asked{request, !request.devices.empty(), {}, {}, 0, {}, 0};
  for (std::size_t i = 0; i < request.devices.size(); ++i) {
    const auto& wish = request.devices[i];
    if (wish.id) {
      asked.named.push_back(*wish.id);
      continue;
    }
    described_devices described{wish.count, {}, {i}};
    for (const auto& selector : wish.alternatives) {
      described.pools.push_back(world.pool_of(selector));
    }
    asked.described_count += wish.count;
    const auto equal =
        std::find_if(asked.described.begin(), asked.described.end(), [&](const auto& other) {
          return described.pools.size() == 1 && other.pools == described.pools;
        });
    if (equal != asked.described.end()) {
      equal->count += wish.count;
      equal->requests.push_back(i);
    } else {
      asked.described.push_back(std::move(described));
    }
  }
  asked.combinations = combine(asked.described);
  if (!request.anti_affinity_group.empty()) {
    asked.group = world.find_group(request.anti_affinity_group).value_or(0);
  }
  return asked;
}

named_here named_on(const inventory::impl& world, const query& asked, host_slot_id host) {
  named_here found;
  for (const auto& id : asked.named) {
    const auto place = world.find_device(id);
    if (!place || place->host != host || place->position >= device_slots_max) {
      found.all_here = false;
    } else {
      found.devices |= device_bit(place->position);
    }
  }
  return found;
}

std::vector<wanted_devices> wanted_on(const inventory::impl& world, const query& asked,
                                      const combination& choice, host_slot_id host) {
  std::vector<wanted_devices> wanted;
  wanted.reserve(asked.described.size());
  for (std::size_t i = 0; i < asked.described.size(); ++i) {
    wanted.push_back({world.pools[choice.pools[i]].matching(world.hosts[host].shape, world.shapes),
                      asked.described[i].count});
  }
  return wanted;
}

std::optional<host_choice> choose_on(const inventory::impl& world, const query& asked,
                                     host_slot_id host, strictness how) {
  const auto named = named_on(world, asked, host);
  if (!named.all_here) {
    return std::nullopt;
  }
  const auto& slot = world.hosts[host];
  for (const auto& choice : asked.combinations) {
    const auto wanted = wanted_on(world, asked, choice, host);
    const auto devices = choose_devices(
        {world.shapes.at(slot.shape), slot.free, named.devices, wanted, asked.request.topology},
        how);
    if (devices) {
      return host_choice{*devices, &choice};
    }
  }
  return std::nullopt;
}

std::vector<model::device_id> in_request_order(const inventory::impl& world, const query& asked,
                                               host_slot_id host, const host_choice& chosen) {
  const auto& slot = world.hosts[host];
  const auto& requests = asked.request.devices;
  const auto named = named_on(world, asked, host).devices;
  const auto wanted = wanted_on(world, asked, *chosen.choice, host);
  auto shares = distribute(chosen.devices.devices & ~named, wanted);
  std::vector<device_mask> by_request(requests.size());
  for (std::size_t i = 0; shares && i < asked.described.size(); ++i) {
    for (const std::size_t request : asked.described[i].requests) {
      by_request[request] = lowest_of((*shares)[i], requests[request].count);
      (*shares)[i] &= ~by_request[request];
    }
  }
  std::vector<model::device_id> ids;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].id) {
      ids.push_back(*requests[i].id);
    }
    for_each(by_request[i],
             [&](std::size_t position) { ids.push_back(slot.devices[position].id); });
  }
  return ids;
}

} // namespace berth::scheduler
