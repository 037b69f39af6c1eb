#include "proto/types_wire.hpp"

namespace berth::proto {

void write(const model::pci_function& in, v1::PciFunction& out) {
  write(in.address, *out.mutable_address());
  write(in.id, *out.mutable_id());
  out.set_class_code(in.class_code);
}

void write(const model::device_selector& in, v1::DeviceSelector& out) {
  out.set_model(in.model);
  out.set_vendor(in.vendor);
  if (in.type)
    out.set_type(to_wire(*in.type));
  if (in.vendor_device)
    write(*in.vendor_device, *out.mutable_vendor_device());
}

void write(const model::disk_spec& in, v1::DiskSpec& out) {
  out.set_size_mib(in.size_mib);
  out.set_image(in.image);
}

void write(const model::rule_verdict& in, v1::RuleVerdict& out) {
  out.set_rule(in.rule);
  out.set_hosts_excluded(in.hosts_excluded);
  if (in.nearest)
    write_id(*in.nearest, out.mutable_nearest());
  out.set_nearest_name(in.nearest_name);
  v1::Shortfall& miss = *out.mutable_miss();
  miss.set_used(in.miss.used);
  miss.set_requested(in.miss.requested);
  miss.set_capacity(in.miss.capacity);
  miss.set_text(in.miss.text);
}

void write(const model::suggestion& in, v1::Suggestion& out) {
  out.set_change(in.change);
  write_id(in.host, out.mutable_host());
  out.set_host_name(in.host_name);
}

void write(const model::score_part& in, v1::ScorePart& out) {
  out.set_rule(in.rule);
  out.set_points(in.points);
  out.set_reason(in.reason);
}

void read(wire_reader& reader, const v1::PciFunction& in, model::pci_function& out) {
  reader.nested("address", in.has_address(), in.address(), out.address);
  reader.nested("id", in.has_id(), in.id(), out.id);
  reader.bounded("class_code", in.class_code(), out.class_code, 0xFFFFFF);
}

void read(wire_reader& reader, const v1::PcieLink& in, model::pcie_link& out) {
  reader.small("generation", in.generation(), out.generation);
  reader.small("width", in.width(), out.width);
}

void read(wire_reader& reader, const v1::DeviceSelector& in, model::device_selector& out) {
  reader.text("model", in.model(), out.model);
  reader.text("vendor", in.vendor(), out.vendor);
  if (in.has_type())
    reader.choice("type", in.type(), out.type.emplace());
  if (in.has_vendor_device())
    reader.nested("vendor_device", true, in.vendor_device(), out.vendor_device.emplace());
}

void read(wire_reader& reader, const v1::TopologyWishes& in, model::topology_wishes& out) {
  reader.choice("numa", in.numa(), out.numa);
  if (in.pcie_root() != v1::WISH_UNSPECIFIED)
    reader.choice("pcie_root", in.pcie_root(), out.pcie_root);
  reader.choice("pcie_switch", in.pcie_switch(), out.pcie_switch);
  reader.choice("fabric", in.fabric(), out.fabric);
}

void read(wire_reader& reader, const v1::TagWishes& in, model::tag_wishes& out) {
  reader.texts("require", in.require(), out.require);
  reader.texts("prefer", in.prefer(), out.prefer);
  reader.texts("avoid", in.avoid(), out.avoid);
}

void read(wire_reader& reader, const v1::DiskSpec& in, model::disk_spec& out) {
  out.size_mib = in.size_mib();
  reader.text("image", in.image(), out.image);
}

void read(wire_reader& reader, const v1::Shortfall& in, model::shortfall& out) {
  out.used = in.used();
  out.requested = in.requested();
  out.capacity = in.capacity();
  reader.text("text", in.text(), out.text);
}

void read(wire_reader& reader, const v1::RuleVerdict& in, model::rule_verdict& out) {
  reader.text("rule", in.rule(), out.rule);
  out.hosts_excluded = in.hosts_excluded();
  reader.id("nearest", in.has_nearest(), in.nearest(), out.nearest);
  reader.text("nearest_name", in.nearest_name(), out.nearest_name);
  reader.nested("miss", in.has_miss(), in.miss(), out.miss);
}

void read(wire_reader& reader, const v1::Suggestion& in, model::suggestion& out) {
  reader.text("change", in.change(), out.change);
  reader.id("host", in.host(), out.host);
  reader.text("host_name", in.host_name(), out.host_name);
}

void read(wire_reader& reader, const v1::ScorePart& in, model::score_part& out) {
  reader.text("rule", in.rule(), out.rule);
  out.points = in.points();
  reader.text("reason", in.reason(), out.reason);
}

void read(wire_reader& reader, const v1::RunnerUp& in, model::runner_up& out) {
  reader.id("host", in.host(), out.host);
  reader.text("host_name", in.host_name(), out.host_name);
  reader.text("decided_by", in.decided_by(), out.decided_by);
  out.points = in.points();
  out.winner_points = in.winner_points();
}

namespace {

void read_metadata(wire_reader& reader, const v1::ServerSpec& in, model::server_spec& out) {
  for (const v1::KeyValue& entry : in.metadata()) {
    std::string key;
    std::string value;
    reader.known(entry);
    reader.text("metadata", entry.key(), key);
    reader.text("metadata", entry.value(), value);
    if (!out.metadata.empty() && out.metadata.rbegin()->first >= key)
      return reader.refuse("metadata", "is not in ascending order of its keys");
    out.metadata.emplace_hint(out.metadata.end(), std::move(key), std::move(value));
  }
}

} // namespace

void write(const model::resources& in, v1::Resources& out) {
  out.set_cpus(in.cpus);
  out.set_memory_mib(in.memory_mib);
  out.set_storage_mib(in.storage_mib);
}

void write(const model::pci_address& in, v1::PciAddress& out) {
  out.set_domain(in.domain);
  out.set_bus(in.bus);
  out.set_device(in.device);
  out.set_function(in.function);
}

void write(const model::vendor_device_id& in, v1::VendorDevice& out) {
  out.set_vendor(in.vendor);
  out.set_device(in.device);
}

void write(const model::device_info& in, v1::DeviceInfo& out) {
  write_id(in.id, out.mutable_id());
  write(in.address, *out.mutable_address());
  write(in.vendor_device, *out.mutable_vendor_device());
  out.set_class_code(in.class_code);
  out.set_vendor(in.vendor);
  out.set_model(in.model);
  out.set_default_type(to_wire(in.default_type));
  write_each(in.companions, out.mutable_companions());
  out.set_numa_node(in.numa_node);
  out.set_iommu_group(in.iommu_group);
  out.set_pcie_root(in.pcie_root);
  out.set_pcie_switch(in.pcie_switch);
  out.set_fabric(in.fabric);
  out.set_fabric_module(in.fabric_module);
  out.mutable_link()->set_generation(in.link.generation);
  out.mutable_link()->set_width(in.link.width);
  out.mutable_bar_sizes()->Add(in.bar_sizes.begin(), in.bar_sizes.end());
  write_texts(in.reset_methods, out.mutable_reset_methods());
  out.set_boot_vga(in.boot_vga);
  out.set_allocation_unit(in.allocation_unit);
  out.set_unusable_reason(in.unusable_reason);
}

void write(const model::device_record& in, v1::DeviceRecord& out) {
  write(in.info, *out.mutable_info());
  write_id(in.host, out.mutable_host());
  out.set_type(to_wire(in.type));
  write(in.reserve, *out.mutable_reserve());
  out.set_enabled(in.enabled);
  out.set_state(to_wire(in.state));
  out.set_state_reason(in.state_reason);
  out.set_state_since(nanoseconds(in.state_since));
  out.set_epoch(in.epoch);
  out.set_obeyed(in.obeyed);
  if (in.owner)
    write_id(*in.owner, out.mutable_owner());
  out.set_present(in.present);
  out.set_created(in.created);
}

void write(const model::fabric_partition& in, v1::FabricPartition& out) {
  out.set_fabric(in.fabric);
  out.set_id(in.id);
  out.mutable_modules()->Add(in.modules.begin(), in.modules.end());
}

void write(const model::host_info& in, v1::HostInfo& out) {
  write_id(in.id, out.mutable_id());
  out.set_name(in.name);
  out.set_machine(in.machine);
  out.set_agent_version(in.agent_version);
  write(in.capacity, *out.mutable_capacity());
  out.set_numa_nodes(in.numa_nodes);
  write_each(in.devices, out.mutable_devices());
  write_each(in.partitions, out.mutable_partitions());
  out.set_hot_plug(in.hot_plug);
}

void write(const model::host_record& in, v1::HostRecord& out) {
  write_id(in.id, out.mutable_id());
  out.set_name(in.name);
  out.set_machine(in.machine);
  out.set_agent_version(in.agent_version);
  write(in.capacity, *out.mutable_capacity());
  out.set_numa_nodes(in.numa_nodes);
  write_each(in.partitions, out.mutable_partitions());
  out.set_hot_plug(in.hot_plug);
  out.set_enabled(in.enabled);
  out.set_maintenance(in.maintenance);
  write_texts(in.tags, out.mutable_tags());
  write(in.reserve, *out.mutable_reserve());
  out.set_cpu_overcommit_milli(in.cpu_overcommit_milli);
  out.set_memory_overcommit_milli(in.memory_overcommit_milli);
  out.set_status(to_wire(in.status));
  out.set_settled(in.settled);
  write_id(in.incarnation, out.mutable_incarnation());
  out.set_last_seen(nanoseconds(in.last_seen));
  out.set_generation(in.generation);
  out.set_created(in.created);
}

void write(const model::device_request& in, v1::DeviceRequest& out) {
  if (in.id)
    write_id(*in.id, out.mutable_id());
  out.set_count(in.count);
  write_each(in.alternatives, out.mutable_alternatives());
}

void write(const model::server_spec& in, v1::ServerSpec& out) {
  out.set_name(in.name);
  out.set_project(in.project);
  out.set_hypervisor(in.hypervisor);
  out.set_vcpus(in.vcpus);
  out.set_memory_mib(in.memory_mib);
  write_each(in.disks, out.mutable_disks());
  write_texts(in.networks, out.mutable_networks());
  out.set_boot(to_wire(in.boot));
  out.set_os(in.os);
  write_each(in.devices, out.mutable_devices());
  v1::TopologyWishes& topology = *out.mutable_topology();
  topology.set_numa(to_wire(in.topology.numa));
  topology.set_pcie_root(to_wire(in.topology.pcie_root));
  topology.set_pcie_switch(to_wire(in.topology.pcie_switch));
  topology.set_fabric(to_wire(in.topology.fabric));
  v1::TagWishes& tags = *out.mutable_tags();
  write_texts(in.tags.require, tags.mutable_require());
  write_texts(in.tags.prefer, tags.mutable_prefer());
  write_texts(in.tags.avoid, tags.mutable_avoid());
  out.set_anti_affinity_group(in.anti_affinity_group);
  if (in.host)
    write_id(*in.host, out.mutable_host());
  if (in.preferred_host)
    write_id(*in.preferred_host, out.mutable_preferred_host());
  out.set_auto_start(in.auto_start);
  for (const auto& [key, value] : in.metadata) {
    v1::KeyValue& entry = *out.add_metadata();
    entry.set_key(key);
    entry.set_value(value);
  }
  out.set_priority(in.priority);
  if (in.wait_for_capacity)
    out.set_wait_for_capacity(in.wait_for_capacity->count());
  if (in.lifetime)
    out.set_lifetime(in.lifetime->count());
  out.set_user_data(in.user_data);
  write_texts(in.qemu_arguments, out.mutable_qemu_arguments());
}

void write(const model::attachment& in, v1::Attachment& out) {
  write_id(in.device, out.mutable_device());
  out.set_epoch(in.epoch);
  out.set_type(to_wire(in.type));
}

void write(const model::refusal& in, v1::Refusal& out) {
  out.set_hosts_considered(in.hosts_considered);
  write_each(in.rules, out.mutable_rules());
  write_each(in.suggestions, out.mutable_suggestions());
}

void write(const model::placement_reason& in, v1::PlacementReason& out) {
  out.set_policy(in.policy);
  write_each(in.scores, out.mutable_scores());
  if (in.next) {
    v1::RunnerUp& next = *out.mutable_next();
    write_id(in.next->host, next.mutable_host());
    next.set_host_name(in.next->host_name);
    next.set_decided_by(in.next->decided_by);
    next.set_points(in.next->points);
    next.set_winner_points(in.next->winner_points);
  }
}
void write(const model::reservation& in, v1::Reservation& out) {
  write_id(in.host, out.mutable_host());
  if (in.starts_at)
    out.set_starts_at(nanoseconds(*in.starts_at));
  out.set_since(nanoseconds(in.since));
}

void write(const model::server_record& in, v1::ServerRecord& out) {
  write_id(in.id, out.mutable_id());
  write(*in.spec, *out.mutable_spec());
  out.set_status(to_wire(in.status));
  out.set_status_reason(in.status_reason);
  out.set_desired_power(to_wire(in.desired_power));
  if (in.host)
    write_id(*in.host, out.mutable_host());
  write_each(in.attachments, out.mutable_attachments());
  if (in.why_refused)
    write(*in.why_refused, *out.mutable_why_refused());
  if (in.why_placed)
    write(*in.why_placed, *out.mutable_why_placed());
  out.set_created_at(nanoseconds(in.created_at));
  out.set_updated_at(nanoseconds(in.updated_at));
  out.set_restarts(in.restarts);
  out.set_deleting(in.deleting);
  out.set_created(in.created);
  if (in.ends_at)
    out.set_ends_at(nanoseconds(*in.ends_at));
  if (in.reserved)
    write(*in.reserved, *out.mutable_reserved());
}

void read(wire_reader&, const v1::Resources& in, model::resources& out) {
  out = {in.cpus(), in.memory_mib(), in.storage_mib()};
}

void read(wire_reader& reader, const v1::PciAddress& in, model::pci_address& out) {
  out.domain = in.domain();
  reader.small("bus", in.bus(), out.bus);
  reader.bounded("device", in.device(), out.device, 31);
  reader.bounded("function", in.function(), out.function, 7);
}

void read(wire_reader& reader, const v1::VendorDevice& in, model::vendor_device_id& out) {
  reader.small("vendor", in.vendor(), out.vendor);
  reader.small("device", in.device(), out.device);
}

void read(wire_reader& reader, const v1::DeviceInfo& in, model::device_info& out) {
  reader.id("id", in.id(), out.id);
  reader.nested("address", in.has_address(), in.address(), out.address);
  reader.nested("vendor_device", in.has_vendor_device(), in.vendor_device(), out.vendor_device);
  reader.bounded("class_code", in.class_code(), out.class_code, 0xFFFFFF);
  reader.text("vendor", in.vendor(), out.vendor);
  reader.text("model", in.model(), out.model);
  reader.choice("default_type", in.default_type(), out.default_type);
  reader.each("companions", in.companions(), out.companions);
  out.numa_node = in.numa_node();
  out.iommu_group = in.iommu_group();
  reader.text("pcie_root", in.pcie_root(), out.pcie_root);
  reader.text("pcie_switch", in.pcie_switch(), out.pcie_switch);
  reader.text("fabric", in.fabric(), out.fabric);
  out.fabric_module = in.fabric_module();
  reader.nested("link", in.has_link(), in.link(), out.link);
  out.bar_sizes.assign(in.bar_sizes().begin(), in.bar_sizes().end());
  reader.texts("reset_methods", in.reset_methods(), out.reset_methods);
  out.boot_vga = in.boot_vga();
  reader.text("allocation_unit", in.allocation_unit(), out.allocation_unit);
  reader.text("unusable_reason", in.unusable_reason(), out.unusable_reason);
}

void read(wire_reader& reader, const v1::DeviceRecord& in, model::device_record& out) {
  reader.nested("info", in.has_info(), in.info(), out.info);
  reader.id("host", in.host(), out.host);
  reader.choice("type", in.type(), out.type);
  reader.nested("reserve", in.has_reserve(), in.reserve(), out.reserve);
  out.enabled = in.enabled();
  reader.choice("state", in.state(), out.state);
  reader.text("state_reason", in.state_reason(), out.state_reason);
  reader.time(in.state_since(), out.state_since);
  out.epoch = in.epoch();
  out.obeyed = in.obeyed();
  reader.id("owner", in.has_owner(), in.owner(), out.owner);
  out.present = in.present();
  out.created = in.created();
}

void read(wire_reader& reader, const v1::FabricPartition& in, model::fabric_partition& out) {
  reader.text("fabric", in.fabric(), out.fabric);
  out.id = in.id();
  out.modules.assign(in.modules().begin(), in.modules().end());
}

void read(wire_reader& reader, const v1::HostInfo& in, model::host_info& out) {
  reader.id("id", in.id(), out.id);
  reader.text("name", in.name(), out.name);
  reader.text("machine", in.machine(), out.machine);
  reader.text("agent_version", in.agent_version(), out.agent_version);
  reader.nested("capacity", in.has_capacity(), in.capacity(), out.capacity);
  out.numa_nodes = in.numa_nodes();
  reader.each("devices", in.devices(), out.devices);
  reader.each("partitions", in.partitions(), out.partitions);
  out.hot_plug = in.hot_plug();
}

void read(wire_reader& reader, const v1::HostRecord& in, model::host_record& out) {
  reader.id("id", in.id(), out.id);
  reader.text("name", in.name(), out.name);
  reader.text("machine", in.machine(), out.machine);
  reader.text("agent_version", in.agent_version(), out.agent_version);
  reader.nested("capacity", in.has_capacity(), in.capacity(), out.capacity);
  out.numa_nodes = in.numa_nodes();
  reader.each("partitions", in.partitions(), out.partitions);
  out.hot_plug = in.hot_plug();
  out.enabled = in.enabled();
  out.maintenance = in.maintenance();
  reader.texts("tags", in.tags(), out.tags);
  reader.nested("reserve", in.has_reserve(), in.reserve(), out.reserve);
  out.cpu_overcommit_milli = in.cpu_overcommit_milli();
  out.memory_overcommit_milli = in.memory_overcommit_milli();
  reader.choice("status", in.status(), out.status);
  out.settled = in.settled();
  reader.id("incarnation", in.incarnation(), out.incarnation);
  reader.time(in.last_seen(), out.last_seen);
  out.generation = in.generation();
  out.created = in.created();
}

void read(wire_reader& reader, const v1::DeviceRequest& in, model::device_request& out) {
  reader.id("id", in.has_id(), in.id(), out.id);
  out.count = in.count();
  reader.each("alternatives", in.alternatives(), out.alternatives);
}

void read(wire_reader& reader, const v1::ServerSpec& in, model::server_spec& out) {
  reader.text("name", in.name(), out.name);
  reader.text("project", in.project(), out.project);
  reader.text("hypervisor", in.hypervisor(), out.hypervisor);
  out.vcpus = in.vcpus();
  out.memory_mib = in.memory_mib();
  reader.each("disks", in.disks(), out.disks);
  reader.texts("networks", in.networks(), out.networks);
  reader.choice("boot", in.boot(), out.boot);
  reader.text("os", in.os(), out.os);
  reader.each("devices", in.devices(), out.devices);
  reader.nested("topology", in.has_topology(), in.topology(), out.topology);
  reader.nested("tags", in.has_tags(), in.tags(), out.tags);
  reader.text("anti_affinity_group", in.anti_affinity_group(), out.anti_affinity_group);
  reader.id("host", in.has_host(), in.host(), out.host);
  reader.id("preferred_host", in.has_preferred_host(), in.preferred_host(), out.preferred_host);
  out.auto_start = in.auto_start();
  read_metadata(reader, in, out);
  out.priority = in.priority();
  if (in.has_wait_for_capacity())
    out.wait_for_capacity = model::duration{in.wait_for_capacity()};
  if (in.has_lifetime())
    out.lifetime = model::duration{in.lifetime()};
  reader.text("user_data", in.user_data(), out.user_data);
  reader.texts("qemu_arguments", in.qemu_arguments(), out.qemu_arguments);
}

void read(wire_reader& reader, const v1::Attachment& in, model::attachment& out) {
  reader.id("device", in.device(), out.device);
  out.epoch = in.epoch();
  reader.choice("type", in.type(), out.type);
}

void read(wire_reader& reader, const v1::Refusal& in, model::refusal& out) {
  out.hosts_considered = in.hosts_considered();
  reader.each("rules", in.rules(), out.rules);
  reader.each("suggestions", in.suggestions(), out.suggestions);
}

void read(wire_reader& reader, const v1::PlacementReason& in, model::placement_reason& out) {
  reader.text("policy", in.policy(), out.policy);
  reader.each("scores", in.scores(), out.scores);
  if (in.has_next())
    reader.nested("next", true, in.next(), out.next.emplace());
}
void read(wire_reader& reader, const v1::Reservation& in, model::reservation& out) {
  reader.id("host", in.host(), out.host);
  if (in.has_starts_at())
    reader.time(in.starts_at(), out.starts_at.emplace());
  reader.time(in.since(), out.since);
}

void read(wire_reader& reader, const v1::ServerRecord& in, model::server_record& out) {
  reader.id("id", in.id(), out.id);
  reader.nested("spec", in.has_spec(), in.spec(), out.spec);
  reader.choice("status", in.status(), out.status);
  reader.text("status_reason", in.status_reason(), out.status_reason);
  reader.choice("desired_power", in.desired_power(), out.desired_power);
  reader.id("host", in.has_host(), in.host(), out.host);
  reader.each("attachments", in.attachments(), out.attachments);
  if (in.has_why_refused())
    reader.nested("why_refused", true, in.why_refused(), out.why_refused.emplace());
  if (in.has_why_placed())
    reader.nested("why_placed", true, in.why_placed(), out.why_placed.emplace());
  reader.time(in.created_at(), out.created_at);
  reader.time(in.updated_at(), out.updated_at);
  out.restarts = in.restarts();
  out.deleting = in.deleting();
  out.created = in.created();
  if (in.has_ends_at())
    reader.time(in.ends_at(), out.ends_at.emplace());
  if (in.has_reserved())
    reader.nested("reserved", true, in.reserved(), out.reserved.emplace());
}

} // namespace berth::proto
