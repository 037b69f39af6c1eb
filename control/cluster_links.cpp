#include <algorithm>

#include "control/cluster_machine.hpp"
#include "model/text.hpp"

namespace berth::control {

using model::errc;
using model::fail;

// --- Coming and going

model::result<void> cluster::machine::admit_info(const model::host_info& info) const {
  constexpr std::size_t devices_max = 1024;
  constexpr model::resources capacity_max{1'000'000, std::int64_t{1} << 40, std::int64_t{1} << 40};
  if (info.id.is_nil() || !model::is_name(info.name)) {
    return fail(errc::invalid_argument,
                "the agent gave no proper id and name for its host: correct its host.yaml");
  }
  const auto& has = info.capacity;
  if (has.cpus < 0 || has.memory_mib < 0 || has.storage_mib < 0 ||
      info.devices.size() > devices_max) {
    return fail(errc::invalid_argument, "host '" + info.name +
                                            "' reports a negative capacity or more than 1024 "
                                            "devices: correct its agent");
  }
  if (!has.fits_in(capacity_max)) {
    return fail(errc::invalid_argument,
                "host '" + info.name + "' reports " + std::to_string(has.cpus) + " CPUs, " +
                    std::to_string(has.memory_mib) + " MiB of memory and " +
                    std::to_string(has.storage_mib) +
                    " MiB of storage, which no machine has: correct its agent");
  }
  const auto* named = state.find_host_named(info.name);
  if (named != nullptr && named->record.id != info.id) {
    return fail(errc::wrong_state,
                "host '" + info.name + "' is known as " + to_string(named->record.id) +
                    ", the agent says " + to_string(info.id) +
                    ": remove the old host, or restore the agent's state directory",
                {{"host", to_string(named->record.id)}});
  }
  const auto* known = state.find_host(info.id);
  if (known != nullptr && known->record.name != info.name) {
    return fail(errc::wrong_state,
                "the host id " + to_string(info.id) + " belongs to " + name_of(known->record) +
                    ", the agent's name is '" + info.name +
                    "': give every agent a state directory of its own",
                {{"host", to_string(info.id)}});
  }
  std::set<model::device_id> once;
  std::set<model::pci_address> addresses;
  for (const auto& device : info.devices) {
    if (!addresses.insert(device.address).second) {
      return fail(errc::duplicate_device, "host '" + info.name + "' reports two devices at " +
                                              to_string(device.address) + ": correct its agent");
    }
    if (!once.insert(device.id).second) {
      return fail(errc::duplicate_device, "host '" + info.name + "' reports device " +
                                              to_string(device.id) + " twice: correct its agent");
    }
    const auto* owned = state.find_device(device.id);
    if (owned != nullptr && owned->host != info.id) {
      return fail(errc::wrong_state,
                  "host '" + info.name + "' reports " + name_of(*owned, state) +
                      ", which belongs to another host: remove it there first",
                  {{"device", to_string(device.id)}, {"host", to_string(owned->host)}});
    }
  }
  return {};
}

model::result<void> cluster::machine::admit_host(const link_opened& opened) const {
  if (store_failure) {
    return tl::unexpected{*store_failure};
  }
  if (auto admitted = admit_info(opened.info); !admitted) {
    return admitted;
  }
  const auto seen = presences.find(opened.info.id);
  if (seen == presences.end() || !seen->second.link) {
    return {};
  }
  const auto& host = state.find_host(opened.info.id)->record;
  if (host.incarnation == opened.incarnation) {
    return {}; // the same life of the agent over a newer connection
  }
  return fail(errc::wrong_state,
              name_of(host) + " is connected by another agent (" + to_string(host.incarnation) +
                  "): stop that one, or wait until its lease is over",
              {{"host", to_string(host.id)}});
}

void cluster::machine::on(link_opened& opened) {
  if (auto admitted = admit_host(opened); !admitted) {
    tell_note(note_kind::host_refused, opened.info.name, admitted.error().message);
    emit(close_link{opened.link, std::move(admitted.error())});
    return;
  }
  const auto id = opened.info.id;
  const auto* before = state.find_host(id);
  const bool same_life = before != nullptr && before->record.incarnation == opened.incarnation;
  const bool stays = same_life && before->record.status == model::host_status::online;
  const bool settled_still = stays && before->record.settled;
  take_inventory(opened.link, opened.info, opened.incarnation);
  if (!stays) {
    record(model::host_status_changed{id, model::host_status::online, false});
    tell_note(note_kind::host_online, opened.info.name);
  }
  auto& seen = presences[id];
  if (seen.link) {
    links.erase(static_cast<std::uint64_t>(*seen.link));
    emit(close_link{*seen.link, {errc::wrong_state, "the agent opened a newer connection", {}}});
  }
  if (seen.lease_over) {
    lease_ends.erase({*std::exchange(seen.lease_over, std::nullopt), id});
  }
  seen.link = opened.link;
  seen.last_heard = now;
  seen.inventory_at = now;
  seen.sent = 0;
  seen.seen = 0;
  seen.sent_at = {};
  seen.wants_full_report = false;
  links.insert_or_assign(static_cast<std::uint64_t>(opened.link), id);
  when_durable(
      welcome_host{opened.link, id, {state.leader(), config.heartbeat_interval, config.lease}});
  if (settled_still) {
    tell(seen, model::full_report_request{}); // what was said on the old connection may be lost
  }
  look_again(seen, id, now);
}

void cluster::machine::drop_link(link_id link, model::timestamp lease_over) {
  const auto known = links.find(static_cast<std::uint64_t>(link));
  if (known == links.end()) {
    return;
  }
  const auto host = known->second;
  links.erase(known);
  auto& seen = presences.at(host);
  seen.link.reset();
  seen.lease_over = lease_over;
  lease_ends.emplace(lease_over, host);
  if (seen.due) {
    desired_due.erase({*std::exchange(seen.due, std::nullopt), host});
  }
}

void cluster::machine::close(link_id link, model::failure why) {
  const auto known = links.find(static_cast<std::uint64_t>(link));
  if (known != links.end()) {
    drop_link(link, presences.at(known->second).last_heard + config.lease);
  }
  emit(close_link{link, std::move(why)});
}

void cluster::machine::on(link_closed& closed) {
  const auto known = links.find(static_cast<std::uint64_t>(closed.link));
  if (known != links.end()) {
    const auto heard = heard_last(known->second, closed.last_heard);
    drop_link(closed.link, heard + config.lease);
  }
}

/// What the link says of the host's latest sign of life, and what the cluster has heard itself.
model::timestamp cluster::machine::heard_last(model::host_id host, model::timestamp by_link) {
  auto& seen = presences.at(host);
  seen.last_heard = std::max(seen.last_heard, std::min(by_link, now));
  return seen.last_heard;
}

void cluster::machine::on(lease_expired& expired) {
  if (const auto known = links.find(static_cast<std::uint64_t>(expired.link));
      known != links.end()) {
    (void)heard_last(known->second, expired.last_heard);
  }
  drop_link(expired.link, now);
  if (!store_failure) {
    expire_leases();
  }
}

void cluster::machine::expire_leases() {
  while (!lease_ends.empty() && lease_ends.begin()->first <= now) {
    const auto host = lease_ends.begin()->second;
    lease_ends.erase(lease_ends.begin());
    if (const auto seen = presences.find(host); seen != presences.end()) {
      seen->second.lease_over.reset();
    }
    const auto* entry = state.find_host(host);
    if (entry != nullptr && entry->record.status == model::host_status::online) {
      record(model::host_status_changed{host, model::host_status::offline, false});
      tell_note(note_kind::host_offline, entry->record.name);
    }
  }
}

void cluster::machine::on(host_said& said) {
  const auto known = links.find(static_cast<std::uint64_t>(said.link));
  if (known == links.end()) {
    return;
  }
  const auto host = known->second;
  auto& seen = presences.at(host);
  (void)heard_last(host, said.at);
  if (std::holds_alternative<model::link_heartbeat>(said.message)) {
    return;
  }
  if (store_failure) {
    seen.wants_full_report = true;
    return;
  }
  if (const auto* inventory = std::get_if<model::inventory_report>(&said.message)) {
    const auto id = inventory->info.id;
    auto admitted = id == host ? admit_info(inventory->info)
                               : fail(errc::wrong_state, "the agent reports the inventory of "
                                                         "another host: " +
                                                             to_string(id));
    if (!admitted) {
      tell_note(note_kind::host_refused, inventory->info.name, admitted.error().message);
      return close(said.link, std::move(admitted.error()));
    }
    take_inventory(said.link, inventory->info, state.find_host(host)->record.incarnation);
    seen.inventory_at = now;
  } else if (const auto* report = std::get_if<model::observed_state>(&said.message)) {
    take_report(host, *report);
  }
}

// --- Desired states

void cluster::machine::tell(const presence& seen, model::to_host message) {
  if (seen.link) {
    when_durable(tell_host{*seen.link, std::move(message)});
  }
}

void cluster::machine::look_again(presence& seen, model::host_id host, model::timestamp when) {
  if (seen.due) {
    if (*seen.due <= when) {
      return;
    }
    desired_due.erase({*seen.due, host});
  }
  seen.due = when;
  desired_due.emplace(when, host);
}

void cluster::machine::mark_dirty(model::host_id host) {
  const auto seen = presences.find(host);
  if (seen == presences.end() || !seen->second.link) {
    return;
  }
  const auto* entry = state.find_host(host);
  look_again(seen->second, host, desired_allowed(*entry, seen->second));
}

/// When the host may be sent its desired state: now, if not just sent.
model::timestamp cluster::machine::desired_allowed(const host_entry& host,
                                                   const presence& seen) const {
  const auto servers = static_cast<std::int64_t>(host.servers.size());
  const auto wait = seen.sent != host.record.generation
                        ? config.desired_spacing_per_server * servers
                        : config.desired_retry; // in case it never arrived
  return std::max(now, seen.sent_at + wait);
}

void cluster::machine::send_due_states() {
  if (store_failure) {
    return;
  }
  while (!desired_due.empty() && desired_due.begin()->first <= now) {
    const auto host = desired_due.begin()->second;
    desired_due.erase(desired_due.begin());
    auto& seen = presences.at(host);
    seen.due.reset();
    const auto* entry = state.find_host(host);
    if (entry == nullptr || !seen.link) {
      continue;
    }
    const auto wanted = entry->record.generation;
    if (seen.sent != wanted || seen.seen < wanted) {
      const auto allowed = desired_allowed(*entry, seen);
      allowed <= now ? send_desired(*entry, seen) : look_again(seen, host, allowed);
    }
    ask_for_unconfirmed(host, seen);
  }
}

void cluster::machine::send_desired(const host_entry& host, presence& seen) {
  seen.sent = host.record.generation;
  seen.sent_at = now;
  tell(seen, state.desired_state_of(host));
  look_again(seen, host.record.id, now + config.desired_retry);
}

} // namespace berth::control
