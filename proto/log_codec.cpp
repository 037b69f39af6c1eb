#include "proto/log_codec.hpp"

#include <climits>
#include <utility>

#include <google/protobuf/arena.h>

#include "proto/log.pb.h"
#include "proto/types_wire.hpp"
#include "proto/wire_bytes.hpp"

// Every kind of event with the name of its message. A kind that is missing here does not compile.
#define BERTH_EVENT_KINDS(X)                                                                       \
  X(controller_started, ControllerStarted)                                                         \
  X(host_inventoried, HostInventoried)                                                             \
  X(host_status_changed, HostStatusChanged)                                                        \
  X(host_settings_changed, HostSettingsChanged)                                                    \
  X(host_removed, HostRemoved)                                                                     \
  X(server_created, ServerCreated)                                                                 \
  X(server_status_changed, ServerStatusChanged)                                                    \
  X(server_power_requested, ServerPowerRequested)                                                  \
  X(server_delete_requested, ServerDeleteRequested)                                                \
  X(server_removed, ServerRemoved)                                                                 \
  X(device_attached, DeviceAttached)                                                               \
  X(device_detached, DeviceDetached)                                                               \
  X(device_settings_changed, DeviceSettingsChanged)                                                \
  X(device_state_reported, DeviceStateReported)                                                    \
  X(device_removed, DeviceRemoved)                                                                 \
  X(request_answered, RequestAnswered)                                                             \
  X(server_placed, ServerPlaced)                                                                   \
  X(server_wait_ended, ServerWaitEnded)                                                            \
  X(server_reserved, ServerReserved)

namespace berth::proto {

static void write(const model::scheduling_in_force& in, v1::SchedulingInForce& out) {
  out.set_policy(in.policy);
  out.set_schedulers(in.schedulers);
}
static void write(const model::plan_basis& in, v1::PlanBasis& out) {
  out.set_seen(in.seen);
  out.set_scheduler(in.scheduler);
  out.set_attempts_before(in.attempt - 1);
  out.set_ago(in.ago.count());
  for (const model::host_id& host : in.avoided)
    write_id(host, out.add_avoided());
}
static void write(const model::controller_started& in, v1::ControllerStarted& out) {
  out.set_epoch(in.epoch);
  out.set_version(in.version);
  if (in.scheduling)
    write(*in.scheduling, *out.mutable_scheduling());
  for (const auto& [project, scheduling] : in.pools) {
    v1::SchedulingPool& pool = *out.add_pools();
    pool.set_project(project);
    write(scheduling, *pool.mutable_scheduling());
  }
}
static void write(const model::host_inventoried& in, v1::HostInventoried& out) {
  write(in.info, *out.mutable_info());
  write_id(in.incarnation, out.mutable_incarnation());
}
static void write(const model::host_status_changed& in, v1::HostStatusChanged& out) {
  write_id(in.host, out.mutable_host());
  out.set_status(to_wire(in.status));
  out.set_settled(in.settled);
}
static void write(const model::host_settings_changed& in, v1::HostSettingsChanged& out) {
  write_id(in.host, out.mutable_host());
  out.set_enabled(in.enabled);
  out.set_maintenance(in.maintenance);
  write_texts(in.tags, out.mutable_tags());
  write(in.reserve, *out.mutable_reserve());
  out.set_cpu_overcommit_milli(in.cpu_overcommit_milli);
  out.set_memory_overcommit_milli(in.memory_overcommit_milli);
}
static void write(const model::host_removed& in, v1::HostRemoved& out) {
  write_id(in.host, out.mutable_host());
}
static void write(const model::server_created& in, v1::ServerCreated& out) {
  write(in.server, *out.mutable_server());
  if (in.basis)
    write(*in.basis, *out.mutable_basis());
}
static void write(const model::server_status_changed& in, v1::ServerStatusChanged& out) {
  write_id(in.server, out.mutable_server());
  out.set_status(to_wire(in.status));
  out.set_reason(in.reason);
}
static void write(const model::server_power_requested& in, v1::ServerPowerRequested& out) {
  write_id(in.server, out.mutable_server());
  out.set_desired(to_wire(in.desired));
  out.set_restarts(in.restarts);
  out.set_status(to_wire(in.status));
}
static void write(const model::device_release& in, v1::DeviceRelease& out) {
  write_id(in.device, out.mutable_device());
  out.set_epoch(in.epoch);
}
static void write(const model::server_delete_requested& in, v1::ServerDeleteRequested& out) {
  write_id(in.server, out.mutable_server());
  for (const model::device_release& release : in.releases)
    write(release, *out.add_releases());
}
static void write(const model::server_removed& in, v1::ServerRemoved& out) {
  write_id(in.server, out.mutable_server());
}
static void write(const model::device_attached& in, v1::DeviceAttached& out) {
  write_id(in.server, out.mutable_server());
  write(in.device, *out.mutable_device());
}
static void write(const model::device_detached& in, v1::DeviceDetached& out) {
  write_id(in.server, out.mutable_server());
  write(in.release, *out.mutable_release());
}
static void write(const model::device_settings_changed& in, v1::DeviceSettingsChanged& out) {
  write_id(in.device, out.mutable_device());
  out.set_type(to_wire(in.type));
  write(in.reserve, *out.mutable_reserve());
  out.set_enabled(in.enabled);
}
static void write(const model::device_state_reported& in, v1::DeviceStateReported& out) {
  write_id(in.device, out.mutable_device());
  out.set_state(to_wire(in.state));
  out.set_reason(in.reason);
  out.set_obeyed(in.obeyed);
  out.set_evidence(in.evidence);
}
static void write(const model::device_removed& in, v1::DeviceRemoved& out) {
  write_id(in.device, out.mutable_device());
}
static void write(const model::request_answered& in, v1::RequestAnswered& out) {
  out.set_key(in.key);
  out.set_fingerprint(in.fingerprint);
  out.set_http_status(in.http_status);
  out.set_body(in.body);
}

static void write(const model::server_placed& in, v1::ServerPlaced& out) {
  write_id(in.server, out.mutable_server());
  write_id(in.host, out.mutable_host());
  for (const model::attachment& attached : in.attachments)
    write(attached, *out.add_attachments());
  if (in.ends_at)
    out.set_ends_at(nanoseconds(*in.ends_at));
  if (in.basis)
    write(*in.basis, *out.mutable_basis());
}
static void write(const model::server_wait_ended& in, v1::ServerWaitEnded& out) {
  write_id(in.server, out.mutable_server());
  out.set_reason(in.reason);
  if (in.why)
    write(*in.why, *out.mutable_why());
  if (in.basis)
    write(*in.basis, *out.mutable_basis());
}
static void write(const model::server_reserved& in, v1::ServerReserved& out) {
  write_id(in.server, out.mutable_server());
  if (in.where)
    write(*in.where, *out.mutable_where());
}

static void read(wire_reader& reader, const v1::SchedulingInForce& in,
                 model::scheduling_in_force& out) {
  reader.text("policy", in.policy(), out.policy);
  constexpr std::uint32_t schedulers_max = 1024; // far above what a controller can be set to
  reader.small("schedulers", in.schedulers(), out.schedulers, schedulers_max);
}
static void read(wire_reader& reader, const v1::SchedulingPool& in,
                 std::pair<std::string, model::scheduling_in_force>& out) {
  reader.text("project", in.project(), out.first);
  reader.nested("scheduling", in.has_scheduling(), in.scheduling(), out.second);
}
static void read(wire_reader& reader, const v1::PlanBasis& in, model::plan_basis& out) {
  out.seen = in.seen();
  out.scheduler = in.scheduler();
  constexpr std::uint32_t attempts_max = 1'000'000;
  reader.small("attempts_before", in.attempts_before(), out.attempt, attempts_max);
  ++out.attempt;
  constexpr model::duration longest = std::chrono::hours{24 * 365};
  out.ago = model::duration{in.ago()};
  if (out.ago < model::duration::zero() || out.ago > longest)
    reader.refuse("ago", "must be from 0 to a year");
  reader.ids("avoided", in.avoided(), out.avoided);
}
static void read(wire_reader& reader, const v1::ControllerStarted& in,
                 model::controller_started& out) {
  out.epoch = in.epoch();
  reader.text("version", in.version(), out.version);
  if (in.has_scheduling())
    reader.nested("scheduling", true, in.scheduling(), out.scheduling.emplace());
  std::vector<std::pair<std::string, model::scheduling_in_force>> pools;
  reader.each("pools", in.pools(), pools);
  out.pools = {pools.begin(), pools.end()};
}
static void read(wire_reader& reader, const v1::HostInventoried& in, model::host_inventoried& out) {
  reader.nested("info", in.has_info(), in.info(), out.info);
  reader.id("incarnation", in.incarnation(), out.incarnation);
}
static void read(wire_reader& reader, const v1::HostStatusChanged& in,
                 model::host_status_changed& out) {
  reader.id("host", in.host(), out.host);
  reader.choice("status", in.status(), out.status);
  out.settled = in.settled();
}
static void read(wire_reader& reader, const v1::HostSettingsChanged& in,
                 model::host_settings_changed& out) {
  reader.id("host", in.host(), out.host);
  out.enabled = in.enabled();
  out.maintenance = in.maintenance();
  reader.texts("tags", in.tags(), out.tags);
  reader.nested("reserve", in.has_reserve(), in.reserve(), out.reserve);
  out.cpu_overcommit_milli = in.cpu_overcommit_milli();
  out.memory_overcommit_milli = in.memory_overcommit_milli();
}
static void read(wire_reader& reader, const v1::HostRemoved& in, model::host_removed& out) {
  reader.id("host", in.host(), out.host);
}
static void read(wire_reader& reader, const v1::ServerCreated& in, model::server_created& out) {
  reader.nested("server", in.has_server(), in.server(), out.server);
  if (in.has_basis())
    reader.nested("basis", true, in.basis(), out.basis.emplace());
}
static void read(wire_reader& reader, const v1::ServerStatusChanged& in,
                 model::server_status_changed& out) {
  reader.id("server", in.server(), out.server);
  reader.choice("status", in.status(), out.status);
  reader.text("reason", in.reason(), out.reason);
}
static void read(wire_reader& reader, const v1::ServerPowerRequested& in,
                 model::server_power_requested& out) {
  reader.id("server", in.server(), out.server);
  reader.choice("desired", in.desired(), out.desired);
  out.restarts = in.restarts();
  reader.choice("status", in.status(), out.status);
}
static void read(wire_reader& reader, const v1::DeviceRelease& in, model::device_release& out) {
  reader.id("device", in.device(), out.device);
  out.epoch = in.epoch();
}
static void read(wire_reader& reader, const v1::ServerDeleteRequested& in,
                 model::server_delete_requested& out) {
  reader.id("server", in.server(), out.server);
  reader.each("releases", in.releases(), out.releases);
}
static void read(wire_reader& reader, const v1::ServerRemoved& in, model::server_removed& out) {
  reader.id("server", in.server(), out.server);
}
static void read(wire_reader& reader, const v1::DeviceAttached& in, model::device_attached& out) {
  reader.id("server", in.server(), out.server);
  reader.nested("device", in.has_device(), in.device(), out.device);
}
static void read(wire_reader& reader, const v1::DeviceDetached& in, model::device_detached& out) {
  reader.id("server", in.server(), out.server);
  reader.nested("release", in.has_release(), in.release(), out.release);
}
static void read(wire_reader& reader, const v1::DeviceSettingsChanged& in,
                 model::device_settings_changed& out) {
  reader.id("device", in.device(), out.device);
  reader.choice("type", in.type(), out.type);
  reader.nested("reserve", in.has_reserve(), in.reserve(), out.reserve);
  out.enabled = in.enabled();
}
static void read(wire_reader& reader, const v1::DeviceStateReported& in,
                 model::device_state_reported& out) {
  reader.id("device", in.device(), out.device);
  reader.choice("state", in.state(), out.state);
  reader.text("reason", in.reason(), out.reason);
  out.obeyed = in.obeyed();
  reader.text("evidence", in.evidence(), out.evidence);
}
static void read(wire_reader& reader, const v1::DeviceRemoved& in, model::device_removed& out) {
  reader.id("device", in.device(), out.device);
}
static void read(wire_reader& reader, const v1::RequestAnswered& in, model::request_answered& out) {
  reader.text("key", in.key(), out.key);
  out.fingerprint = in.fingerprint();
  reader.small("http_status", in.http_status(), out.http_status);
  reader.text("body", in.body(), out.body);
}

static void read(wire_reader& reader, const v1::ServerPlaced& in, model::server_placed& out) {
  reader.id("server", in.server(), out.server);
  reader.id("host", in.host(), out.host);
  reader.each("attachments", in.attachments(), out.attachments);
  if (in.has_ends_at())
    reader.time(in.ends_at(), out.ends_at.emplace());
  if (in.has_basis())
    reader.nested("basis", true, in.basis(), out.basis.emplace());
}
static void read(wire_reader& reader, const v1::ServerWaitEnded& in,
                 model::server_wait_ended& out) {
  reader.id("server", in.server(), out.server);
  reader.text("reason", in.reason(), out.reason);
  if (in.has_why())
    reader.nested("why", true, in.why(), out.why.emplace());
  if (in.has_basis())
    reader.nested("basis", true, in.basis(), out.basis.emplace());
}
static void read(wire_reader& reader, const v1::ServerReserved& in, model::server_reserved& out) {
  reader.id("server", in.server(), out.server);
  if (in.has_where())
    reader.nested("where", true, in.where(), out.where.emplace());
}

namespace {

template <class Event> struct kind;
#define BERTH_KIND(event_name, Message)                                                            \
  template <> struct kind<model::event_name> {                                                     \
    using wire = v1::Message;                                                                      \
    static constexpr int field = v1::LogRecord::k##Message##FieldNumber;                           \
  };
BERTH_EVENT_KINDS(BERTH_KIND)
#undef BERTH_KIND

// Bytes in the buffer a record is parsed into before the heap is asked; most records fit.
constexpr std::size_t arena_bytes = std::size_t{8} * 1024;
constexpr std::string_view subject = "log record";

google::protobuf::ArenaOptions arena_options(char* buffer) {
  google::protobuf::ArenaOptions options;
  options.initial_block = buffer;
  options.initial_block_size = arena_bytes;
  return options;
}

void append(const model::log_record& record, std::string& out, bool framed) {
  std::array<std::uint8_t, 24> prefix{};
  std::uint8_t* end = prefix.data();
  end = put_varint(wire_tag(v1::LogRecord::kSequenceFieldNumber, wire_type::varint), end);
  end = put_varint(record.sequence, end);
  end = put_varint(wire_tag(v1::LogRecord::kAtFieldNumber, wire_type::fixed64), end);
  auto at = static_cast<std::uint64_t>(nanoseconds(record.at));
  for (int i = 0; i < 8; ++i, at >>= 8U)
    *end++ = static_cast<std::uint8_t>(at);
  const std::string_view head{reinterpret_cast<const char*>(prefix.data()),
                              static_cast<std::size_t>(end - prefix.data())};
  std::visit(
      [&]<class Event>(const Event& event) {
        append_message<typename kind<Event>::wire>(
            head, kind<Event>::field, [&](auto& body) { write(event, body); }, out, framed);
      },
      record.what);
}

void read_event(wire_reader& reader, const v1::LogRecord& in, model::event& out) {
  switch (in.what_case()) {
#define BERTH_READ(event_name, Message)                                                            \
  case v1::LogRecord::k##Message:                                                                  \
    return reader.nested(#event_name, true, in.event_name(), out.emplace<model::event_name>());
    BERTH_EVENT_KINDS(BERTH_READ)
#undef BERTH_READ
  case v1::LogRecord::WHAT_NOT_SET:
    return reader.refuse("event", "is missing");
  }
}

model::result<model::log_record> decode(std::string_view bytes, google::protobuf::Arena& arena) {
  auto& in = *google::protobuf::Arena::CreateMessage<v1::LogRecord>(&arena);
  if (bytes.size() > INT_MAX || !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return model::fail(model::errc::store_corrupt,
                       "log record: the bytes are not a Protobuf message of berth");
  wire_reader reader{{model::errc::store_corrupt, true, false}, subject};
  model::log_record record{in.sequence(), {}, {}};
  reader.time(in.at(), record.at);
  reader.known(in);
  read_event(reader, in, record.what);
  if (reader.failed())
    return tl::unexpected{reader.take_failure()};
  return record;
}

} // namespace

std::string encode(const model::log_record& record) {
  std::string bytes;
  append(record, bytes, false);
  return bytes;
}

void append_to_batch(const model::log_record& record, std::string& batch) {
  append(record, batch, true);
}

model::result<model::log_record> decode_log_record(std::string_view bytes) {
  alignas(std::max_align_t) char buffer[arena_bytes];
  google::protobuf::Arena arena{arena_options(buffer)};
  return decode(bytes, arena);
}

model::result<void> decode_batch(std::string_view batch,
                                 const std::function<bool(model::log_record&&)>& visit) {
  alignas(std::max_align_t) char buffer[arena_bytes];
  google::protobuf::Arena arena{arena_options(buffer)};
  for (std::size_t number = 1; !batch.empty(); ++number) {
    const auto bytes = take_entry(batch);
    if (!bytes)
      return model::fail(model::errc::store_corrupt, "record " + std::to_string(number) +
                                                         " of the batch: the bytes are cut short");
    auto record = decode(*bytes, arena);
    if (!record) {
      model::failure why = std::move(record).error();
      why.message.insert(0, "record " + std::to_string(number) + " of the batch: ");
      return tl::unexpected{std::move(why)};
    }
    arena.Reset();
    if (!visit(std::move(*record)))
      break;
  }
  return {};
}

} // namespace berth::proto
