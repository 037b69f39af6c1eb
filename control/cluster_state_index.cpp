#include <algorithm>

#include "control/cluster_state.hpp"
#include "control/cluster_state_journal.hpp"

namespace berth::control {

namespace {

template <class T, class Less> void insert_sorted(std::vector<T>& list, const T& value, Less less) {
  const auto at = std::lower_bound(list.begin(), list.end(), value, less);
  if (at == list.end() || *at != value) {
    list.insert(at, value);
  }
}

/// The entry has the name from now on, whoever had it.
template <class Names, class Entry>
void take_over(Names& names, Entry& entry, std::string_view name) {
  if (!names.insert(&entry).second) {
    names.take(name);
    names.insert(&entry);
  }
}

cluster_state::device_key age_key_of(const model::device_record& device) {
  return {device.created, device.info.address, device.info.id};
}

} // namespace

void cluster_state::link_server(server_entry& entry) {
  const auto& record = entry.record;
  take_over(server_names_, entry, record.spec->name);
  servers_by_age_.insert(record.created, &entry);
  count_server(record, +1);
  enter_host(record);
}

void cluster_state::unlink_server(server_entry& entry) {
  const auto& record = entry.record;
  if (server_names_.find(record.spec->name) == &entry) {
    server_names_.take(record.spec->name);
  }
  servers_by_age_.erase(record.created);
  count_server(record, -1);
  leave_host(record);
}

void cluster_state::enter_host(const model::server_record& server) {
  if (!server.host) {
    return;
  }
  if (auto* host = hosts_.find(*server.host)) {
    insert_sorted(host->servers, server.id, std::less<>{});
  }
}

void cluster_state::leave_host(const model::server_record& server) {
  if (!server.host) {
    return;
  }
  if (auto* host = hosts_.find(*server.host)) {
    auto& list = host->servers;
    if (const auto at = std::lower_bound(list.begin(), list.end(), server.id);
        at != list.end() && *at == server.id) {
      list.erase(at);
    }
  }
}

void cluster_state::link_device(model::device_record& device) {
  devices_by_age_.insert(age_key_of(device), &device);
  count_device(device, +1);
  if (auto* host = hosts_.find(device.host)) {
    // A device that is not known (yet) sorts as itself only while its record exists: look it up.
    insert_sorted(host->devices, device.info.id,
                  [this](const model::device_id& a, const model::device_id& b) {
                    const auto& left = devices_.at(a).info.address;
                    const auto& right = devices_.at(b).info.address;
                    return std::tie(left, a) < std::tie(right, b);
                  });
  }
}

void cluster_state::unlink_device(model::device_record& device) {
  devices_by_age_.erase(age_key_of(device));
  count_device(device, -1);
  if (auto* host = hosts_.find(device.host)) {
    std::erase(host->devices, device.info.id);
  }
}

void cluster_state::link_host(host_entry& entry) {
  take_over(host_names_, entry, entry.record.name);
  hosts_by_age_.insert(entry.record.created, &entry);
  count_host(entry.record, +1);
}

void cluster_state::unlink_host(host_entry& entry) {
  if (host_names_.find(entry.record.name) == &entry) {
    host_names_.take(entry.record.name);
  }
  hosts_by_age_.erase(entry.record.created);
  count_host(entry.record, -1);
}

void cluster_state::count_server(const model::server_record& server, int sign) {
  counts_.servers.at(static_cast<std::size_t>(server.status)) += sign;
  if (model::is_waiting(server)) {
    sign > 0 ? waiting_.add(server) : waiting_.remove(server);
  }
}

void cluster_state::count_device(const model::device_record& device, int sign) {
  const auto state = static_cast<std::size_t>(device.state);
  counts_.devices.at(state) += sign;
  counts_.devices_allocated += device.owner ? sign : 0;
  auto* host = hosts_.find(device.host);
  if (host == nullptr) {
    return;
  }
  auto& by_model = host->by_model;
  auto row = by_model.find(device.info.model);
  if (row == by_model.end()) {
    row = by_model.emplace(device.info.model, device_state_counts{}).first;
  }
  row->second.at(state) += sign;
}

void cluster_state::count_host(const model::host_record& host, int sign) {
  counts_.hosts += sign;
  counts_.hosts_online += host.status == model::host_status::online ? sign : 0;
  counts_.hosts_settled += host.settled ? sign : 0;
  counts_.hosts_disabled += host.enabled ? 0 : sign;
  counts_.hosts_in_maintenance += host.maintenance ? sign : 0;
}

// --- Reading

const server_entry* cluster_state::find_server(model::server_id id) const {
  return servers_.find(id);
}

const server_entry* cluster_state::find_server_named(std::string_view name) const {
  return server_names_.find(name);
}

const server_entry* cluster_state::resolve_server(std::string_view ref) const {
  if (const auto id = model::server_id::parse(ref)) {
    if (const auto* found = find_server(*id)) {
      return found;
    }
  }
  return find_server_named(ref);
}

const model::device_record* cluster_state::find_device(model::device_id id) const {
  return devices_.find(id);
}

const model::device_record* cluster_state::resolve_device(std::string_view ref) const {
  const auto id = model::device_id::parse(ref);
  return id ? find_device(*id) : nullptr;
}

const host_entry* cluster_state::find_host(model::host_id id) const {
  return hosts_.find(id);
}

const host_entry* cluster_state::find_host_named(std::string_view name) const {
  return host_names_.find(name);
}

const host_entry* cluster_state::resolve_host(std::string_view ref) const {
  if (const auto id = model::host_id::parse(ref)) {
    if (const auto* found = find_host(*id)) {
      return found;
    }
  }
  return find_host_named(ref);
}

const model::snapshot_answer* cluster_state::find_answer(const std::string& key) const {
  const auto at = answers_by_key_.find(key);
  return at == answers_by_key_.end() ? nullptr : at->second;
}

model::desired_state cluster_state::desired_state_of(const host_entry& host) const {
  model::desired_state wanted;
  wanted.leader = leader_;
  wanted.generation = host.record.generation;
  wanted.servers.reserve(host.servers.size());
  for (const auto& id : host.servers) {
    const auto& record = servers_.at(id).record;
    if (record.deleting) {
      wanted.removals.push_back(record.id);
    } else {
      wanted.servers.push_back(
          {record.id, record.spec, record.desired_power, record.restarts, record.attachments});
    }
  }
  wanted.devices.reserve(host.devices.size());
  for (const auto& id : host.devices) {
    const auto& device = devices_.at(id);
    wanted.devices.push_back({id, device.epoch, device.owner, device.enabled});
  }
  std::sort(wanted.devices.begin(), wanted.devices.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return wanted;
}

} // namespace berth::control
