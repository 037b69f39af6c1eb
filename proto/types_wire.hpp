#pragma once

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/plan.hpp"
#include "model/request.hpp"
#include "model/server.hpp"
#include "proto/types.pb.h"
#include "proto/wire_reader.hpp"

namespace berth::proto {

// Conversions of the shared messages. Internal to proto/. `write` fills a cleared message, `read`
// fills a default-constructed value and reports to the reader.

void write(const model::resources& in, v1::Resources& out);
void write(const model::pci_address& in, v1::PciAddress& out);
void write(const model::vendor_device_id& in, v1::VendorDevice& out);
void write(const model::pci_function& in, v1::PciFunction& out);
void write(const model::device_selector& in, v1::DeviceSelector& out);
void write(const model::disk_spec& in, v1::DiskSpec& out);
void write(const model::rule_verdict& in, v1::RuleVerdict& out);
void write(const model::suggestion& in, v1::Suggestion& out);
void write(const model::score_part& in, v1::ScorePart& out);
void write(const model::device_info& in, v1::DeviceInfo& out);
void write(const model::device_record& in, v1::DeviceRecord& out);
void write(const model::fabric_partition& in, v1::FabricPartition& out);
void write(const model::host_info& in, v1::HostInfo& out);
void write(const model::host_record& in, v1::HostRecord& out);
void write(const model::device_request& in, v1::DeviceRequest& out);
void write(const model::server_spec& in, v1::ServerSpec& out);
void write(const model::attachment& in, v1::Attachment& out);
void write(const model::refusal& in, v1::Refusal& out);
void write(const model::placement_reason& in, v1::PlacementReason& out);
void write(const model::reservation& in, v1::Reservation& out);
void write(const model::server_record& in, v1::ServerRecord& out);

void read(wire_reader& reader, const v1::Resources& in, model::resources& out);
void read(wire_reader& reader, const v1::PciAddress& in, model::pci_address& out);
void read(wire_reader& reader, const v1::VendorDevice& in, model::vendor_device_id& out);
void read(wire_reader& reader, const v1::PciFunction& in, model::pci_function& out);
void read(wire_reader& reader, const v1::PcieLink& in, model::pcie_link& out);
void read(wire_reader& reader, const v1::DeviceSelector& in, model::device_selector& out);
void read(wire_reader& reader, const v1::TopologyWishes& in, model::topology_wishes& out);
void read(wire_reader& reader, const v1::TagWishes& in, model::tag_wishes& out);
void read(wire_reader& reader, const v1::DiskSpec& in, model::disk_spec& out);
void read(wire_reader& reader, const v1::Shortfall& in, model::shortfall& out);
void read(wire_reader& reader, const v1::RuleVerdict& in, model::rule_verdict& out);
void read(wire_reader& reader, const v1::Suggestion& in, model::suggestion& out);
void read(wire_reader& reader, const v1::ScorePart& in, model::score_part& out);
void read(wire_reader& reader, const v1::RunnerUp& in, model::runner_up& out);
void read(wire_reader& reader, const v1::DeviceInfo& in, model::device_info& out);
void read(wire_reader& reader, const v1::DeviceRecord& in, model::device_record& out);
void read(wire_reader& reader, const v1::FabricPartition& in, model::fabric_partition& out);
void read(wire_reader& reader, const v1::HostInfo& in, model::host_info& out);
void read(wire_reader& reader, const v1::HostRecord& in, model::host_record& out);
void read(wire_reader& reader, const v1::DeviceRequest& in, model::device_request& out);
void read(wire_reader& reader, const v1::ServerSpec& in, model::server_spec& out);
void read(wire_reader& reader, const v1::Attachment& in, model::attachment& out);
void read(wire_reader& reader, const v1::Refusal& in, model::refusal& out);
void read(wire_reader& reader, const v1::PlacementReason& in, model::placement_reason& out);
void read(wire_reader& reader, const v1::Reservation& in, model::reservation& out);
void read(wire_reader& reader, const v1::ServerRecord& in, model::server_record& out);

template <class Tag> void write_id(const model::strong_id<Tag>& id, std::string* out) {
  const auto bytes = id.value.bytes();
  out->assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}
[[nodiscard]] inline std::int64_t nanoseconds(model::timestamp at) {
  return at.time_since_epoch().count();
}
template <class Model, class Repeated>
void write_each(const std::vector<Model>& in, Repeated* out) {
  for (const Model& entry : in)
    write(entry, *out->Add());
}
template <class Repeated> void write_texts(const std::vector<std::string>& in, Repeated* out) {
  for (const std::string& entry : in)
    *out->Add() = entry;
}

} // namespace berth::proto
