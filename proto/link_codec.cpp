#include "proto/link_codec.hpp"

#include <type_traits>
#include <utility>

#include <google/protobuf/arena.h>

#include "proto/link.pb.h"
#include "proto/types_wire.hpp"
#include "proto/wire_bytes.hpp"

namespace berth::proto {

static void write(const model::link_header& in, v1::LinkHeader& out) {
  write_id(in.incarnation, out.mutable_incarnation());
  out.set_leader(in.leader);
  out.set_sequence(in.sequence);
}

static void write(const model::desired_server& in, v1::DesiredServer& out) {
  write_id(in.id, out.mutable_id());
  write(*in.spec, *out.mutable_spec());
  out.set_desired_power(to_wire(in.desired_power));
  out.set_restarts(in.restarts);
  write_each(in.attachments, out.mutable_attachments());
}
static void write(const model::desired_device& in, v1::DesiredDevice& out) {
  write_id(in.id, out.mutable_id());
  out.set_epoch(in.epoch);
  if (in.owner)
    write_id(*in.owner, out.mutable_owner());
  out.set_enabled(in.enabled);
}
static void write(const model::plug_failure& in, v1::PlugFailure& out) {
  write_id(in.device, out.mutable_device());
  out.set_epoch(in.epoch);
  out.set_reason(in.reason);
}
static void write(const model::observed_server& in, v1::ObservedServer& out) {
  write_id(in.id, out.mutable_id());
  out.set_status(to_wire(in.status));
  out.set_reason(in.reason);
  for (const model::plug_failure& failure : in.plug_failures)
    write(failure, *out.add_plug_failures());
}
static void write(const model::observed_device& in, v1::ObservedDevice& out) {
  write_id(in.id, out.mutable_id());
  out.set_state(to_wire(in.state));
  out.set_reason(in.reason);
  out.set_obeyed(in.obeyed);
  out.set_evidence(in.evidence);
}

// Each message of a direction goes into its alternative of the frame.
static void put(const model::link_welcome& in, v1::ToHostFrame& frame) {
  v1::LinkWelcome& out = *frame.mutable_link_welcome();
  out.set_leader(in.leader);
  out.set_heartbeat_interval(in.heartbeat_interval.count());
  out.set_lease(in.lease.count());
}
static void put(const model::desired_state& in, v1::ToHostFrame& frame) {
  v1::DesiredState& out = *frame.mutable_desired_state();
  out.set_leader(in.leader);
  out.set_generation(in.generation);
  for (const model::desired_server& server : in.servers)
    write(server, *out.add_servers());
  for (const model::desired_device& device : in.devices)
    write(device, *out.add_devices());
  for (const model::server_id& removal : in.removals)
    write_id(removal, out.add_removals());
}
static void put(const model::probe_request&, v1::ToHostFrame& frame) {
  frame.mutable_probe_request();
}
static void put(const model::report_acknowledged& in, v1::ToHostFrame& frame) {
  frame.mutable_report_acknowledged()->set_report(in.report);
}
static void put(const model::full_report_request&, v1::ToHostFrame& frame) {
  frame.mutable_full_report_request();
}
static void put(const model::link_hello& in, v1::FromHostFrame& frame) {
  v1::LinkHello& out = *frame.mutable_link_hello();
  write(in.info, *out.mutable_info());
  out.set_protocol(in.protocol);
}
static void put(const model::link_heartbeat&, v1::FromHostFrame& frame) {
  frame.mutable_link_heartbeat();
}
static void put(const model::inventory_report& in, v1::FromHostFrame& frame) {
  write(in.info, *frame.mutable_inventory_report()->mutable_info());
}
static void put(const model::observed_state& in, v1::FromHostFrame& frame) {
  v1::ObservedState& out = *frame.mutable_observed_state();
  out.set_report(in.report);
  out.set_generation(in.generation);
  out.set_full(in.full);
  for (const model::observed_server& server : in.servers)
    write(server, *out.add_servers());
  for (const model::server_id& gone : in.gone)
    write_id(gone, out.add_gone());
  for (const model::observed_device& device : in.devices)
    write(device, *out.add_devices());
  if (in.unknown_domains)
    for (auto* out_names = out.mutable_unknown_domains(); const auto& name : *in.unknown_domains)
      out_names->add_names(name);
}

static void read(wire_reader& reader, const v1::LinkHeader& in, model::link_header& out) {
  reader.id("incarnation", in.incarnation(), out.incarnation);
  out.leader = in.leader();
  out.sequence = in.sequence();
}
static void read(wire_reader&, const v1::LinkWelcome& in, model::link_welcome& out) {
  out.leader = in.leader();
  out.heartbeat_interval = model::duration{in.heartbeat_interval()};
  out.lease = model::duration{in.lease()};
}
static void read(wire_reader& reader, const v1::DesiredServer& in, model::desired_server& out) {
  reader.id("id", in.id(), out.id);
  reader.nested("spec", in.has_spec(), in.spec(), out.spec);
  reader.choice("desired_power", in.desired_power(), out.desired_power);
  out.restarts = in.restarts();
  reader.each("attachments", in.attachments(), out.attachments);
}
static void read(wire_reader& reader, const v1::DesiredDevice& in, model::desired_device& out) {
  reader.id("id", in.id(), out.id);
  out.epoch = in.epoch();
  reader.id("owner", in.has_owner(), in.owner(), out.owner);
  out.enabled = in.enabled();
}
static void read(wire_reader& reader, const v1::DesiredState& in, model::desired_state& out) {
  out.leader = in.leader();
  out.generation = in.generation();
  reader.each("servers", in.servers(), out.servers);
  reader.each("devices", in.devices(), out.devices);
  reader.ids("removals", in.removals(), out.removals);
}
static void read(wire_reader&, const v1::ReportAcknowledged& in, model::report_acknowledged& out) {
  out.report = in.report();
}
static void read(wire_reader& reader, const v1::LinkHello& in, model::link_hello& out) {
  reader.nested("info", in.has_info(), in.info(), out.info);
  reader.text("protocol", in.protocol(), out.protocol);
}
static void read(wire_reader& reader, const v1::InventoryReport& in, model::inventory_report& out) {
  reader.nested("info", in.has_info(), in.info(), out.info);
}
static void read(wire_reader& reader, const v1::PlugFailure& in, model::plug_failure& out) {
  reader.id("device", in.device(), out.device);
  out.epoch = in.epoch();
  reader.text("reason", in.reason(), out.reason);
}
static void read(wire_reader& reader, const v1::ObservedServer& in, model::observed_server& out) {
  reader.id("id", in.id(), out.id);
  reader.choice("status", in.status(), out.status);
  reader.text("reason", in.reason(), out.reason);
  reader.each("plug_failures", in.plug_failures(), out.plug_failures);
}
static void read(wire_reader& reader, const v1::ObservedDevice& in, model::observed_device& out) {
  reader.id("id", in.id(), out.id);
  reader.choice("state", in.state(), out.state);
  reader.text("reason", in.reason(), out.reason);
  out.obeyed = in.obeyed();
  reader.text("evidence", in.evidence(), out.evidence);
}
static void read(wire_reader& reader, const v1::UnknownDomains& in, std::vector<std::string>& out) {
  if (static_cast<std::size_t>(in.names_size()) > model::unknown_domains_max)
    return reader.refuse("names", "has more than " + std::to_string(model::unknown_domains_max) +
                                      " entries");
  reader.texts("names", in.names(), out);
}
static void read(wire_reader& reader, const v1::ObservedState& in, model::observed_state& out) {
  out.report = in.report();
  out.generation = in.generation();
  out.full = in.full();
  reader.each("servers", in.servers(), out.servers);
  reader.ids("gone", in.gone(), out.gone);
  reader.each("devices", in.devices(), out.devices);
  if (in.has_unknown_domains())
    reader.nested("unknown_domains", true, in.unknown_domains(), out.unknown_domains.emplace());
}

static void read_message(wire_reader& reader, const v1::ToHostFrame& in, model::to_host& out) {
  using wire = v1::ToHostFrame;
  switch (in.message_case()) {
  case wire::kLinkWelcome:
    return reader.nested("link_welcome", true, in.link_welcome(),
                         out.emplace<model::link_welcome>());
  case wire::kDesiredState:
    return reader.nested("desired_state", true, in.desired_state(),
                         out.emplace<model::desired_state>());
  case wire::kProbeRequest:
    out.emplace<model::probe_request>();
    return;
  case wire::kReportAcknowledged:
    return reader.nested("report_acknowledged", true, in.report_acknowledged(),
                         out.emplace<model::report_acknowledged>());
  case wire::kFullReportRequest:
    out.emplace<model::full_report_request>();
    return;
  case wire::MESSAGE_NOT_SET:
    return reader.refuse("message", "is missing or of a kind that this version does not know");
  }
}

static void read_message(wire_reader& reader, const v1::FromHostFrame& in, model::from_host& out) {
  using wire = v1::FromHostFrame;
  switch (in.message_case()) {
  case wire::kLinkHello:
    return reader.nested("link_hello", true, in.link_hello(), out.emplace<model::link_hello>());
  case wire::kLinkHeartbeat:
    out.emplace<model::link_heartbeat>();
    return;
  case wire::kInventoryReport:
    return reader.nested("inventory_report", true, in.inventory_report(),
                         out.emplace<model::inventory_report>());
  case wire::kObservedState:
    return reader.nested("observed_state", true, in.observed_state(),
                         out.emplace<model::observed_state>());
  case wire::MESSAGE_NOT_SET:
    return reader.refuse("message", "is missing or of a kind that this version does not know");
  }
}

namespace {

constexpr std::size_t arena_bytes = std::size_t{8} * 1024;

google::protobuf::ArenaOptions arena_options(char* buffer) {
  google::protobuf::ArenaOptions options;
  options.initial_block = buffer;
  options.initial_block_size = arena_bytes;
  return options;
}

model::failure too_large(std::size_t bytes) {
  return {model::errc::too_large, "link frame: " + std::to_string(bytes) +
                                      " bytes, must be at most " + std::to_string(frame_bytes_max)};
}

template <class Wire, class Message>
model::result<std::string> encode_frame(const model::link_frame<Message>& frame) {
  alignas(std::max_align_t) char buffer[arena_bytes];
  google::protobuf::Arena arena{arena_options(buffer)};
  auto& out = *google::protobuf::Arena::CreateMessage<Wire>(&arena);
  write(frame.header, *out.mutable_header());
  std::visit([&](const auto& message) { put(message, out); }, frame.message);
  const std::size_t size = out.ByteSizeLong();
  if (size > frame_bytes_max)
    return tl::unexpected{too_large(size)};
  std::string bytes;
  out.SerializeWithCachedSizesToArray(grow(bytes, size));
  return bytes;
}

template <class Wire, class Message>
model::result<model::link_frame<Message>> decode_frame(std::string_view bytes) {
  if (bytes.size() > frame_bytes_max)
    return tl::unexpected{too_large(bytes.size())};
  alignas(std::max_align_t) char buffer[arena_bytes];
  google::protobuf::Arena arena{arena_options(buffer)};
  auto& in = *google::protobuf::Arena::CreateMessage<Wire>(&arena);
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return model::fail(model::errc::invalid_argument,
                       "link frame: the bytes are not a Protobuf message of berth");
  wire_reader reader{{model::errc::invalid_argument, false, true}, "link frame"};
  model::link_frame<Message> frame;
  reader.nested("header", in.has_header(), in.header(), frame.header);
  read_message(reader, in, frame.message);
  if (reader.failed())
    return tl::unexpected{reader.take_failure()};
  return frame;
}

} // namespace

model::result<std::string> encode(const model::link_frame<model::to_host>& frame) {
  return encode_frame<v1::ToHostFrame>(frame);
}

model::result<std::string> encode(const model::link_frame<model::from_host>& frame) {
  return encode_frame<v1::FromHostFrame>(frame);
}

model::result<model::link_frame<model::to_host>> decode_to_host(std::string_view bytes) {
  return decode_frame<v1::ToHostFrame, model::to_host>(bytes);
}

model::result<model::link_frame<model::from_host>> decode_from_host(std::string_view bytes) {
  return decode_frame<v1::FromHostFrame, model::from_host>(bytes);
}

} // namespace berth::proto
