#include <algorithm>
#include <utility>

#include "control/cluster_state_fold.hpp"
#include "control/cluster_state_journal.hpp"

namespace berth::control {

/// Takes changes back, newest first, noting what was touched.
struct cluster_state::journal::undo {
  cluster_state& state;
  journal& log;

  void operator()(server_created& change) {
    log.servers.insert(change.id);
    state.unlink_server(state.servers_.at(change.id));
    state.servers_.take(change.id);
  }
  void operator()(server_removed& change) {
    log.servers.insert(change.entry->record.id);
    state.link_server(*state.servers_.insert(std::move(change.entry)).first);
  }
  void operator()(server_changed& change) {
    const auto id = change.before->record.id;
    log.servers.insert(id);
    auto& entry = state.servers_.at(id);
    const bool moved = entry.record.host != change.before->record.host;
    state.count_server(entry.record, -1);
    if (moved) {
      state.leave_host(entry.record);
    }
    entry = std::move(*change.before); // an index's key points into the spec, which stays
    state.count_server(entry.record, +1);
    if (moved) {
      state.enter_host(entry.record);
    }
  }
  void operator()(server_status& change) {
    auto& record = state.servers_.at(change.id).record;
    state.count_server(record, -1);
    record.status = change.status;
    record.status_reason = std::move(change.reason);
    record.updated_at = change.updated_at;
    state.count_server(record, +1);
  }
  void operator()(device_created& change) {
    auto& device = state.devices_.at(change.id);
    log.hosts.insert(device.host);
    state.unlink_device(device);
    state.devices_.take(change.id);
  }
  void operator()(device_removed& change) {
    auto& device = *state.devices_.insert(std::move(change.device)).first;
    log.hosts.insert(device.host);
    log.devices.insert(device.info.id);
    state.link_device(device);
  }
  void operator()(device_changed& change) {
    auto& device = state.devices_.at(change.before->info.id);
    log.devices.insert(device.info.id);
    state.unlink_device(device);
    device = std::move(*change.before);
    state.link_device(device);
  }
  void operator()(device_turned& change) {
    log.devices.insert(change.id);
    auto& device = state.devices_.at(change.id);
    state.count_device(device, -1);
    device.state = change.state;
    device.state_reason = std::move(change.reason);
    device.state_since = change.since;
    device.epoch = change.epoch;
    device.obeyed = change.obeyed;
    device.owner = change.owner;
    state.count_device(device, +1);
  }
  void operator()(host_created& change) {
    log.hosts.insert(change.id);
    state.unlink_host(state.hosts_.at(change.id));
    state.hosts_.take(change.id);
  }
  void operator()(host_removed& change) {
    log.hosts.insert(change.entry->record.id);
    state.link_host(*state.hosts_.insert(std::move(change.entry)).first);
  }
  void operator()(host_changed& change) {
    log.hosts.insert(change.before->id);
    auto& entry = state.hosts_.at(change.before->id);
    state.unlink_host(entry);
    entry.record = std::move(*change.before);
    state.link_host(entry);
  }
  void operator()(host_generation& change) {
    state.hosts_.at(change.id).record.generation = change.before;
  }
  void operator()(answer_added&) {
    auto& newest = state.answers_.back();
    state.answer_bytes_ -= newest.key.size() + newest.body.size();
    state.answers_by_key_.erase(newest.key);
    state.answers_.pop_back();
  }
  void operator()(answer_evicted& change) {
    state.answers_.push_front(std::move(*change.before));
    auto& oldest = state.answers_.front();
    state.answers_by_key_.emplace(oldest.key, &oldest);
    state.answer_bytes_ += oldest.key.size() + oldest.body.size();
  }
  void operator()(leader_changed& change) { state.leader_ = change.before; }
};

cluster_state::cluster_state(answer_bounds bounds)
    : bounds_(bounds), journal_(std::make_unique<journal>()) {}
cluster_state::~cluster_state() = default;
cluster_state::cluster_state(cluster_state&&) noexcept = default;
cluster_state& cluster_state::operator=(cluster_state&&) noexcept = default;

void cluster_state::mark_durable(model::sequence_number up_to) {
  // In the common case all are durable, and their memory is used again.
  auto& entries = journal_->entries;
  const auto is_durable = [up_to](const journal::entry& it) { return it.sequence <= up_to; };
  entries.erase(entries.begin(), std::find_if_not(entries.begin(), entries.end(), is_durable));
  durable_sequence_ = std::max(durable_sequence_, std::min(up_to, last_sequence_));
}

std::vector<scheduler::inventory_update> cluster_state::rollback() {
  journal undone;
  undone.entries.swap(journal_->entries);
  journal::undo take_back{*this, undone};
  while (!undone.entries.empty()) {
    std::visit(take_back, undone.entries.back().what);
    undone.entries.pop_back();
  }
  last_sequence_ = durable_sequence_;
  if (!inventory_) {
    return {};
  }
  auto updates = compensation(undone);
  for (const auto& update : updates) {
    inventory_->apply(update);
  }
  return updates;
}

std::vector<scheduler::inventory_update> cluster_state::compensation(const journal& undone) const {
  std::vector<scheduler::inventory_update> updates;
  std::vector<const server_entry*> allocated;
  auto devices = undone.devices;
  for (const auto& id : undone.servers) {
    const auto* entry = find_server(id);
    if (entry != nullptr && entry->record.host) {
      allocated.push_back(entry);
    } else {
      updates.emplace_back(scheduler::server_released{id});
    }
  }
  for (const auto& id : undone.hosts) {
    const auto* entry = find_host(id);
    if (entry == nullptr) {
      updates.emplace_back(scheduler::host_gone{id});
      continue;
    }
    updates.emplace_back(host_update(*entry, *this));
    devices.insert(entry->devices.begin(), entry->devices.end());
    for (const auto& server : entry->servers) {
      if (undone.servers.count(server) == 0) {
        allocated.push_back(find_server(server));
      }
    }
  }
  for (const auto* entry : allocated) {
    updates.emplace_back(allocation_update(entry->record));
  }
  for (const auto& id : devices) { // last: an allocation makes its devices unavailable
    if (const auto* device = find_device(id)) {
      updates.emplace_back(scheduler::device_changed{*device});
    }
  }
  return updates;
}

void cluster_state::build_inventory() {
  inventory_ = std::make_unique<scheduler::inventory>();
  hosts_by_age_.walk(true, [&](const host_entry& entry) {
    inventory_->apply(host_update(entry, *this));
    return true;
  });
  servers_by_age_.walk(true, [&](const server_entry& entry) {
    if (entry.record.host) {
      inventory_->apply(allocation_update(entry.record));
    }
    return true;
  });
}

std::vector<scheduler::inventory_update> cluster_state::full_inventory() const {
  std::vector<scheduler::inventory_update> updates;
  updates.reserve(hosts_.size() + servers_.size());
  hosts_by_age_.walk(true, [&](const host_entry& entry) {
    updates.emplace_back(host_update(entry, *this));
    return true;
  });
  servers_by_age_.walk(true, [&](const server_entry& entry) {
    if (entry.record.host) {
      updates.emplace_back(allocation_update(entry.record));
    }
    return true;
  });
  return updates;
}

} // namespace berth::control
