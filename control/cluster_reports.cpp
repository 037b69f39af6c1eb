#include <algorithm>

#include "control/cluster_machine.hpp"

namespace berth::control {

using model::device_state;
using model::server_status;

// --- Inventory

bool cluster::machine::differs(const host_entry& known, const model::host_info& info) const {
  const auto& host = known.record;
  if (host.machine != info.machine || host.agent_version != info.agent_version ||
      host.capacity != info.capacity || host.numa_nodes != info.numa_nodes ||
      host.partitions != info.partitions || host.hot_plug != info.hot_plug) {
    return true;
  }
  std::size_t present = 0;
  for (const auto& id : known.devices) {
    present += state.find_device(id)->present ? 1U : 0U;
  }
  return present != info.devices.size() ||
         std::any_of(info.devices.begin(), info.devices.end(), [&](const auto& device) {
           const auto* record = state.find_device(device.id);
           return record == nullptr || !record->present || !(record->info == device);
         });
}

void cluster::machine::take_inventory(link_id, const model::host_info& info,
                                      model::incarnation_id life) {
  const auto* known = state.find_host(info.id);
  if (known != nullptr && known->record.incarnation == life && !differs(*known, info)) {
    return;
  }
  record(model::host_inventoried{info, life});
  fail_owners_of_lost(info.id);
  mark_dirty(info.id);
}

void cluster::machine::fail_owners_of_lost(model::host_id host) {
  const auto& devices = state.find_host(host)->devices;
  for (const auto& id : devices) {
    const auto& device = *state.find_device(id);
    if (device.owner && device.state == device_state::lost) {
      fail_owner(device);
    }
  }
}

void cluster::machine::fail_owner(const model::device_record& lost) {
  const auto& server = state.find_server(*lost.owner)->record;
  if (server.status == server_status::dev_fail || server.deleting) {
    return;
  }
  tell_note(note_kind::device_lost, to_string(lost.info.id), lost.state_reason);
  record(model::server_status_changed{server.id, server_status::dev_fail,
                                      name_of(lost, state) + " is lost: " + lost.state_reason});
}

// --- Reports

namespace {

bool is_bad_news(device_state state) {
  return state == device_state::lost || state == device_state::quarantined ||
         state == device_state::unusable;
}

bool is_in_hand(device_state state) {
  return state == device_state::reserved || state == device_state::in_use;
}

/// Whether a reported state may stand, given whom the device belongs to and at which epoch. A
/// report never changes ownership, and one from before the latest change of ownership never frees.
struct verdict {
  bool take = true;
  std::optional<note_kind> drift;
};

verdict judge(const model::device_record& device, const model::observed_device& seen) {
  if (is_bad_news(seen.state)) {
    return {true, std::nullopt};
  }
  if (!device.present) {
    return {false, std::nullopt}; // its host's inventory says that it is gone
  }
  const bool stale = seen.obeyed < device.epoch;
  if (stale) {
    const bool on_its_way = !device.owner && seen.state != device_state::free &&
                            !is_in_hand(seen.state) && device.state != device_state::free;
    return {on_its_way, note_kind::stale_device_report};
  }
  if (device.owner && seen.state == device_state::free) {
    return {false, note_kind::drift_device_free};
  }
  if (!device.owner && is_in_hand(seen.state)) {
    return {true, note_kind::drift_device_in_use};
  }
  return {true, std::nullopt};
}

bool is_hosts_word(server_status status) {
  switch (status) {
  case server_status::deploying:
  case server_status::deploy_fail:
  case server_status::ready:
  case server_status::starting:
  case server_status::running:
  case server_status::stopping:
  case server_status::start_fail:
  case server_status::dev_fail:
  case server_status::unknown:
    return true;
  case server_status::init:
  case server_status::scheduling:
  case server_status::sched_fail:
  case server_status::deleting:
    return false;
  }
  return false;
}

} // namespace

void cluster::machine::take_report(model::host_id id, const model::observed_state& report) {
  const auto& host = *state.find_host(id);
  auto& seen = presences.at(id);
  if (report.full)
    seen.unknown_servers.clear();
  take_others(host, seen, report);
  seen.seen = std::max(seen.seen, std::min(report.generation, host.record.generation));
  for (const auto& device : report.devices) {
    take_device(host, device);
  }
  for (const auto& server : report.servers) {
    take_server(host, server, report.generation);
  }
  for (const auto& gone : report.gone) {
    take_gone(host, gone, report.generation);
  }
  if (report.full) {
    find_missing(host, report);
    if (!host.record.settled) {
      record(model::host_status_changed{id, model::host_status::online, true});
    }
  }
  ask_for_unconfirmed(id, seen);
  tell(seen, model::report_acknowledged{report.report});
}

void cluster::machine::await_word(const model::server_record& server, model::timestamp ask_from) {
  if (const auto seen = presences.find(*server.host); seen != presences.end()) {
    seen->second.unconfirmed.insert_or_assign(server.id, ask_from);
  }
}

/// A request or its answer may be lost: it is repeated for as long as the host is silent.
void cluster::machine::ask_for_unconfirmed(model::host_id host, presence& seen) {
  std::erase_if(seen.unconfirmed, [&](const auto& each) {
    const auto* entry = state.find_server(each.first);
    return entry == nullptr || entry->record.host != host;
  });
  if (!seen.link) {
    return;
  }
  const auto is_silent = [&](const auto& each) {
    return seen.seen >= state.find_server(each.first)->changed_at;
  };
  const bool ask = std::any_of(seen.unconfirmed.begin(), seen.unconfirmed.end(),
                               [&](const auto& it) { return it.second <= now && is_silent(it); });
  if (ask) {
    tell(seen, model::full_report_request{});
  }
  std::optional<model::timestamp> next;
  for (auto& each : seen.unconfirmed) {
    if (!is_silent(each)) {
      continue; // its desired state is on its way
    }
    if (ask) {
      each.second = now + config.report_retry;
    }
    next = std::min(next.value_or(each.second), each.second);
  }
  if (next) {
    look_again(seen, host, *next);
  }
}

void cluster::machine::take_device(const host_entry& host, const model::observed_device& seen) {
  const auto* device = state.find_device(seen.id);
  if (device == nullptr || device->host != host.record.id) {
    tell_note(note_kind::drift_unknown_device, to_string(seen.id), name_of(host.record));
    return;
  }
  if (seen.obeyed > device->epoch) {
    tell_note(note_kind::drift_epoch_ahead, to_string(seen.id),
              name_of(host.record) + " has obeyed epoch " + std::to_string(seen.obeyed) +
                  ", given was " + std::to_string(device->epoch));
  }
  const auto judged = judge(*device, seen);
  if (judged.drift) {
    tell_note(*judged.drift, to_string(seen.id),
              name_of(host.record) + " reports " + std::string{to_string(seen.state)} +
                  " at epoch " + std::to_string(seen.obeyed) + " of " +
                  std::to_string(device->epoch));
  }
  const bool was_lost = device->state == device_state::lost;
  model::device_state_reported event{device->info.id, device->state, device->state_reason,
                                     std::max(device->obeyed, seen.obeyed), seen.evidence};
  if (judged.take) {
    event.state = seen.state;
    event.reason = seen.reason;
  }
  if (event.state == device->state && event.reason == device->state_reason &&
      event.obeyed == device->obeyed) {
    return;
  }
  record(std::move(event));
  if (!device->owner) {
    return;
  }
  if (device->state == device_state::lost) {
    fail_owner(*device);
  } else if (was_lost) { // what became of its server is to be told anew
    await_word(state.find_server(*device->owner)->record, now);
  }
}

void cluster::machine::take_server(const host_entry& host, const model::observed_server& seen,
                                   model::generation_number acted_on) {
  const auto* entry = state.find_server(seen.id);
  if (entry == nullptr || entry->record.host != host.record.id) {
    presences.at(host.record.id).unknown_servers.insert(seen.id);
    tell_note(note_kind::drift_unknown_server, to_string(seen.id), name_of(host.record));
    return;
  }
  for (const auto& failure : seen.plug_failures) {
    take_plug_failure(host, *entry, failure);
  }
  const auto& server = entry->record;
  auto& unconfirmed = presences.at(host.record.id).unconfirmed;
  if (acted_on < entry->changed_at) { // said before the host knew what it is to do now
    return await_word(server, now);
  }
  if (server.deleting) { // it is at it, and says when it is done
    return await_word(server, now + config.report_retry);
  }
  if (!is_hosts_word(seen.status)) {
    return;
  }
  unconfirmed.erase(server.id);
  if (server.status == seen.status && server.status_reason == seen.reason) {
    return;
  }
  if (seen.status != server_status::dev_fail && lost_device(server) != nullptr) {
    return; // dev_fail stands until the device is back or detached
  }
  record(model::server_status_changed{server.id, seen.status, seen.reason});
}

/// A failed step gives ownership back as it was: the device belongs to the server if its guest has
/// it, and to nobody else before it is clean.
void cluster::machine::take_plug_failure(const host_entry& host, const server_entry& entry,
                                         const model::plug_failure& failure) {
  const auto* device = state.find_device(failure.device);
  if (device == nullptr || device->host != host.record.id || device->epoch != failure.epoch ||
      entry.record.deleting) {
    return; // something else was asked of it since
  }
  const auto server = entry.record.id;
  if (device->owner && device->owner != server) {
    return;
  }
  tell_note(note_kind::plug_taken_back, entry.record.spec->name, failure.reason);
  // First of all the reason, for whoever reads the events: the host's next word replaces it.
  record(model::server_status_changed{server, entry.record.status, failure.reason});
  const bool was_attached = device->owner == server;
  for (const auto* each : unit_of(*device)) {
    if (was_attached && each->owner == server) {
      record(model::device_detached{server, {each->info.id, next_epoch(*each)}});
    } else if (!was_attached && !each->owner) {
      // Nothing that is a display is plugged out of a running server.
      const auto type = model::is_gpu(each->type) ? model::dev_type::gpu_hpc : each->type;
      record(model::device_attached{server, {each->info.id, next_epoch(*each), type}});
    }
  }
  mark_dirty(host.record.id);
}

/// Virtual machines that are none of ours.
void cluster::machine::take_others(const host_entry& host, presence& seen,
                                   const model::observed_state& report) {
  if (!report.unknown_domains) {
    return;
  }
  for (const auto& name : *report.unknown_domains) {
    if (!std::ranges::binary_search(seen.unknown_domains, name)) {
      tell_note(note_kind::drift_unknown_domain, name, name_of(host.record));
    }
  }
  seen.unknown_domains = *report.unknown_domains;
  std::ranges::sort(seen.unknown_domains);
}

void cluster::machine::take_gone(const host_entry& host, model::server_id id,
                                 model::generation_number acted_on) {
  const auto* entry = state.find_server(id);
  if (entry == nullptr || entry->record.host != host.record.id) {
    presences.at(host.record.id).unknown_servers.erase(id);
    return; // removed already
  }
  if (acted_on < entry->changed_at) {
    return await_word(entry->record, now);
  }
  if (entry->record.deleting) {
    record(model::server_removed{id});
  } else {
    tell_note(note_kind::drift_missing_server, entry->record.spec->name, name_of(host.record));
  }
}

void cluster::machine::find_missing(const host_entry& host, const model::observed_state& report) {
  std::vector<model::server_id> listed;
  listed.reserve(report.servers.size());
  for (const auto& server : report.servers) {
    listed.push_back(server.id);
  }
  std::sort(listed.begin(), listed.end());
  const auto expected = host.servers; // a copy: removing changes the list
  for (const auto& id : expected) {
    if (!std::binary_search(listed.begin(), listed.end(), id)) {
      take_gone(host, id, report.generation);
    }
  }
}

} // namespace berth::control
