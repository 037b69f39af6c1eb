#include <algorithm>
#include <unordered_map>
#include <vector>

#include "api/render.hpp"

// The snapshot document: what a plan of tomorrow begins with (docs/snapshot.md). Machines that are
// alike are written once, and things refer to each other by their numbers in the document.

namespace berth::api {

namespace {

using device_list = std::vector<const model::device_record*>;

void render_machine_device(json_writer& out, const model::device_record& device) {
  const auto& info = device.info;
  out.begin_object();
  out.field("pci_address", to_string(info.address));
  out.field_unless_empty("vendor", info.vendor);
  out.field("vendor_device_id", to_string(info.vendor_device));
  out.field("model", info.model);
  out.field("dev_type", to_string(device.type));
  if (info.numa_node >= 0) {
    out.field("numa_node", info.numa_node);
  }
  out.field_unless_empty("pcie_root", info.pcie_root);
  out.field_unless_empty("pcie_switch", info.pcie_switch);
  out.field_unless_empty("fabric", info.fabric);
  if (info.fabric_module >= 0) {
    out.field("fabric_module", info.fabric_module);
  }
  out.field_unless_empty("allocation_unit", info.allocation_unit);
  out.key("reserve");
  render(out, device.reserve);
  out.end_object();
}

std::string machine_of(const model::host_record& host, const device_list& devices) {
  std::string text;
  json_writer out{text};
  out.begin_object();
  out.field_unless_empty("name", host.machine);
  out.key("capacity");
  render(out, host.capacity);
  out.field("numa_nodes", host.numa_nodes);
  render_partitions(out, host.partitions);
  out.key("devices");
  out.begin_array();
  for (const auto* device : devices) {
    render_machine_device(out, *device);
  }
  out.end_array();
  out.end_object();
  return text;
}

bool is_out_of_service(const model::device_record& device) {
  return !device.present || !device.enabled || !device.info.unusable_reason.empty() ||
         device.state == model::device_state::unusable ||
         device.state == model::device_state::lost ||
         device.state == model::device_state::quarantined;
}

void render_out_of_service(json_writer& out, const device_list& devices) {
  out.key("out_of_service");
  out.begin_array();
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto& device = *devices[i];
    if (!is_out_of_service(device)) {
      continue;
    }
    out.begin_object();
    out.field("device", i);
    out.field("state", device.enabled ? to_string(device.state) : "disabled");
    out.field_unless_empty("reason", device.state_reason.empty() ? device.info.unusable_reason
                                                                 : device.state_reason);
    out.end_object();
  }
  out.end_array();
}

void render_host(json_writer& out, const model::host_record& host, std::size_t machine,
                 const device_list& devices) {
  out.begin_object();
  out.field("id", host.id);
  out.field("name", host.name);
  out.field("machine", machine);
  out.field("status", to_string(host.status));
  out.field("settled", host.settled);
  out.field("enabled", host.enabled);
  out.field("maintenance", host.maintenance);
  out.list<std::string>("tags", host.tags);
  out.key("reserve");
  render(out, host.reserve);
  out.field("cpu_overcommit", host.cpu_overcommit_milli);
  out.field("memory_overcommit", host.memory_overcommit_milli);
  render_out_of_service(out, devices);
  out.end_object();
}

void render_common(json_writer& out, const model::server_record& server) {
  const auto amount = model::amount_of(server.spec);
  out.field("id", server.id);
  out.field("name", server.spec->name);
  out.field("project", server.spec->project);
  out.key("amount");
  render(out, amount);
  out.field("created_at", server.created_at);
}

void render_wait(json_writer& out, const model::server_record& server) {
  out.begin_object();
  render_common(out, server);
  out.field("wait_until", model::wait_deadline(server));
  out.field("priority", server.spec->priority);
  out.key("topology");
  render(out, server.spec->topology);
  if (server.spec->lifetime) {
    out.field("expected_lifetime_seconds",
              std::chrono::duration_cast<std::chrono::seconds>(*server.spec->lifetime).count());
  }
  out.key("devices");
  out.begin_array();
  for (const auto& wish : server.spec->devices) {
    render(out, wish);
  }
  out.end_array();
  out.end_object();
}

/// Numbers of things in the document, by id.
struct numbering {
  std::unordered_map<model::host_id, std::size_t> hosts;
  std::unordered_map<model::device_id, std::size_t> devices; ///< among those of its host
};

void render_placed(json_writer& out, const model::server_record& server, const numbering& numbers) {
  out.begin_object();
  render_common(out, server);
  out.field("status", to_string(server.status));
  out.field("host", numbers.hosts.at(*server.host));
  out.key("devices");
  out.begin_array();
  for (const auto& held : server.attachments) {
    if (const auto known = numbers.devices.find(held.device); known != numbers.devices.end()) {
      out.value(known->second);
    }
  }
  out.end_array();
  if (server.ends_at) {
    out.field("expected_end", *server.ends_at);
  }
  out.field("deleting", server.deleting);
  out.end_object();
}

/// Writes machines and hosts; the machines' text goes before that of the hosts.
void render_hosts(json_writer& out, const model::inventory_answer& all, numbering& numbers) {
  for (std::size_t i = 0; i < all.hosts.size(); ++i) {
    numbers.hosts.emplace(all.hosts[i].id, i);
  }
  std::vector<device_list> devices(all.hosts.size());
  for (const auto& device : all.devices) {
    if (const auto host = numbers.hosts.find(device.host); host != numbers.hosts.end()) {
      devices[host->second].push_back(&device);
    }
  }
  std::unordered_map<std::string, std::size_t> machines;
  std::vector<std::size_t> machine_of_host;
  out.key("machines");
  out.begin_array();
  for (std::size_t i = 0; i < all.hosts.size(); ++i) {
    std::ranges::sort(devices[i], {}, [](const model::device_record* each) {
      return std::pair{each->info.address, each->info.id};
    });
    for (std::size_t n = 0; n < devices[i].size(); ++n) {
      numbers.devices.emplace(devices[i][n]->info.id, n);
    }
    auto text = machine_of(all.hosts[i], devices[i]);
    const auto [known, fresh] = machines.try_emplace(std::move(text), machines.size());
    if (fresh) {
      out.raw(known->first);
    }
    machine_of_host.push_back(known->second);
  }
  out.end_array();
  out.key("hosts");
  out.begin_array();
  for (std::size_t i = 0; i < all.hosts.size(); ++i) {
    render_host(out, all.hosts[i], machine_of_host[i], devices[i]);
  }
  out.end_array();
}

} // namespace

void render(json_writer& out, const model::inventory_answer& all) {
  constexpr int version = 1;
  numbering numbers;
  out.begin_object();
  out.field("version", version);
  out.field("sequence", all.sequence);
  out.field("at", all.at);
  render_hosts(out, all, numbers);
  out.key("servers");
  out.begin_array();
  for (const auto& server : all.servers) {
    if (server.host && numbers.hosts.contains(*server.host)) {
      render_placed(out, server, numbers);
    }
  }
  out.end_array();
  out.key("waiting");
  out.begin_array();
  for (const auto& server : all.servers) {
    if (model::is_waiting(server)) {
      render_wait(out, server);
    }
  }
  out.end_array();
  out.end_object();
}

} // namespace berth::api
