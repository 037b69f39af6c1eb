#include "scheduler/query.hpp"

#include <algorithm>

namespace berth::scheduler {

namespace {

using pool_list = std::vector<std::shared_ptr<device_pool>>;

/// Appends every way to spend `rank` on the requests from `next` on.
void spread(const std::vector<described_devices>& described, std::size_t next, int rank,
            pool_list& chosen, int total, std::vector<combination>& found) {
  if (found.size() >= combinations_max) {
    return;
  }
  if (next == described.size()) {
    if (rank == 0) {
      found.push_back({chosen, total, static_cast<int>(found.size())});
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
  pool_list chosen;
  for (int rank = 0; rank <= worst && found.size() < combinations_max; ++rank) {
    spread(described, 0, rank, chosen, rank, found);
  }
  return found;
}

std::shared_ptr<device_ask> make_ask(const inventory::impl& world,
                                     const model::placement_request& request) {
  auto ask = std::make_shared<device_ask>();
  ask->devices = request.devices;
  ask->topology = request.topology;
  for (std::size_t i = 0; i < request.devices.size(); ++i) {
    const auto& wish = request.devices[i];
    if (wish.id) {
      ask->named.push_back(*wish.id);
      continue;
    }
    described_devices described{wish.count, {}, {i}};
    for (const auto& selector : wish.alternatives) {
      described.pools.push_back(world.pool_of(selector));
    }
    ask->described_count += wish.count;
    const auto equal =
        std::find_if(ask->described.begin(), ask->described.end(), [&](const auto& other) {
          return described.pools.size() == 1 && other.pools == described.pools;
        });
    if (equal != ask->described.end()) {
      equal->count += wish.count;
      equal->requests.push_back(i);
    } else {
      ask->described.push_back(std::move(described));
    }
  }
  ask->combinations = combine(ask->described);
  return ask;
}

/// The remembered one, or a new one. Named devices are asked for once: those are not remembered.
std::shared_ptr<const device_ask> ask_of(const inventory::impl& world,
                                         const model::placement_request& request) {
  auto& known = world.asks;
  const auto found = std::find_if(known.begin(), known.end(), [&request](const auto& ask) {
    return ask->devices == request.devices && ask->topology == request.topology;
  });
  if (found != known.end()) {
    return *found;
  }
  auto made = make_ask(world, request);
  if (made->named.empty()) {
    known.push_back(made);
  }
  return made;
}

} // namespace

query resolve(const inventory::impl& world, const model::placement_request& request) {
  world.begin_decision(!request.devices.empty());
  query asked{request, ask_of(world, request), !request.devices.empty(), 0};
  if (!request.anti_affinity_group.empty()) {
    asked.group = world.find_group(request.anti_affinity_group).value_or(0);
  }
  return asked;
}

named_here named_on(const inventory::impl& world, const query& asked, host_slot_id host) {
  named_here found;
  for (const auto& id : asked.ask->named) {
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
                                      const combination& choice, shape_id shape) {
  std::vector<wanted_devices> wanted;
  wanted.reserve(asked.ask->described.size());
  for (std::size_t i = 0; i < asked.ask->described.size(); ++i) {
    wanted.push_back(
        {choice.pools[i]->matching(shape, world.shapes), asked.ask->described[i].count});
  }
  return wanted;
}

device_mask matching_of(const inventory::impl& world, const combination& choice, shape_id shape) {
  device_mask all = 0;
  for (const auto& pool : choice.pools) {
    all |= pool->matching(shape, world.shapes);
  }
  return all;
}

std::optional<host_choice> choose_on(const inventory::impl& world, const query& asked,
                                     host_slot_id host, strictness how) {
  const auto named = named_on(world, asked, host);
  if (!named.all_here) {
    return std::nullopt;
  }
  const auto& slot = world.hosts[host];
  for (const auto& choice : asked.ask->combinations) {
    const auto wanted = wanted_on(world, asked, choice, slot.shape);
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
  std::vector<model::device_id> ids;
  ids.reserve(static_cast<std::size_t>(count(chosen.devices.devices)));
  const auto append = [&](device_mask devices) {
    for_each(devices, [&](std::size_t position) { ids.push_back(slot.device_ids[position]); });
  };
  if (requests.size() == 1) {
    append(chosen.devices.devices);
    return ids;
  }
  const auto named = named_on(world, asked, host).devices;
  const auto wanted = wanted_on(world, asked, *chosen.choice, slot.shape);
  auto shares = distribute(chosen.devices.devices & ~named, wanted);
  std::vector<device_mask> by_request(requests.size());
  for (std::size_t i = 0; shares && i < asked.ask->described.size(); ++i) {
    for (const std::size_t request : asked.ask->described[i].requests) {
      by_request[request] = lowest_of((*shares)[i], requests[request].count);
      (*shares)[i] &= ~by_request[request];
    }
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].id) {
      ids.push_back(*requests[i].id);
    }
    append(by_request[i]);
  }
  return ids;
}

} // namespace berth::scheduler
