#include "scheduler/host_index.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/inventory_impl.hpp"

namespace berth::scheduler {

group_key device_group_of(const host_slot& host, bool by_stay) {
  return {host.has_gpus,
          host.free != 0,
          host.tags,
          host.shape,
          host.free,
          host.steps,
          by_stay && host.free != 0 ? stay_of(host.ends) : host_stay{}};
}

group_key ordinary_group_of(const host_slot& host) {
  return {host.has_gpus, host.free != 0, host.tags, 0, 0, host.steps, {}};
}

closure closure_of(const model::host_record& host) {
  return !host.enabled                               ? closure::disabled
         : host.status != model::host_status::online ? closure::offline
         : !host.settled                             ? closure::unsettled
         : host.maintenance                          ? closure::maintenance
                                                     : closure::none;
}

void host_index::see_stays() {
  by_stay_ = true;
  for (std::size_t slot = 0; slot < known_.size(); ++slot) {
    touch(static_cast<host_slot_id>(slot));
  }
}

void host_index::start_anew() {
  host_index anew{for_devices_};
  anew.by_stay_ = by_stay_;
  *this = std::move(anew); // as if nobody had asked yet
}

void host_index::freshen(const std::vector<host_slot>& hosts) {
  if (!std::exchange(asked_, true)) {
    for (std::size_t slot = 0; slot < hosts.size(); ++slot) {
      touch(static_cast<host_slot_id>(slot));
    }
  }
  known_.resize(std::max(known_.size(), hosts.size()));
  for (const host_slot_id slot : dirty_) {
    auto& known = known_[slot];
    const auto& host = hosts[slot];
    const auto& id = host.id;
    const bool same = host.known && known.id == id && known.closed == host.closed;
    if (!same && known.present) {
      take_out(known, slot);
    }
    is_dirty_[slot] = 0;
    if (host.known) {
      put(known, host, slot);
    }
  }
  dirty_.clear();
  for (const group_number group : groups_.changed()) {
    groups_.at(group).hosts > 0 ? filled_.insert(group) : filled_.erase(group);
  }
  if (for_devices_) { // nobody asks the other
    changed_.insert(changed_.end(), groups_.changed().begin(), groups_.changed().end());
  }
  groups_.changed().clear();
}

void host_index::put(indexed_host& known, const host_slot& host, host_slot_id slot) {
  const bool is_new = !std::exchange(known.present, true);
  known.id = host.id;
  known.closed = host.closed;
  if (host.closed != closure::none) {
    closed_[static_cast<std::size_t>(host.closed)].emplace(known.id, slot);
    return;
  }
  open_ += is_new ? 1U : 0U;
  const auto key = group_of(host);
  // A host without free devices is out of the question before its amounts are looked at.
  const auto free = !for_devices_   ? host.amounts.ordinary
                    : key.free == 0 ? model::resources{}
                                    : host.amounts.gpu;
  const bool same = known.at.group != group_place::nowhere && known.free == free &&
                    groups_.at(known.at.group).key == key;
  if (!same) {
    known.at = groups_.put(known.at, key, {known.id, slot, free});
    known.free = free;
  }
}

group_key host_index::group_of(const host_slot& host) const {
  return for_devices_ ? device_group_of(host, by_stay_) : ordinary_group_of(host);
}

void host_index::take_out(indexed_host& known, host_slot_id slot) {
  if (known.closed != closure::none) {
    closed_[static_cast<std::size_t>(known.closed)].erase({known.id, slot});
  } else {
    groups_.take_out(known.at, known.id);
    --open_;
  }
  known = {};
}

std::vector<group_number> host_index::take_changed() {
  return std::exchange(changed_, {});
}

} // namespace berth::scheduler
