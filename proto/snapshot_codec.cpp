#include "proto/snapshot_codec.hpp"

#include <climits>
#include <utility>

#include <google/protobuf/arena.h>

#include "proto/snapshot.pb.h"
#include "proto/types_wire.hpp"
#include "proto/wire_bytes.hpp"

namespace berth::proto {

static void write(const model::snapshot_meta& in, v1::SnapshotMeta& out) {
  out.set_sequence(in.sequence);
  out.set_leader(in.leader);
}
static void write(const model::snapshot_server& in, v1::SnapshotServer& out) {
  write(in.server, *out.mutable_server());
  out.set_changed_at(in.changed_at);
}
static void write(const model::snapshot_answer& in, v1::SnapshotAnswer& out) {
  out.set_key(in.key);
  out.set_fingerprint(in.fingerprint);
  out.set_http_status(in.http_status);
  out.set_body(in.body);
  out.set_at(nanoseconds(in.at));
}

static void read(wire_reader&, const v1::SnapshotMeta& in, model::snapshot_meta& out) {
  out.sequence = in.sequence();
  out.leader = in.leader();
}
static void read(wire_reader& reader, const v1::SnapshotServer& in, model::snapshot_server& out) {
  reader.nested("server", in.has_server(), in.server(), out.server);
  out.changed_at = in.changed_at();
}
static void read(wire_reader& reader, const v1::SnapshotAnswer& in, model::snapshot_answer& out) {
  reader.text("key", in.key(), out.key);
  out.fingerprint = in.fingerprint();
  reader.small("http_status", in.http_status(), out.http_status);
  reader.text("body", in.body(), out.body);
  reader.time(in.at(), out.at);
}

namespace {

using wire_item = v1::SnapshotItem;

constexpr std::size_t arena_bytes = std::size_t{8} * 1024;
constexpr std::string_view subject = "snapshot item";

template <class Item> struct kind;
template <> struct kind<model::snapshot_meta> {
  using wire = v1::SnapshotMeta;
  static constexpr int field = wire_item::kMetaFieldNumber;
};
template <> struct kind<model::host_record> {
  using wire = v1::HostRecord;
  static constexpr int field = wire_item::kHostFieldNumber;
};
template <> struct kind<model::device_record> {
  using wire = v1::DeviceRecord;
  static constexpr int field = wire_item::kDeviceFieldNumber;
};
template <> struct kind<model::snapshot_server> {
  using wire = v1::SnapshotServer;
  static constexpr int field = wire_item::kServerFieldNumber;
};
template <> struct kind<model::snapshot_answer> {
  using wire = v1::SnapshotAnswer;
  static constexpr int field = wire_item::kAnswerFieldNumber;
};

void read_item(wire_reader& reader, const wire_item& in, model::snapshot_item& out) {
  switch (in.what_case()) {
  case wire_item::kMeta:
    return reader.nested("meta", true, in.meta(), out.emplace<model::snapshot_meta>());
  case wire_item::kHost:
    return reader.nested("host", true, in.host(), out.emplace<model::host_record>());
  case wire_item::kDevice:
    return reader.nested("device", true, in.device(), out.emplace<model::device_record>());
  case wire_item::kServer:
    return reader.nested("server", true, in.server(), out.emplace<model::snapshot_server>());
  case wire_item::kAnswer:
    return reader.nested("answer", true, in.answer(), out.emplace<model::snapshot_answer>());
  case wire_item::WHAT_NOT_SET:
    return reader.refuse("item", "is missing");
  }
}

model::result<model::snapshot_item> decode_item(std::string_view bytes,
                                                google::protobuf::Arena& arena) {
  auto& in = *google::protobuf::Arena::CreateMessage<wire_item>(&arena);
  if (bytes.size() > INT_MAX || !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return model::fail(model::errc::store_corrupt,
                       "snapshot item: the bytes are not a Protobuf message of berth");
  wire_reader reader{{model::errc::store_corrupt, true, false}, subject};
  model::snapshot_item item;
  reader.known(in);
  read_item(reader, in, item);
  if (reader.failed())
    return tl::unexpected{reader.take_failure()};
  return item;
}

model::failure numbered(std::size_t number, model::failure why) {
  why.message.insert(0, "item " + std::to_string(number) + " of the chunk: ");
  return why;
}

} // namespace

void append_to_chunk(const model::snapshot_item& item, std::string& chunk) {
  std::visit(
      [&]<class Item>(const Item& value) {
        append_message<typename kind<Item>::wire>(
            {}, kind<Item>::field, [&](auto& body) { write(value, body); }, chunk, true);
      },
      item);
}

model::result<void>
decode_chunk(std::string_view chunk,
             const std::function<model::result<void>(model::snapshot_item&&)>& visit) {
  alignas(std::max_align_t) char buffer[arena_bytes];
  google::protobuf::ArenaOptions options;
  options.initial_block = buffer;
  options.initial_block_size = arena_bytes;
  google::protobuf::Arena arena{options};
  for (std::size_t number = 1; !chunk.empty(); ++number) {
    const auto bytes = take_entry(chunk);
    if (!bytes)
      return tl::unexpected{
          numbered(number, {model::errc::store_corrupt, "the bytes are cut short"})};
    auto item = decode_item(*bytes, arena);
    if (!item)
      return tl::unexpected{numbered(number, std::move(item).error())};
    arena.Reset();
    if (auto visited = visit(std::move(*item)); !visited)
      return visited;
  }
  return {};
}

} // namespace berth::proto
