#include "scheduler/outlook_keeper.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/inventory_impl.hpp"

namespace berth::scheduler {

void outlook_keeper::forget() {
  forgotten_ = true;
}

void outlook_keeper::count_matching(const inventory::impl& world, shape_id shape,
                                    device_mask devices, std::vector<int>& counts) const {
  counts.resize(pools_.size());
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    device_mask matching = 0;
    for (const auto& pool : pools_[i]) {
      matching |= pool->matching(shape, world.shapes);
    }
    counts[i] = count(devices & matching);
  }
}

void outlook_keeper::choose_flavours(const inventory::impl& world) {
  if (!forgotten_ && mix_changes_ == world.mix.changes() &&
      pools_generation_ == world.pools_generation) {
    return;
  }
  auto greatest = world.mix.greatest(outlook::flavours_max);
  // In an order that does not follow the numbers, so that the counted rooms last.
  std::sort(greatest.begin(), greatest.end(),
            [](const auto* a, const auto* b) { return precedes(a->wanted, b->wanted); });
  const bool same =
      !forgotten_ && pools_generation_ == world.pools_generation &&
      std::equal(greatest.begin(), greatest.end(), chosen_.begin(), chosen_.end(),
                 [](const auto* entry, const flavour& known) { return entry->wanted == known; });
  mix_changes_ = world.mix.changes();
  if (same) {
    for (std::size_t i = 0; i < greatest.size(); ++i) {
      now_.flavours[i].servers = greatest[i]->servers;
    }
    return;
  }
  forgotten_ = false;
  pools_generation_ = world.pools_generation;
  chosen_.clear();
  pools_.clear();
  rooms_.clear();
  now_ = {};
  for (const auto* entry : greatest) {
    const auto& wanted = entry->wanted;
    chosen_.push_back(wanted);
    now_.flavours.push_back({wanted.count, wanted.cpus, wanted.memory_mib, entry->servers, 0, 0});
    auto& pools = pools_.emplace_back();
    for (const auto& selector : wanted.devices) {
      pools.push_back(world.pool_of(selector));
    }
    if (pools.empty()) {
      pools.push_back(world.pool_of({}));
    }
  }
}

void outlook_keeper::take_off(group_room& known) {
  for (std::size_t i = 0; i < known.rooms.size(); ++i) {
    now_.flavours[i].room -= known.rooms[i];
  }
  now_.usable -= known.usable;
  known = {};
}

void outlook_keeper::count_group(const inventory::impl& world, const host_group& group,
                                 group_room& known) {
  take_off(known);
  known.changes = group.changes;
  if (group.hosts == 0) {
    return;
  }
  std::vector<int> matching;
  count_matching(world, group.key.shape, group.key.free, matching);
  outlook part;
  part.flavours = now_.flavours;
  for (auto& each : part.flavours) {
    each.room = 0;
  }
  for (const auto& cell : group.cells) {
    const auto least = least_of(cell.levels, group.key.steps);
    part.add_hosts(static_cast<std::int64_t>(cell.hosts->size()), matching, least.cpus,
                   least.memory_mib);
  }
  for (std::size_t i = 0; i < part.flavours.size(); ++i) {
    known.rooms.push_back(part.flavours[i].room);
    now_.flavours[i].room += part.flavours[i].room;
  }
  known.usable = part.usable;
  now_.usable += part.usable;
}

const outlook& outlook_keeper::look(const inventory::impl& world) {
  choose_flavours(world);
  const auto& groups = world.devices_index.groups();
  rooms_.resize(groups.size());
  now_.wholes.clear();
  for (group_number number = 0; number < groups.size(); ++number) {
    const auto& group = groups.at(number);
    if (rooms_[number].changes != group.changes) {
      count_group(world, group, rooms_[number]);
    }
    const auto devices = world.shapes.at(group.key.shape).kinds.size();
    if (group.hosts > 0 && devices > 0 && count(group.key.free) == static_cast<int>(devices)) {
      now_.add_whole(static_cast<std::int32_t>(devices), group.key.steps,
                     static_cast<std::int64_t>(group.hosts));
    }
  }
  now_.set_prices();
  return now_;
}

} // namespace berth::scheduler
