#include "scheduler/capacity.hpp"

#include <algorithm>
#include <limits>

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
  const auto& groups = asked_.holds_devices ? world_.index.for_devices() : world_.index.ordinary();
  groups.for_each([&](group_number group) { sum += in_group(group); });
  return sum;
}

std::int64_t shape_capacity::in_group(group_number number) const {
  const auto& group = world_.index.groups().at(number);
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
  return std::min(by_devices(world_.index.place(slot, asked_.holds_devices).group),
                  by_amount(free));
}

std::int64_t shape_capacity::by_devices(group_number number) const {
  if (!asked_.holds_devices) {
    return no_limit;
  }
  auto& known = asked_.ask->times;
  if (number >= known.size()) {
    known.resize(world_.index.groups().size());
  }
  if (!known[number]) {
    known[number] = times_given(world_, asked_, world_.index.groups().at(number).key);
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

std::int64_t capacity(const inventory& world, const model::placement_request& shape) {
  return shape_capacity{world.internals(), shape}.everywhere();
}

} // namespace berth::scheduler
