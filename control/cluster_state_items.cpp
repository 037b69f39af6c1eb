#include <algorithm>
#include <utility>

#include "control/cluster_state.hpp"
#include "control/cluster_state_journal.hpp"

namespace berth::control {

using model::errc;
using model::fail;

// --- In

namespace {

tl::unexpected<model::failure> misfit(const std::string& what) {
  return fail(errc::store_corrupt,
              "the snapshot " + what + ": start from an older snapshot or a copy of the store");
}

} // namespace

model::result<void> cluster_state::add_item(model::snapshot_item item) {
  if (const auto* meta = std::get_if<model::snapshot_meta>(&item)) {
    last_sequence_ = durable_sequence_ = meta->sequence;
    leader_ = meta->leader;
    return {};
  }
  if (auto* host = std::get_if<model::host_record>(&item)) {
    if (hosts_.contains(host->id) || host_names_.contains(host->name)) {
      return misfit("holds the host '" + host->name + "' twice");
    }
    auto entry = std::make_unique<host_entry>();
    entry->record = std::move(*host);
    link_host(*hosts_.insert(std::move(entry)).first);
    return {};
  }
  if (auto* device = std::get_if<model::device_record>(&item)) {
    if (!hosts_.contains(device->host)) {
      return misfit("holds the device " + to_string(device->info.id) + " of an unknown host");
    }
    const auto [known, fresh] =
        devices_.insert(std::make_unique<model::device_record>(std::move(*device)));
    if (!fresh) {
      return misfit("holds the device " + to_string(known->info.id) + " twice");
    }
    link_device(*known);
    return {};
  }
  if (auto* server = std::get_if<model::snapshot_server>(&item)) {
    auto& record = server->server;
    if (servers_.contains(record.id) || server_names_.contains(record.spec->name)) {
      return misfit("holds the server '" + record.spec->name + "' twice");
    }
    if (record.host && !hosts_.contains(*record.host)) {
      return misfit("holds the server '" + record.spec->name + "' on an unknown host");
    }
    link_server(*servers_
                     .insert(std::make_unique<server_entry>(
                         server_entry{std::move(record), server->changed_at}))
                     .first);
    return {};
  }
  auto& answer = std::get<model::snapshot_answer>(item);
  answer_bytes_ += answer.key.size() + answer.body.size();
  answers_.push_back(std::move(answer));
  answers_by_key_.emplace(answers_.back().key, &answers_.back());
  return {};
}

model::result<cluster_state> cluster_state::from_items(std::vector<model::snapshot_item> items,
                                                       answer_bounds bounds) {
  cluster_state state{bounds};
  for (auto& item : items) {
    if (auto taken = state.add_item(std::move(item)); !taken) {
      return tl::unexpected{std::move(taken.error())};
    }
  }
  return state;
}

// --- Out

cluster_state::item_reader::item_reader(const cluster_state& state) : state_(&state) {
  state.hosts_by_age_.walk(true, [&](const auto& it) { return hosts_.push_back(&it), true; });
  state.devices_by_age_.walk(true, [&](const auto& it) { return devices_.push_back(&it), true; });
  state.servers_by_age_.walk(true, [&](const auto& it) { return servers_.push_back(&it), true; });
}

std::optional<model::snapshot_item> cluster_state::item_reader::next() {
  std::size_t at = at_++;
  if (at == 0) {
    return model::snapshot_meta{state_->last_sequence_, state_->leader_};
  }
  --at;
  if (at < hosts_.size()) {
    return hosts_[at]->record;
  }
  at -= hosts_.size();
  if (at < devices_.size()) {
    return *devices_[at];
  }
  at -= devices_.size();
  if (at < servers_.size()) {
    return model::snapshot_server{servers_[at]->record, servers_[at]->changed_at};
  }
  at -= servers_.size();
  if (at < state_->answers_.size()) {
    return state_->answers_[at];
  }
  return std::nullopt;
}

bool operator==(const cluster_state& a, const cluster_state& b) {
  cluster_state::item_reader left{a};
  cluster_state::item_reader right{b};
  while (true) {
    const auto one = left.next();
    if (one != right.next()) {
      return false;
    }
    if (!one) {
      return true;
    }
  }
}

// --- Audit

namespace {

/// Drops the rows that count nothing: they are left over from models that went away.
model_counts without_zeros(model_counts rows) {
  std::erase_if(rows, [](const auto& row) { return row.second == device_state_counts{}; });
  return rows;
}

using complaint = std::optional<std::string>;

complaint audit_server(const cluster_state& state, const server_entry& entry) {
  const auto& server = entry.record;
  const std::string who = "server '" + server.spec->name + "': ";
  if (state.find_server_named(server.spec->name) != &entry) {
    return who + "its name finds another";
  }
  if (server.attachments.empty()) {
    return std::nullopt;
  }
  for (const auto& held : server.attachments) {
    const auto* device = state.find_device(held.device);
    if (device == nullptr || device->owner != server.id) {
      return who + "does not own its device " + to_string(held.device);
    }
    if (device->host != server.host) {
      return who + "its device " + to_string(held.device) + " is on another host";
    }
    if (device->epoch != held.epoch) {
      return who + "holds " + to_string(held.device) + " at another epoch than the device has";
    }
  }
  return std::nullopt;
}

complaint audit_device(const cluster_state& state, const model::device_record& device) {
  const std::string who = "device " + to_string(device.info.id) + ": ";
  if (device.state == model::device_state::free && device.obeyed < device.epoch) {
    return who + "free without the host's confirmation of epoch " + std::to_string(device.epoch);
  }
  if (!device.owner) {
    return std::nullopt;
  }
  const auto* owner = state.find_server(*device.owner);
  if (owner == nullptr) {
    return who + "its owner does not exist";
  }
  const auto& held = owner->record.attachments;
  const auto mentions = std::count_if(held.begin(), held.end(), [&](const model::attachment& it) {
    return it.device == device.info.id;
  });
  return mentions == 1 ? complaint{}
                       : who + "its owner lists it " + std::to_string(mentions) + " times";
}

complaint audit_host(const cluster_state& state, const host_entry& entry, const host_entry* again) {
  const std::string who = "host '" + entry.record.name + "': ";
  if (again == nullptr || again->devices != entry.devices || again->servers != entry.servers) {
    return who + "lists other devices or servers than point at it";
  }
  if (without_zeros(again->by_model) != without_zeros(entry.by_model)) {
    return who + "counts its devices wrong";
  }
  if (state.find_host_named(entry.record.name) != &entry) {
    return who + "its name finds another";
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string> cluster_state::audit() const {
  cluster_state again{bounds_};
  for (item_reader items{*this}; auto item = items.next();) {
    if (const auto taken = again.add_item(std::move(*item)); !taken) {
      return taken.error().message;
    }
  }
  if (again.counts_ != counts_) {
    return "the totals are wrong";
  }
  if (!(again.waiting_ == waiting_)) {
    return "the queue is wrong";
  }
  if (servers_.size() != servers_by_age_.size() || devices_.size() != devices_by_age_.size() ||
      hosts_.size() != hosts_by_age_.size() || answers_.size() != answers_by_key_.size() ||
      server_names_.size() != servers_.size() || again.answer_bytes_ != answer_bytes_) {
    return "an index has another size than what it indexes";
  }
  complaint found;
  servers_by_age_.walk(true, [&](const auto& it) { return !(found = audit_server(*this, it)); });
  if (!found) {
    devices_by_age_.walk(true, [&](const auto& it) { return !(found = audit_device(*this, it)); });
  }
  if (!found) {
    hosts_by_age_.walk(true, [&](const auto& it) {
      return !(found = audit_host(*this, it, again.find_host(it.record.id)));
    });
  }
  return found;
}

} // namespace berth::control
