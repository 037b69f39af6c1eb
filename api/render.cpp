#include "api/render.hpp"

#include <fmt/format.h>

namespace berth::api {

namespace {

/// The line speed of a PCI Express generation, as lspci prints it.
std::string_view line_speed(int generation) {
  switch (generation) {
  case 1:
    return "2.5GT/s";
  case 2:
    return "5GT/s";
  case 3:
    return "8GT/s";
  case 4:
    return "16GT/s";
  case 5:
    return "32GT/s";
  case 6:
    return "64GT/s";
  default:
    return "";
  }
}

void render_link(json_writer& out, const model::pcie_link& link) {
  if (link.generation != 0 && link.width != 0) {
    out.field("pcie_info", fmt::format("{} x{}", line_speed(link.generation), link.width));
  }
}

void render_facts(json_writer& out, const model::device_info& info) {
  out.field("model", info.model);
  out.field_unless_empty("vendor", info.vendor);
  out.field("addr", short_string(info.address));
  out.field("pci_address", to_string(info.address));
  out.field("vendor_device_id", to_string(info.vendor_device));
}

void render_topology(json_writer& out, const model::device_info& info) {
  if (info.numa_node >= 0) {
    out.field("numa_node", info.numa_node);
  }
  if (info.iommu_group >= 0) {
    out.field("iommu_group", info.iommu_group);
  }
  out.field_unless_empty("pcie_root", info.pcie_root);
  out.field_unless_empty("pcie_switch", info.pcie_switch);
  render_link(out, info.link);
  out.field_unless_empty("fabric", info.fabric);
  if (info.fabric_module >= 0) {
    out.field("fabric_module", info.fabric_module);
  }
  out.field("class_code", fmt::format("{:06x}", info.class_code));
  out.field_unless_empty("allocation_unit", info.allocation_unit);
  out.key("companions");
  out.begin_array();
  for (const auto& companion : info.companions) {
    out.begin_object();
    out.field("pci_address", to_string(companion.address));
    out.field("vendor_device_id", to_string(companion.id));
    out.field("class_code", fmt::format("{:06x}", companion.class_code));
    out.end_object();
  }
  out.end_array();
  out.list<std::string>("reset_methods", info.reset_methods);
  out.list<std::uint64_t>("bar_sizes", info.bar_sizes);
  out.field("boot_vga", info.boot_vga);
}

void render_device(json_writer& out, const model::device_record& device, std::string_view host,
                   std::string_view guest, const model::server_status* guest_status) {
  const auto& reason =
      device.state_reason.empty() ? device.info.unusable_reason : device.state_reason;
  out.begin_object();
  out.field("id", device.info.id);
  out.field("dev_type", to_string(device.type));
  render_facts(out, device.info);
  out.field("host_id", device.host);
  out.field_unless_empty("host", host);
  if (device.owner) {
    out.field("guest_id", *device.owner);
    out.field_unless_empty("guest", guest);
    if (guest_status != nullptr) {
      out.field("guest_status", to_string(*guest_status));
    }
  }
  out.field("state", to_string(device.state));
  out.field_unless_empty("state_reason", reason);
  out.field("state_since", device.state_since);
  out.field("enabled", device.enabled);
  out.field("present", device.present);
  render_topology(out, device.info);
  out.field("reserved_cpu", device.reserve.cpus);
  out.field("reserved_memory", device.reserve.memory_mib);
  out.field("reserved_storage", device.reserve.storage_mib);
  out.field("epoch", device.epoch);
  out.end_object();
}

void amount(json_writer& out, std::string_view name, const model::resources& what) {
  out.key(name);
  render(out, what);
}

void render_host_fields(json_writer& out, const model::host_record& host) {
  out.field("id", host.id);
  out.field("name", host.name);
  out.field_unless_empty("machine", host.machine);
  out.field_unless_empty("agent_version", host.agent_version);
  out.field("status", to_string(host.status));
  out.field("settled", host.settled);
  out.field("enabled", host.enabled);
  out.field("maintenance", host.maintenance);
  out.list<std::string>("tags", host.tags);
  out.field("hot_plug", host.hot_plug);
  out.field("numa_nodes", host.numa_nodes);
  amount(out, "capacity", host.capacity);
  amount(out, "reserve", host.reserve);
  out.field("cpu_overcommit", host.cpu_overcommit_milli);
  out.field("memory_overcommit", host.memory_overcommit_milli);
  render_partitions(out, host.partitions);
  out.field("last_seen", host.last_seen);
  out.field("generation", host.generation);
}

} // namespace

void render_partitions(json_writer& out, const std::vector<model::fabric_partition>& partitions) {
  out.key("fabric_partitions");
  out.begin_array();
  for (const auto& partition : partitions) {
    out.begin_object();
    out.field("fabric", partition.fabric);
    out.field("id", partition.id);
    out.list<int>("modules", partition.modules);
    out.end_object();
  }
  out.end_array();
}

void render(json_writer& out, const model::resources& what) {
  out.begin_object();
  out.field("cpus", what.cpus);
  out.field("memory_mib", what.memory_mib);
  out.field("storage_mib", what.storage_mib);
  out.end_object();
}

void render(json_writer& out, const model::device_record& device) {
  render_device(out, device, {}, {}, nullptr);
}

void render(json_writer& out, const model::device_row& row) {
  render_device(out, row.device, row.host_name, row.server_name,
                row.owner_status ? &*row.owner_status : nullptr);
}

void render(json_writer& out, const model::host_record& host) {
  out.begin_object();
  render_host_fields(out, host);
  out.end_object();
}

void render(json_writer& out, const model::host_row& row) {
  out.begin_object();
  render_host_fields(out, row.host);
  amount(out, "used", row.used);
  amount(out, "gpu_reserved", row.gpu_reserved);
  amount(out, "free", row.free);
  amount(out, "free_for_gpu", row.free_for_gpu);
  out.field("devices", row.devices);
  out.field("devices_free", row.devices_free);
  out.field("servers", row.servers);
  out.end_object();
}

void render(json_writer& out, const model::usage& usage) {
  out.begin_object();
  out.field("hosts", usage.hosts);
  out.field("hosts_online", usage.hosts_online);
  out.field("servers", usage.servers);
  out.field("devices", usage.devices);
  out.field("devices_free", usage.devices_free);
  out.field("devices_allocated", usage.devices_allocated);
  out.field("sequence", usage.sequence);
  out.end_object();
}

} // namespace berth::api
