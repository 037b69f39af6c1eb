#include "control/waiting_queue.hpp"

#include <algorithm>
#include <string_view>

namespace berth::control {

namespace {

/// Writes values one after another so that different values never give the same text.
class key_writer {
public:
  void add(std::string_view text) {
    add(static_cast<std::int64_t>(text.size()));
    text_ += text;
  }
  void add(std::int64_t number) { (text_ += std::to_string(number)) += ';'; }
  void add(const model::uuid& id) {
    const auto bytes = id.bytes();
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void add(const std::vector<std::string>& texts) {
    add(static_cast<std::int64_t>(texts.size()));
    for (const auto& each : texts) {
      add(std::string_view{each});
    }
  }
  std::string take() { return std::move(text_); }

private:
  std::string text_;
};

void add_device(key_writer& key, const model::device_request& wish) {
  key.add(wish.id ? 1 : 0);
  if (wish.id) {
    key.add(wish.id->value);
  }
  key.add(wish.count);
  key.add(static_cast<std::int64_t>(wish.alternatives.size()));
  for (const auto& each : wish.alternatives) {
    key.add(std::string_view{each.model});
    key.add(std::string_view{each.vendor});
    key.add(each.type ? static_cast<std::int64_t>(*each.type) : -1);
    key.add(each.vendor_device ? (std::int64_t{each.vendor_device->vendor} << 16) |
                                     std::int64_t{each.vendor_device->device}
                               : -1);
  }
}

std::string shape_key(const model::server_spec& spec) {
  key_writer key;
  for (const auto& wish : spec.devices) {
    add_device(key, wish);
  }
  for (const auto wish : {spec.topology.numa, spec.topology.pcie_root, spec.topology.pcie_switch,
                          spec.topology.fabric}) {
    key.add(wish == model::wish::require ? 1 : 0); // others decide where, not whether
  }
  key.add(spec.tags.require);
  key.add(spec.tags.avoid);
  key.add(spec.host ? 1 : 0);
  if (spec.host) {
    key.add(spec.host->value);
  }
  return key.take();
}

waiting_queue::flavour_key flavour_of(const model::server_spec& spec) {
  const auto amount = model::amount_of(spec);
  return {amount.cpus, amount.memory_mib, amount.storage_mib, spec.anti_affinity_group,
          spec.lifetime ? spec.lifetime->count() : -1};
}

/// The place of the server that was created by this event, or where it would be.
template <class Line> auto find(Line& line, model::sequence_number created) {
  return std::lower_bound(
      line.begin(), line.end(), created,
      [](const waiting_queue::place& a, model::sequence_number b) { return a.created < b; });
}

std::pair<model::timestamp, model::server_id> deadline_of(const model::server_record& server) {
  return {model::wait_deadline(server), server.id};
}

} // namespace

queue_key key_of(const model::server_record& server) {
  return {server.spec->priority, server.created};
}

void waiting_queue::add(const model::server_record& server) {
  const auto& spec = *server.spec;
  ++size_;
  ++version_;
  auto& line = places_[spec.priority];
  line.insert(find(line, server.created), {server.created, server.id});
  auto& like = shapes_[shape_key(spec)];
  if (like.flavours.empty()) {
    like.wants.devices = spec.devices;
    like.wants.topology = spec.topology;
    like.wants.tags = spec.tags;
    like.wants.host = spec.host;
  }
  auto& same = like.flavours[flavour_of(spec)];
  if (same.members.empty()) {
    same.amount = model::amount_of(spec);
    same.group = spec.anti_affinity_group;
    same.lifetime = spec.lifetime;
  }
  same.members.emplace(key_of(server), server.id);
  deadlines_.insert(deadline_of(server));
  if (server.reserved) {
    reserved_.emplace(server.reserved->host, server.id);
  }
}

void waiting_queue::remove(const model::server_record& server) {
  const auto& spec = *server.spec;
  --size_;
  ++version_;
  const auto line = places_.find(spec.priority);
  line->second.erase(find(line->second, server.created));
  if (line->second.empty()) {
    places_.erase(line);
  }
  const auto like = shapes_.find(shape_key(spec));
  const auto same = like->second.flavours.find(flavour_of(spec));
  same->second.members.erase(key_of(server));
  if (same->second.members.empty()) {
    like->second.flavours.erase(same);
  }
  if (like->second.flavours.empty()) {
    shapes_.erase(like);
  }
  deadlines_.erase(deadline_of(server));
  if (server.reserved) {
    const auto kept = reserved_.find(server.reserved->host);
    if (kept != reserved_.end() && kept->second == server.id) {
      reserved_.erase(kept);
    }
  }
}

std::size_t waiting_queue::position(const model::server_record& server) const {
  std::size_t before = 0;
  for (const auto& [priority, line] : places_) {
    if (priority == server.spec->priority) {
      return before + static_cast<std::size_t>(find(line, server.created) - line.begin()) + 1;
    }
    before += line.size();
  }
  return before + 1;
}

std::optional<model::server_id> waiting_queue::oldest() const {
  const place* first = nullptr;
  for (const auto& [priority, line] : places_) {
    first = first == nullptr || line.front().created < first->created ? &line.front() : first;
  }
  return first != nullptr ? std::optional{first->server} : std::nullopt;
}

waiting_queue::kind waiting_queue::kind_of(const model::server_spec& spec) {
  return {shape_key(spec), flavour_of(spec)};
}

bool operator==(const waiting_queue& a, const waiting_queue& b) {
  return a.size_ == b.size_ && a.places_ == b.places_ && a.shapes_ == b.shapes_ &&
         a.deadlines_ == b.deadlines_ && a.reserved_ == b.reserved_;
}

} // namespace berth::control
