#include "control/cluster_state_fold.hpp"

#include <algorithm>
#include <utility>

namespace berth::control {

using model::device_record;
using model::device_state;

// --- The primitives

server_entry* cluster_state::fold::server(model::server_id id) {
  return state.servers_.find(id);
}

host_entry* cluster_state::fold::host(model::host_id id) {
  return state.hosts_.find(id);
}

device_record* cluster_state::fold::device(model::device_id id) {
  return state.devices_.find(id);
}

void cluster_state::fold::bump(host_entry& entry) {
  remember(journal::host_generation{entry.record.id, entry.record.generation});
  ++entry.record.generation;
}

void cluster_state::fold::touch(server_entry& entry) {
  if (!entry.record.host) {
    return;
  }
  if (auto* on = host(*entry.record.host)) {
    bump(*on);
    entry.changed_at = on->record.generation;
  }
}

void cluster_state::fold::give(device_record& given, model::server_id owner,
                               model::device_epoch epoch) {
  turn_device(given, [&](device_record& it) {
    it.owner = owner;
    it.epoch = std::max(it.epoch, epoch);
    it.state = device_state::reserved;
    it.state_reason.clear();
    it.state_since = at;
  });
}

void cluster_state::fold::take_back(device_record& released, model::device_epoch epoch) {
  turn_device(released, [&](device_record& it) {
    it.owner.reset();
    it.epoch = std::max(it.epoch, epoch);
    const bool in_hand = it.state == device_state::reserved || it.state == device_state::in_use ||
                         it.state == device_state::free;
    if (in_hand) { // what is lost or quarantined stays so until the host says otherwise
      it.state = device_state::releasing;
      it.state_reason.clear();
      it.state_since = at;
    }
  });
}

void cluster_state::fold::publish(scheduler::inventory_update update) {
  state.inventory_->apply(update);
  updates->push_back(std::move(update));
}

scheduler::host_changed host_update(const host_entry& entry, const cluster_state& state) {
  scheduler::host_changed update{entry.record, {}};
  update.devices.reserve(entry.devices.size());
  for (const auto& id : entry.devices) {
    update.devices.push_back(*state.find_device(id));
  }
  return update;
}

scheduler::server_allocated allocation_update(const model::server_record& server) {
  scheduler::server_allocated update{server.id,
                                     *server.host,
                                     model::amount_of(server.spec),
                                     {},
                                     server.spec->anti_affinity_group,
                                     server.ends_at};
  update.devices.reserve(server.attachments.size());
  for (const auto& held : server.attachments) {
    update.devices.push_back(held.device);
  }
  if (server.ends_at && server.spec->lifetime) {
    update.placed_at = *server.ends_at - *server.spec->lifetime;
  }
  update.asked = server.spec->devices;
  return update;
}

void cluster_state::fold::publish_host(const host_entry& entry) {
  if (updates != nullptr) {
    publish(host_update(entry, state));
  }
}

void cluster_state::fold::publish_device(const device_record& changed) {
  if (updates != nullptr) {
    publish(scheduler::device_changed{changed});
  }
}

void cluster_state::fold::publish_turn(const device_record& turned) {
  if (updates != nullptr) {
    publish(scheduler::device_turned{turned.host, turned.info.id, turned.state,
                                     turned.owner.has_value()});
  }
}

void cluster_state::fold::publish_allocation(const server_entry& entry) {
  if (updates != nullptr && entry.record.host) {
    publish(allocation_update(entry.record));
  }
}

// --- Controllers and hosts

void cluster_state::fold::operator()(const model::controller_started& event) {
  if (event.epoch <= state.leader_) {
    return; // a probe of the store: the leadership goes on
  }
  remember(journal::leader_changed{state.leader_});
  state.leader_ = event.epoch;
  std::vector<const host_entry*> all;
  state.hosts_by_age_.walk(true, [&](const host_entry& entry) {
    all.push_back(&entry);
    return true;
  });
  for (const auto* entry : all) {
    auto& known = *host(entry->record.id);
    if (known.record.status == model::host_status::offline && !known.record.settled) {
      continue;
    }
    edit_host(known, [](model::host_record& it) {
      it.status = model::host_status::offline;
      it.settled = false;
    });
    publish_host(known);
  }
}

void cluster_state::fold::miss(device_record& missing, const std::string& host_name) {
  if (!missing.present) {
    return;
  }
  edit_device(missing, [&](device_record& it) {
    it.present = false;
    it.state = device_state::lost;
    it.state_reason = "missing from the inventory of host '" + host_name + "'";
    it.state_since = at;
  });
}

void cluster_state::fold::take_inventory(host_entry& entry, const model::device_info& info) {
  auto* known = device(info.id);
  if (known == nullptr) {
    device_record fresh;
    fresh.info = info;
    fresh.host = entry.record.id;
    fresh.type = info.default_type;
    fresh.reserve =
        model::is_gpu(info.default_type) ? model::default_gpu_reserve : model::resources{};
    fresh.state = info.unusable_reason.empty() ? device_state::discovered : device_state::unusable;
    fresh.state_reason = info.unusable_reason;
    fresh.state_since = at;
    fresh.created = sequence;
    state.link_device(
        *state.devices_.insert(std::make_unique<device_record>(std::move(fresh))).first);
    remember(journal::device_created{info.id});
    return;
  }
  if (known->host != entry.record.id || (known->present && known->info == info)) {
    return;
  }
  edit_device(*known, [&](device_record& it) {
    it.info = info;
    if (!it.present) {
      it.present = true;
      it.state = device_state::discovered;
      it.state_reason.clear();
      it.state_since = at;
    }
  });
}

void cluster_state::fold::operator()(const model::host_inventoried& event) {
  const auto& info = event.info;
  auto* known = host(info.id);
  if (known == nullptr) {
    auto fresh = std::make_unique<host_entry>();
    fresh->record.id = info.id;
    fresh->record.name = info.name;
    fresh->record.created = sequence;
    known = state.hosts_.insert(std::move(fresh)).first;
    state.link_host(*known);
    remember(journal::host_created{info.id});
  }
  edit_host(*known, [&](model::host_record& it) {
    it.machine = info.machine;
    it.agent_version = info.agent_version;
    it.capacity = info.capacity;
    it.numa_nodes = info.numa_nodes;
    it.partitions = info.partitions;
    it.hot_plug = info.hot_plug;
    it.settled = it.settled && it.incarnation == event.incarnation;
    it.incarnation = event.incarnation;
    it.last_seen = at;
    ++it.generation;
  });
  std::vector<model::device_id> seen;
  seen.reserve(info.devices.size());
  for (const auto& found : info.devices) {
    take_inventory(*known, found);
    seen.push_back(found.id);
  }
  std::sort(seen.begin(), seen.end());
  const auto before = known->devices;
  for (const auto& id : before) {
    if (!std::binary_search(seen.begin(), seen.end(), id)) {
      miss(*device(id), known->record.name);
    }
  }
  publish_host(*known);
}

void cluster_state::fold::operator()(const model::host_status_changed& event) {
  auto* known = host(event.host);
  if (known == nullptr) {
    return;
  }
  edit_host(*known, [&](model::host_record& it) {
    it.status = event.status;
    it.settled = event.settled;
    if (event.status == model::host_status::online) {
      it.last_seen = at;
    }
  });
  publish_host(*known);
}

void cluster_state::fold::operator()(const model::host_settings_changed& event) {
  auto* known = host(event.host);
  if (known == nullptr) {
    return;
  }
  edit_host(*known, [&](model::host_record& it) {
    it.enabled = event.enabled;
    it.maintenance = event.maintenance;
    it.tags = event.tags;
    it.reserve = event.reserve;
    it.cpu_overcommit_milli = event.cpu_overcommit_milli;
    it.memory_overcommit_milli = event.memory_overcommit_milli;
  });
  publish_host(*known);
}

void cluster_state::fold::operator()(const model::host_removed& event) {
  auto* known = host(event.host);
  if (known == nullptr) {
    return;
  }
  const auto servers = known->servers;
  for (const auto& id : servers) {
    erase_server(*server(id));
  }
  const auto devices = known->devices;
  for (const auto& id : devices) {
    erase_device(*device(id));
  }
  state.unlink_host(*known);
  remember(journal::host_removed{state.hosts_.take(event.host)});
  if (updates != nullptr) {
    publish(scheduler::host_gone{event.host});
  }
}

// --- Servers

void cluster_state::fold::operator()(const model::server_created& event) {
  const auto [created, fresh] =
      state.servers_.insert(std::make_unique<server_entry>(server_entry{event.server}));
  if (!fresh) {
    return;
  }
  auto& entry = *created;
  entry.record.created = sequence;
  state.link_server(entry);
  remember(journal::server_created{event.server.id});
  touch(entry);
  for (const auto& held : entry.record.attachments) {
    if (auto* given = device(held.device)) {
      give(*given, entry.record.id, held.epoch);
    }
  }
  publish_allocation(entry);
}

void cluster_state::fold::operator()(const model::server_status_changed& event) {
  auto* entry = server(event.server);
  if (entry == nullptr) {
    return;
  }
  auto& record = entry->record;
  remember(
      journal::server_status{record.id, record.status, record.status_reason, record.updated_at});
  state.count_server(record, -1);
  record.status = event.status;
  record.status_reason = event.reason;
  record.updated_at = at;
  state.count_server(record, +1);
}

void cluster_state::fold::operator()(const model::server_power_requested& event) {
  auto* entry = server(event.server);
  if (entry == nullptr) {
    return;
  }
  edit_server(*entry, [&](server_entry& it) {
    it.record.desired_power = event.desired;
    it.record.restarts = event.restarts;
    it.record.status = event.status;
    it.record.status_reason.clear();
    it.record.updated_at = at;
    touch(it);
  });
}

void cluster_state::fold::operator()(const model::server_delete_requested& event) {
  auto* entry = server(event.server);
  if (entry == nullptr) {
    return;
  }
  edit_server(*entry, [&](server_entry& it) {
    it.record.deleting = true;
    it.record.desired_power = model::power::off;
    it.record.status = model::server_status::deleting;
    it.record.status_reason.clear();
    it.record.attachments.clear();
    it.record.updated_at = at;
    touch(it);
  });
  publish_allocation(*entry); // the guest may still run: its CPUs and memory go when it is removed
  for (const auto& release : event.releases) {
    if (auto* released = device(release.device)) {
      take_back(*released, release.epoch);
      publish_turn(*released);
    }
  }
}

void cluster_state::fold::erase_server(server_entry& entry) {
  const auto id = entry.record.id;
  for (const auto& held : entry.record.attachments) {
    if (auto* released = device(held.device)) {
      take_back(*released, released->epoch + 1);
      publish_turn(*released);
    }
  }
  const bool placed = entry.record.host.has_value();
  state.unlink_server(entry);
  remember(journal::server_removed{state.servers_.take(id)});
  if (placed && updates != nullptr) {
    publish(scheduler::server_released{id});
  }
}

void cluster_state::fold::operator()(const model::server_removed& event) {
  if (auto* entry = server(event.server)) {
    erase_server(*entry);
  }
}

// --- Devices

void cluster_state::fold::operator()(const model::device_attached& event) {
  auto* entry = server(event.server);
  auto* given = device(event.device.device);
  if (entry == nullptr || given == nullptr) {
    return;
  }
  edit_server(*entry, [&](server_entry& it) {
    it.record.attachments.push_back(event.device);
    it.record.updated_at = at;
    touch(it);
  });
  give(*given, event.server, event.device.epoch);
  publish_allocation(*entry);
}

void cluster_state::fold::operator()(const model::device_detached& event) {
  auto* entry = server(event.server);
  auto* released = device(event.release.device);
  if (entry == nullptr || released == nullptr) {
    return;
  }
  edit_server(*entry, [&](server_entry& it) {
    std::erase_if(it.record.attachments, [&](const model::attachment& held) {
      return held.device == event.release.device;
    });
    it.record.updated_at = at;
    touch(it);
  });
  take_back(*released, event.release.epoch);
  publish_allocation(*entry);
  publish_turn(*released);
}

void cluster_state::fold::operator()(const model::device_settings_changed& event) {
  auto* changed = device(event.device);
  if (changed == nullptr) {
    return;
  }
  edit_device(*changed, [&](device_record& it) {
    it.type = event.type;
    it.reserve = event.reserve;
    it.enabled = event.enabled;
  });
  auto* owner = changed->owner ? server(*changed->owner) : nullptr;
  if (owner != nullptr) {
    edit_server(*owner, [&](server_entry& it) {
      for (auto& held : it.record.attachments) {
        if (held.device == event.device) {
          held.type = event.type;
        }
      }
      touch(it);
    });
  } else if (auto* on = host(changed->host)) {
    bump(*on);
  }
  publish_device(*changed);
}

void cluster_state::fold::operator()(const model::device_state_reported& event) {
  auto* reported = device(event.device);
  if (reported == nullptr) {
    return;
  }
  turn_device(*reported, [&](device_record& it) {
    if (it.state != event.state) {
      it.state_since = at;
    }
    it.state = event.state;
    it.state_reason = event.reason;
    it.obeyed = std::max(it.obeyed, event.obeyed);
  });
  publish_turn(*reported);
}

void cluster_state::fold::erase_device(device_record& gone) {
  const auto id = gone.info.id;
  state.unlink_device(gone);
  remember(journal::device_removed{state.devices_.take(id)});
}

void cluster_state::fold::operator()(const model::device_removed& event) {
  auto* gone = device(event.device);
  if (gone == nullptr || gone->owner) {
    return;
  }
  auto* on = host(gone->host);
  erase_device(*gone);
  if (on != nullptr) {
    bump(*on);
    publish_host(*on);
  }
}

// --- Remembered answers

void cluster_state::fold::evict_oldest_answer() {
  auto& oldest = state.answers_.front();
  state.answer_bytes_ -= oldest.key.size() + oldest.body.size();
  state.answers_by_key_.erase(oldest.key);
  remember(journal::answer_evicted{std::make_unique<model::snapshot_answer>(std::move(oldest))});
  state.answers_.pop_front();
}

void cluster_state::fold::operator()(const model::request_answered& event) {
  auto& kept = state.answers_;
  const auto& bounds = state.bounds_;
  while (!kept.empty() && kept.front().at + bounds.kept_for <= at) {
    evict_oldest_answer();
  }
  if (state.answers_by_key_.count(event.key) != 0) {
    return; // the first answer stands
  }
  const auto bytes = event.key.size() + event.body.size();
  while (!kept.empty() &&
         (kept.size() >= bounds.count_max || state.answer_bytes_ + bytes > bounds.bytes_max)) {
    evict_oldest_answer();
  }
  kept.push_back({event.key, event.fingerprint, event.http_status, event.body, at});
  state.answers_by_key_.emplace(event.key, &kept.back());
  state.answer_bytes_ += bytes;
  remember(journal::answer_added{});
}

void cluster_state::apply(const model::log_record& record, durability how,
                          std::vector<scheduler::inventory_update>& updates) {
  const bool pending = how == durability::pending;
  std::visit(fold{*this, record.sequence, record.at, pending ? journal_.get() : nullptr,
                  inventory_ ? &updates : nullptr},
             record.what);
  last_sequence_ = record.sequence;
  if (!pending) {
    durable_sequence_ = record.sequence;
  }
}

void cluster_state::replay(const model::log_record& record) {
  std::visit(fold{*this, record.sequence, record.at, nullptr, nullptr}, record.what);
  last_sequence_ = record.sequence;
  durable_sequence_ = record.sequence;
}

} // namespace berth::control
