#include "apps/check_store.hpp"

#include <algorithm>
#include <variant>

#include "proto/snapshot_codec.hpp"

namespace berth::apps {

namespace {

server_fact fact_of(const model::server_record& record) {
  server_fact fact{record.id, record.spec->name, record.host, amount_of(record.spec), {}};
  for (const auto& attached : record.attachments) {
    fact.devices.push_back(attached.device);
  }
  std::sort(fact.devices.begin(), fact.devices.end());
  return fact;
}

} // namespace

void log_fold::blame(const std::string& text) {
  violations_.push_back({"history", "store: event " + std::to_string(sequence_) + " " + text});
}

void log_fold::set_capacity(host_state& host) {
  host.fact.capacity = {host.physical.cpus * host.cpu_overcommit_milli / 1000,
                        host.physical.memory_mib * host.memory_overcommit_milli / 1000,
                        host.physical.storage_mib};
}

void log_fold::give(const model::server_id& server, const model::device_id& device) {
  const auto known = devices_.find(device);
  if (known == devices_.end()) {
    blame("gives away device " + to_string(device) + ", which does not exist");
    return;
  }
  auto& owner = known->second.owner;
  if (owner && *owner != server) {
    blame("gives device " + to_string(device) + " of server " + to_string(*owner) + " to server " +
          to_string(server));
  }
  owner = server;
}

void log_fold::take(const model::device_id& device) {
  if (const auto known = devices_.find(device); known != devices_.end()) {
    known->second.owner.reset();
  }
}

void log_fold::on(const model::host_inventoried& event) {
  auto& host = hosts_[event.info.id];
  host.fact.id = event.info.id;
  if (host.fact.name.empty()) {
    host.fact.name = event.info.name;
  }
  host.physical = event.info.capacity;
  set_capacity(host);
  for (const auto& device : event.info.devices) {
    const auto [known, is_new] = devices_.try_emplace(device.id);
    if (is_new) {
      known->second = {device.id, event.info.id, std::nullopt};
    }
  }
}

void log_fold::on(const model::host_settings_changed& event) {
  if (const auto host = hosts_.find(event.host); host != hosts_.end()) {
    host->second.cpu_overcommit_milli = event.cpu_overcommit_milli;
    host->second.memory_overcommit_milli = event.memory_overcommit_milli;
    set_capacity(host->second);
  }
}

void log_fold::on(const model::host_removed& event) {
  hosts_.erase(event.host);
  std::erase_if(devices_, [&](const auto& device) { return device.second.host == event.host; });
}

void log_fold::on(const model::server_created& event) {
  const auto [known, is_new] = servers_.emplace(event.server.id, fact_of(event.server));
  if (!is_new) {
    blame("creates server " + to_string(event.server.id) + ", which exists");
    return;
  }
  for (const auto& device : known->second.devices) {
    give(event.server.id, device);
  }
}

void log_fold::on(const model::server_delete_requested& event) {
  if (const auto server = servers_.find(event.server); server != servers_.end()) {
    for (const auto& device : server->second.devices) {
      take(device);
    }
    server->second.devices.clear();
  }
}

void log_fold::on(const model::server_removed& event) {
  if (const auto server = servers_.find(event.server); server != servers_.end()) {
    for (const auto& device : server->second.devices) {
      take(device);
    }
    servers_.erase(server);
  }
}

void log_fold::on(const model::server_placed& event) {
  const auto server = servers_.find(event.server);
  if (server == servers_.end()) {
    blame("places server " + to_string(event.server) + ", which does not exist");
    return;
  }
  auto& fact = server->second;
  if (fact.host) {
    blame("places server " + to_string(event.server) + " on host " + to_string(event.host) +
          ", but it is on host " + to_string(*fact.host));
  }
  fact.host = event.host;
  for (const auto& attached : event.attachments) {
    fact.devices.push_back(attached.device);
    give(event.server, attached.device);
  }
  std::sort(fact.devices.begin(), fact.devices.end());
}

void log_fold::on(const model::device_attached& event) {
  const auto server = servers_.find(event.server);
  if (server == servers_.end()) {
    blame("attaches a device to server " + to_string(event.server) + ", which does not exist");
    return;
  }
  auto& held = server->second.devices;
  held.insert(std::upper_bound(held.begin(), held.end(), event.device.device), event.device.device);
  give(event.server, event.device.device);
}

void log_fold::on(const model::device_detached& event) {
  if (const auto server = servers_.find(event.server); server != servers_.end()) {
    std::erase(server->second.devices, event.release.device);
  }
  take(event.release.device);
}

void log_fold::on(const model::device_removed& event) {
  devices_.erase(event.device);
}

void log_fold::apply(const model::log_record& record) {
  sequence_ = record.sequence;
  std::visit([this](const auto& event) { on(event); }, record.what);
}

void log_fold::apply(const model::snapshot_item& item) {
  if (const auto* const meta = std::get_if<model::snapshot_meta>(&item)) {
    sequence_ = meta->sequence;
  } else if (const auto* const host = std::get_if<model::host_record>(&item)) {
    auto& known = hosts_[host->id];
    known = {{host->id, host->name, {}},
             host->capacity,
             host->cpu_overcommit_milli,
             host->memory_overcommit_milli};
    set_capacity(known);
  } else if (const auto* const device = std::get_if<model::device_record>(&item)) {
    devices_[device->info.id] = {device->info.id, device->host, device->owner};
  } else if (const auto* const server = std::get_if<model::snapshot_server>(&item)) {
    servers_[server->server.id] = fact_of(server->server);
  }
}

cluster_facts log_fold::facts() const {
  cluster_facts facts{"store", sequence_, {}, {}, {}};
  for (const auto& [id, host] : hosts_) {
    facts.hosts.push_back(host.fact);
  }
  for (const auto& [id, device] : devices_) {
    facts.devices.push_back(device);
  }
  for (const auto& [id, server] : servers_) {
    facts.servers.push_back(server);
  }
  return facts;
}

model::result<log_fold> fold_store(const store::event_reader& reader,
                                   model::sequence_number until) {
  log_fold fold;
  const auto at = reader.load_snapshot([&fold](const store::snapshot_chunk& chunk) {
    return proto::decode_chunk(chunk, [&fold](model::snapshot_item&& item) -> model::result<void> {
      fold.apply(item);
      return {};
    });
  });
  if (!at) {
    return tl::unexpected{at.error()};
  }
  const auto read = reader.read(*at + 1, [&](const model::log_record& record) {
    const bool wanted = until == 0 || record.sequence <= until;
    if (wanted) {
      fold.apply(record);
    }
    return wanted;
  });
  if (!read) {
    return tl::unexpected{read.error()};
  }
  return fold;
}

} // namespace berth::apps
