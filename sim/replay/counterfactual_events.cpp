#include <algorithm>
#include <utility>

#include "control/cluster_state_fold.hpp"
#include "sim/replay/counterfactual.hpp"

namespace berth::sim {

// What the events of the log do to the other course.

using model::device_state;

// --- Devices as they are here

model::device_record counterfactual::seen(model::device_record device) const {
  const auto holder = holders_.find(device.info.id);
  const bool held = holder != holders_.end();
  device.owner = held ? std::optional{holder->second} : std::nullopt;
  switch (device.state) {
  case device_state::free:
  case device_state::reserved:
  case device_state::in_use:
  case device_state::releasing:
  case device_state::resetting:
  case device_state::verifying:
    device.state = held                                ? device_state::in_use
                   : cleaned_.contains(device.info.id) ? device_state::resetting
                                                       : device_state::free;
    break;
  default: // what befell the device befalls it here, too
    break;
  }
  return device;
}

void counterfactual::publish(const model::device_record& device) {
  world_.apply(scheduler::device_changed{seen(device)});
}

void counterfactual::take(const scheduler::inventory_update& update) {
  if (const auto* host = std::get_if<scheduler::host_changed>(&update)) {
    auto changed = *host;
    for (auto& device : changed.devices)
      device = seen(std::move(device));
    world_.apply(changed);
    keeper_.hosts_changed(now_);
    keeper_.free_up(host->host.id);
    for (const auto& device : host->devices) // whose turnover nobody will report
      if (device.state == device_state::lost)
        is_clean(device.info.id);
  } else if (const auto* gone = std::get_if<scheduler::host_gone>(&update)) {
    world_.apply(*gone);
    keeper_.hosts_changed(now_);
  } else if (const auto* changed = std::get_if<scheduler::device_changed>(&update)) {
    publish(changed->device);
    keeper_.free_up(changed->device.host);
  } else if (const auto* turned = std::get_if<scheduler::device_turned>(&update)) {
    if (const auto* device = truth_.find_device(turned->device)) {
      publish(*device);
      if (model::is_offerable(seen(*device)))
        keeper_.free_up(turned->host);
    }
  } // who takes what is decided here
}

void counterfactual::clean_with(const std::vector<model::device_id>& cleaned,
                                const std::vector<model::device_id>& with) {
  std::vector<model::device_id> partners; // that will turn over in truth
  for (const auto& device : with) {
    const auto* known = truth_.find_device(device);
    const bool turns = known != nullptr && known->state != device_state::lost &&
                       known->state != device_state::quarantined &&
                       known->state != device_state::unusable;
    if (turns)
      partners.push_back(device);
  }
  const auto last = partners.empty() ? std::optional<model::device_id>{} : partners.back();
  std::vector<model::device_id> alone;
  for (const auto& device : cleaned) { // each with itself, as far as it is the same
    const auto same = std::ranges::find(partners, device);
    if (same == partners.end()) {
      alone.push_back(device);
      continue;
    }
    free_with_[device].push_back(device);
    cleaned_.insert(device);
    partners.erase(same);
  }
  for (std::size_t i = 0; i < alone.size() && last; ++i) {
    const auto partner = partners.empty() ? *last : partners[std::min(i, partners.size() - 1)];
    free_with_[partner].push_back(alone[i]);
    cleaned_.insert(alone[i]);
  }
  for (const auto& device : cleaned)
    if (const auto* known = truth_.find_device(device)) {
      publish(*known);
      keeper_.free_up(known->host);
    }
}

void counterfactual::is_clean(model::device_id in_truth) {
  auto waited = free_with_.extract(in_truth);
  if (waited.empty())
    return;
  for (const auto& device : waited.mapped()) {
    cleaned_.erase(device);
    if (const auto* known = truth_.find_device(device)) {
      publish(*known);
      keeper_.free_up(known->host);
    }
  }
}

void counterfactual::on(const model::device_state_reported& event) {
  switch (event.state) {
  case device_state::reserved:
  case device_state::in_use:
  case device_state::releasing:
  case device_state::resetting:
  case device_state::verifying:
    return;
  default: // free, or out of service: its turnover is over
    is_clean(event.device);
  }
}

void counterfactual::on(const model::device_removed& event) {
  is_clean(event.device);
}

// --- Servers

std::string counterfactual::name_of(model::host_id host) const {
  const auto* entry = truth_.find_host(host);
  return entry != nullptr ? entry->record.name : to_string(host);
}

std::int32_t counterfactual::gpus_among(const std::vector<model::device_id>& devices) const {
  return static_cast<std::int32_t>(std::ranges::count_if(devices, [&](model::device_id id) {
    const auto* device = truth_.find_device(id);
    return device != nullptr && model::is_gpu(device->type);
  }));
}

void counterfactual::on(const model::server_created& event) {
  if (truth_.find_server(event.server.id) != nullptr)
    return;
  auto record = event.server;
  record.created = truth_.last_sequence() + 1;
  record.created_at = now_;
  const auto number = enter(record);
  record.host.reset();
  record.attachments.clear();
  record.ends_at.reset();
  record.reserved.reset();
  record.status = model::server_status::sched_fail;
  courses_.emplace(record.id, course{record, false, number});
}

/// It waits no more, and got nothing.
void counterfactual::stop_waiting(course& who) {
  auto& record = who.record;
  waiting_.remove(record);
  if (record.reserved) {
    keeper_.free_up(record.reserved->host);
    keeper_.kept_host_given_up();
  }
  record.reserved.reset();
  record.status = model::server_status::sched_fail;
}

/// Its own turn, once all that happened before it has had its effect.
void counterfactual::arrive(course& who) {
  auto& record = who.record;
  auto request = to_placement_request(record.id, record.spec, now_);
  const auto decision = keeper_.decide(request, options_.how);
  if (const auto* where = std::get_if<model::placement>(&decision))
    return settle(who, request, *where);
  if (record.spec->wait_for_capacity) {
    record.status = model::server_status::scheduling;
    waiting_.add(record);
  }
}

void counterfactual::settle(course& who, const model::placement_request& request,
                            const model::placement& where) {
  auto& record = who.record;
  if (is_waiting(record))
    stop_waiting(who);
  record.status = model::server_status::deploying;
  record.host = where.host;
  record.ends_at = request.ends_at;
  for (const auto& id : where.devices) {
    const auto* device = truth_.find_device(id);
    record.attachments.push_back({id, 0, device != nullptr ? device->type : model::dev_type::pci});
    holders_.insert_or_assign(id, record.id);
  }
  tenants_[where.host].insert(record.id);
  world_.apply(control::allocation_update(record));
  would_.gpus += gpus_among(where.devices);
  outcomes_[who.outcome].would = {location{where.host, where.devices}, name_of(where.host), now_};
  const auto* in_truth = truth_.find_server(record.id);
  if (record.ends_at && in_truth != nullptr &&
      in_truth->record.status == model::server_status::sched_fail)
    ends_.emplace(*record.ends_at, record.id);
}

bool counterfactual::place(const model::server_record& server,
                           const model::placement_request& request, const model::placement& where) {
  if (scheduler::check(world_, request, where) || !keeper_.leaves_room(request, where))
    return false;
  settle(courses_.at(server.id), request, where);
  return true;
}

void counterfactual::reserve(model::server_id server, std::optional<model::reservation> where) {
  auto& record = courses_.at(server).record;
  const auto before = record.reserved;
  waiting_.remove(record);
  record.reserved = std::move(where);
  waiting_.add(record);
  if (!before)
    return;
  keeper_.free_up(before->host);
  if (!record.reserved)
    keeper_.kept_host_given_up();
}

void counterfactual::on(const model::server_placed& event) {
  const auto known = courses_.find(event.server);
  const auto* in_truth = truth_.find_server(event.server);
  if (known == courses_.end() || in_truth == nullptr || in_truth->record.host)
    return;
  auto& happened = outcomes_[known->second.outcome].happened;
  happened = {location{event.host, devices_of(event.attachments)}, name_of(event.host), now_};
  happened_.gpus += gpus_among(happened.where->devices);
}

/// From here on nothing in truth ends it but its record's end: its lifetime does.
void counterfactual::on(const model::server_wait_ended& event) {
  const auto known = courses_.find(event.server);
  if (known == courses_.end())
    return;
  const auto& record = known->second.record;
  if (record.host && record.ends_at && !known->second.is_leaving)
    ends_.emplace(*record.ends_at, record.id);
}

void counterfactual::give_back(course& who, const std::vector<model::device_id>& with) {
  const auto held = devices_of(who.record.attachments);
  would_.gpus -= gpus_among(held);
  for (const auto& device : held)
    holders_.erase(device);
  who.record.attachments.clear();
  who.is_leaving = true;
  world_.apply(control::allocation_update(who.record));
  clean_with(held, with);
}

void counterfactual::on(const model::server_delete_requested& event) {
  const auto known = courses_.find(event.server);
  const auto* in_truth = truth_.find_server(event.server);
  if (known == courses_.end() || in_truth == nullptr || in_truth->record.deleting)
    return;
  happened_.gpus -= gpus_among(devices_of(in_truth->record.attachments));
  auto& who = known->second;
  if (is_waiting(who.record))
    stop_waiting(who);
  else if (who.record.host && !who.is_leaving)
    give_back(who, devices_of(event.releases));
}

/// Nothing is left of a server here.
void counterfactual::leave(model::server_id server, const std::vector<model::device_id>& with) {
  const auto known = courses_.find(server);
  if (known == courses_.end())
    return;
  auto& who = known->second;
  if (is_waiting(who.record)) {
    stop_waiting(who);
  } else if (who.record.host) {
    if (!who.is_leaving)
      give_back(who, with);
    world_.apply(scheduler::server_released{server});
    tenants_[*who.record.host].erase(server);
    keeper_.free_up(*who.record.host);
  }
  if (who.record.ends_at)
    ends_.erase({*who.record.ends_at, server});
  courses_.erase(known);
}

void counterfactual::on(const model::server_removed& event) {
  if (const auto* in_truth = truth_.find_server(event.server)) {
    const auto held = devices_of(in_truth->record.attachments);
    happened_.gpus -= gpus_among(held);
    leave(event.server, held);
  }
}

void counterfactual::on(const model::host_removed& event) {
  const auto* entry = truth_.find_host(event.host);
  if (entry == nullptr)
    return;
  for (const auto& id : entry->servers) {
    happened_.gpus -= gpus_among(devices_of(truth_.find_server(id)->record.attachments));
    leave(id, {});
  }
  for (const auto& id : entry->devices)
    is_clean(id);
  const auto here = tenants_.extract(event.host);
  if (here.empty())
    return;
  for (const auto& id : here.mapped()) { // in truth they are elsewhere, and go on
    auto& who = courses_.at(id);
    would_.gpus -= gpus_among(devices_of(who.record.attachments));
    for (const auto& held : who.record.attachments)
      holders_.erase(held.device);
    courses_.erase(id);
    ++lost_with_hosts_;
  }
}

// --- What an operator does to a server's devices

void counterfactual::on(const model::device_attached& event) {
  const auto known = courses_.find(event.server);
  const auto* device = truth_.find_device(event.device.device);
  if (known == courses_.end() || device == nullptr)
    return;
  happened_.gpus += model::is_gpu(device->type) ? 1 : 0;
  auto& who = known->second;
  if (who.record.host != device->host || who.is_leaving || !model::is_offerable(seen(*device))) {
    ++changes_left_out_;
    return;
  }
  who.record.attachments.push_back(event.device);
  holders_.insert_or_assign(device->info.id, event.server);
  would_.gpus += model::is_gpu(device->type) ? 1 : 0;
  world_.apply(control::allocation_update(who.record));
}

void counterfactual::on(const model::device_detached& event) {
  const auto known = courses_.find(event.server);
  const auto id = event.release.device;
  const auto* device = truth_.find_device(id);
  if (known == courses_.end() || device == nullptr)
    return;
  happened_.gpus -= model::is_gpu(device->type) ? 1 : 0;
  auto& held = known->second.record.attachments;
  const auto which = std::ranges::find(held, id, &model::attachment::device);
  if (which == held.end()) {
    ++changes_left_out_;
    return;
  }
  held.erase(which);
  holders_.erase(id);
  would_.gpus -= model::is_gpu(device->type) ? 1 : 0;
  world_.apply(control::allocation_update(known->second.record));
  clean_with({id}, {id});
}

} // namespace berth::sim
