#include "scheduler/capacity.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "scheduler/pipeline.hpp"

namespace berth::scheduler {

namespace {

constexpr std::int64_t no_limit = std::numeric_limits<std::int32_t>::max();

/// Gives devices away as the scheduler would, until none are left that serve the request.
std::int64_t times_given(const inventory::impl& world, const query& asked, const group_key& key) {
  const auto& shape = world.shapes.at(key.shape);
  device_mask free = key.free;
  std::int64_t times = 0;
  for (const auto& choice : asked.ask->combinations) {
    const auto wanted = wanted_on(world, asked, choice, key.shape);
    while (const auto chosen = choose_devices({shape, free, 0, wanted, asked.request.topology},
                                              strictness::topology)) {
      free &= ~chosen->devices;
      ++times;
    }
  }
  return times;
}

} // namespace

shape_capacity::shape_capacity(const inventory::impl& world, const model::placement_request& shape)
    : world_(world), asked_(resolve(world, shape)) {}

bool shape_capacity::is_about_single_hosts() const {
  return asked_.request.host || !asked_.ask->named.empty();
}

std::int64_t shape_capacity::everywhere() const {
  std::int64_t sum = 0;
  if (is_about_single_hosts()) {
    for (host_slot_id slot = 0; slot < world_.hosts.size(); ++slot) {
      sum += on(slot);
    }
    return sum;
  }
  world_.index(asked_.holds_devices).filled().for_each([&](group_number group) {
    sum += in_group(group);
  });
  return sum;
}

std::int64_t shape_capacity::in_group(group_number number) const {
  const auto& group = world_.index(asked_.holds_devices).groups().at(number);
  const auto most = by_devices(number);
  std::int64_t sum = 0;
  if (most == 0 || tags_broken(world_.tags.at(group.key.tags), asked_.request.tags) > 0) {
    return 0;
  }
  for (const auto& cell : group.cells) {
    cell.hosts->for_each_block([](const auto&, const auto&) { return false; },
                               [&](const listed_host& host) {
                                 sum += keeps_off(host.slot) ? 0
                                                             : std::min(most, by_amount(host.free));
                               });
  }
  return sum;
}

std::int64_t shape_capacity::on(host_slot_id slot) const {
  const auto& host = world_.hosts[slot];
  const candidate at{world_, asked_, slot};
  if (!host.is_open() || !pinned_host(at).passes || !tags(at).passes || keeps_off(slot)) {
    return 0;
  }
  const auto& free = asked_.holds_devices ? host.amounts.gpu : host.amounts.ordinary;
  if (!asked_.ask->named.empty()) {
    return first_failure(at) ? 0 : 1;
  }
  return std::min(by_devices(world_.index(asked_.holds_devices).place(slot).group),
                  by_amount(free));
}

std::int64_t shape_capacity::by_devices(group_number number) const {
  if (!asked_.holds_devices) {
    return no_limit;
  }
  auto& known = asked_.ask->times;
  if (number >= known.size()) {
    known.resize(world_.devices_index.groups().size());
  }
  if (!known[number]) {
    known[number] = times_given(world_, asked_, world_.devices_index.groups().at(number).key);
  }
  return *known[number];
}

std::int64_t shape_capacity::by_amount(const model::resources& free) const {
  const auto& wanted = asked_.request.amount;
  std::int64_t most = asked_.request.anti_affinity_group.empty() ? no_limit : 1;
  const auto limit = [&most](std::int64_t part, std::int64_t whole) {
    if (part > 0) {
      most = std::min(most, std::max<std::int64_t>(whole, 0) / part);
    }
  };
  limit(wanted.cpus, free.cpus);
  limit(wanted.memory_mib, free.memory_mib);
  limit(wanted.storage_mib, free.storage_mib);
  return most;
}

bool shape_capacity::keeps_off(host_slot_id slot) const {
  const candidate at{world_, asked_, slot};
  return !reserved_host(at).passes || !anti_affinity(at).passes;
}

void watched_shape::recount(const inventory::impl& world) {
  by_slot_.clear();
  total_ = 0;
  std::vector<host_slot_id> all(world.hosts.size());
  for (host_slot_id slot = 0; slot < all.size(); ++slot) {
    all[slot] = slot;
  }
  recount(world, all);
}

void watched_shape::recount(const inventory::impl& world,
                            const std::vector<host_slot_id>& changed) {
  const shape_capacity counted{world, shape_};
  by_slot_.resize(world.hosts.size());
  for (const host_slot_id slot : changed) {
    const auto now = static_cast<std::int32_t>(counted.on(slot));
    total_ += now - by_slot_[slot];
    by_slot_[slot] = now;
  }
}

stranded_devices shape_capacity::stranded() const {
  stranded_devices sum;
  if (!asked_.holds_devices || asked_.ask->described_count == 0) {
    return sum;
  }
  world_.devices_index.filled().for_each([&](group_number number) {
    const auto& group = world_.devices_index.groups().at(number);
    device_mask matching = 0;
    for (const auto& choice : asked_.ask->combinations) {
      matching |= matching_of(world_, choice, group.key.shape);
    }
    const std::int64_t devices = count(group.key.free & matching);
    if (devices == 0) {
      return;
    }
    const auto times = by_devices(number);
    for (const auto& cell : group.cells) {
      cell.hosts->for_each_block(
          [](const auto&, const auto&) { return false; },
          [&](const listed_host& host) { add_stranded(host.free, devices, times, sum); });
    }
  });
  return sum;
}

void shape_capacity::add_stranded(const model::resources& free, std::int64_t devices,
                                  std::int64_t times, stranded_devices& sum) const {
  const std::int64_t each = asked_.ask->described_count;
  sum.free += devices;
  sum.unit += devices - times * each;
  const auto& wanted = asked_.request.amount;
  std::int64_t least = times;
  std::int64_t* lacks = nullptr;
  const auto limit = [&](std::int64_t part, std::int64_t whole, std::int64_t& reason) {
    const auto servers = part > 0 ? std::max<std::int64_t>(whole, 0) / part : no_limit;
    if (servers < least) {
      least = servers;
      lacks = &reason;
    }
  };
  limit(wanted.cpus, free.cpus, sum.cpu);
  limit(wanted.memory_mib, free.memory_mib, sum.memory);
  limit(wanted.storage_mib, free.storage_mib, sum.storage);
  if (lacks != nullptr) {
    *lacks += (times - least) * each;
  }
}

stranded_devices stranded(const inventory& world, const model::placement_request& shape) {
  return shape_capacity{world.internals(), shape}.stranded();
}

void name_largest_host(const inventory& world, const model::placement_request& request,
                       model::refusal& why) {
  const auto verdict = std::find_if(why.rules.begin(), why.rules.end(),
                                    [](const auto& each) { return each.rule == "devices"; });
  const auto& inside = world.internals();
  const query asked = resolve(inside, request);
  const int wanted = asked.ask->described_count;
  if (verdict == why.rules.end() || wanted == 0) {
    return;
  }
  std::vector<std::optional<device_mask>> matching(inside.shapes.size());
  const host_slot* largest = nullptr;
  device_mask most = 0;
  for (const auto& host : inside.hosts) {
    if (!host.known) {
      continue;
    }
    auto& here = matching[host.shape];
    if (!here) {
      here = 0;
      for (const auto& choice : asked.ask->combinations) {
        const auto these = matching_of(inside, choice, host.shape);
        here = count(these) > count(*here) ? these : *here;
      }
    }
    const bool larger = largest == nullptr || count(*here) > count(most) ||
                        (count(*here) == count(most) && host.record.id < largest->record.id);
    if (larger) {
      largest = &host;
      most = *here;
    }
  }
  if (largest == nullptr || most == 0 || count(most) >= wanted) {
    return;
  }
  verdict->nearest = largest->record.id;
  verdict->nearest_name = largest->record.name;
  verdict->miss = {count(most & ~largest->free), wanted, count(most),
                   "no host has so many: the largest has " + std::to_string(count(most)) +
                       ", asked for are " + std::to_string(wanted)};
}

std::vector<gpu_model> gpu_models(const inventory& world) {
  const auto& inside = world.internals();
  std::map<std::string, std::int32_t> found;
  for (const auto& host : inside.hosts) {
    std::map<kind_id, std::int32_t> here;
    for (const auto& device : host.devices) {
      if (host.known && device.is_gpu) {
        ++here[device.kind];
      }
    }
    for (const auto& [kind, devices] : here) {
      auto& most = found[inside.kinds.at(kind).model];
      most = std::max(most, devices);
    }
  }
  std::vector<gpu_model> models;
  for (const auto& [name, most] : found) {
    models.push_back({name, most});
  }
  return models;
}

std::int64_t capacity(const inventory& world, const model::placement_request& shape) {
  return shape_capacity{world.internals(), shape}.everywhere();
}

} // namespace berth::scheduler
