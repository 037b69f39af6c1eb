#include <algorithm>

#include "control/cluster_machine.hpp"
#include "model/text.hpp"

namespace berth::control {

using model::errc;
using model::fail;

// --- Devices

namespace {

model::result<void> check_reserve(const char* field, std::optional<std::int64_t> value) {
  constexpr std::int64_t reserve_max = std::int64_t{1} << 40; // of CPUs or MiB: no real machine
  if (value && (*value < 0 || *value > reserve_max)) {
    return fail(errc::invalid_argument,
                std::string{field} + " is " + std::to_string(*value) + ": must be 0 or more",
                {{"field", field}});
  }
  return {};
}

} // namespace

void cluster::machine::run(ticket from, model::update_devices& command) {
  constexpr std::size_t devices_max = 10'000;
  if (command.devices.empty()) {
    return answer(from, fail(errc::invalid_argument, "devices is empty: name at least one"));
  }
  if (command.devices.size() > devices_max) {
    return answer(from, fail(errc::too_large, "at most 10000 devices are allowed in one request"));
  }
  for (const auto& valid : {check_reserve("reserved_cpus", command.reserved_cpus),
                            check_reserve("reserved_memory_mib", command.reserved_memory_mib),
                            check_reserve("reserved_storage_mib", command.reserved_storage_mib)}) {
    if (!valid) {
      return answer(from, tl::unexpected{valid.error()});
    }
  }
  model::devices_updated done;
  done.devices.reserve(command.devices.size());
  for (const auto& ref : command.devices) {
    done.devices.push_back(update(ref, command));
  }
  answer(from, model::reply{std::move(done)});
}

model::result<model::device_record> cluster::machine::update(const std::string& ref,
                                                             const model::update_devices& how) {
  const auto* device = state.resolve_device(ref);
  if (device == nullptr) {
    return no_such_device(ref);
  }
  model::device_settings_changed event{device->info.id, how.type.value_or(device->type),
                                       device->reserve, how.enabled.value_or(device->enabled)};
  if (model::is_gpu(event.type) != model::is_gpu(device->info.default_type)) {
    const bool gpu = model::is_gpu(device->info.default_type);
    return fail(errc::invalid_argument,
                name_of(*device, state) + (gpu ? " is a GPU: its type can be GPU-HPC or GPU-VGA"
                                               : " is no GPU: its type can only be PCI"),
                {{"device", to_string(device->info.id)}});
  }
  event.reserve.cpus = how.reserved_cpus.value_or(event.reserve.cpus);
  event.reserve.memory_mib = how.reserved_memory_mib.value_or(event.reserve.memory_mib);
  event.reserve.storage_mib = how.reserved_storage_mib.value_or(event.reserve.storage_mib);
  if (event.type == device->type && event.reserve == device->reserve &&
      event.enabled == device->enabled) {
    return *device;
  }
  const auto host = device->host;
  record(std::move(event));
  mark_dirty(host);
  return *device;
}

void cluster::machine::run(ticket from, model::remove_device& command) {
  const auto* device = state.resolve_device(command.device);
  if (device == nullptr) {
    return answer(from, no_such_device(command.device));
  }
  const auto id = device->info.id;
  const auto host = device->host;
  if (device->owner && !command.detach) {
    const auto* owner = state.find_server(*device->owner);
    return answer(from, fail(errc::not_empty,
                             name_of(*device, state) + " is used by " + name_of(owner->record) +
                                 ": detach it first, or take it away: berthctl "
                                 "isolated-device-purge --purge " +
                                 to_string(id),
                             {{"device", to_string(id)}, {"server", to_string(*device->owner)}}));
  }
  if (device->present) {
    return answer(from, fail(errc::wrong_state,
                             name_of(*device, state) +
                                 " is in its host and would be found again: disable it instead: "
                                 "berthctl isolated-device-disable " +
                                 to_string(id),
                             {{"device", to_string(id)}}));
  }
  if (device->owner) {
    record(model::device_detached{*device->owner, {id, next_epoch(*device)}});
  }
  record(model::device_removed{id});
  mark_dirty(host);
  answer(from, model::reply{model::accepted{}});
}

// --- Hosts

namespace {

model::result<void> check_milli(const char* field, std::optional<std::int32_t> value,
                                std::int32_t most) {
  if (value && (*value < 1000 || *value > most)) {
    return fail(errc::invalid_argument,
                std::string{field} + " is " + std::to_string(*value) + ": must be 1000 to " +
                    std::to_string(most) + " (thousandths)",
                {{"field", field}});
  }
  return {};
}

model::result<void> check_tags(const std::optional<std::vector<std::string>>& tags) {
  constexpr std::size_t tags_max = 64;
  if (!tags) {
    return {};
  }
  if (tags->size() > tags_max) {
    return fail(errc::invalid_argument,
                "tags has " + std::to_string(tags->size()) + " entries: at most 64 are allowed");
  }
  for (const auto& tag : *tags) {
    if (!model::is_name(tag)) {
      return fail(errc::invalid_argument,
                  "tags holds a word that is no tag: it must be 1 to 128 of letters, digits, '.', "
                  "'_' and '-', and not start with '.' or '-'",
                  {{"field", "tags"}});
    }
  }
  return {};
}

model::result<void> check_host_reserve(const std::optional<model::resources>& reserve,
                                       const model::host_record& host) {
  if (!reserve) {
    return {};
  }
  if (reserve->cpus < 0 || reserve->memory_mib < 0 || reserve->storage_mib < 0) {
    return fail(errc::invalid_argument, "reserve is negative: each part must be 0 or more",
                {{"field", "reserve"}});
  }
  if (!reserve->fits_in(host.capacity)) {
    return fail(errc::invalid_argument,
                "reserve is more than " + name_of(host) +
                    " has: " + std::to_string(host.capacity.cpus) + " CPUs, " +
                    std::to_string(host.capacity.memory_mib) + " MiB memory, " +
                    std::to_string(host.capacity.storage_mib) + " MiB storage",
                {{"field", "reserve"}});
  }
  return {};
}

} // namespace

void cluster::machine::run(ticket from, model::update_host& command) {
  constexpr std::int32_t cpu_milli_max = 10'000;
  constexpr std::int32_t memory_milli_max = 2'000;
  const auto* entry = state.resolve_host(command.host);
  if (entry == nullptr) {
    return answer(from, no_such_host(command.host));
  }
  const auto& host = entry->record;
  for (const auto& valid :
       {check_milli("cpu_overcommit_milli", command.cpu_overcommit_milli, cpu_milli_max),
        check_milli("memory_overcommit_milli", command.memory_overcommit_milli, memory_milli_max),
        check_tags(command.tags), check_host_reserve(command.reserve, host)}) {
    if (!valid) {
      return answer(from, tl::unexpected{valid.error()});
    }
  }
  model::host_settings_changed event;
  event.host = host.id;
  event.enabled = command.enabled.value_or(host.enabled);
  event.maintenance = command.maintenance.value_or(host.maintenance);
  event.tags = command.tags.value_or(host.tags);
  std::sort(event.tags.begin(), event.tags.end());
  event.tags.erase(std::unique(event.tags.begin(), event.tags.end()), event.tags.end());
  event.reserve = command.reserve.value_or(host.reserve);
  event.cpu_overcommit_milli = command.cpu_overcommit_milli.value_or(host.cpu_overcommit_milli);
  event.memory_overcommit_milli =
      command.memory_overcommit_milli.value_or(host.memory_overcommit_milli);
  const model::host_settings_changed present{host.id,
                                             host.enabled,
                                             host.maintenance,
                                             host.tags,
                                             host.reserve,
                                             host.cpu_overcommit_milli,
                                             host.memory_overcommit_milli};
  if (!(event == present)) {
    record(std::move(event));
  }
  answer(from, model::reply{host});
}

void cluster::machine::run(ticket from, model::probe_host& command) {
  const auto* entry = state.resolve_host(command.host);
  if (entry == nullptr) {
    return answer(from, no_such_host(command.host));
  }
  const auto seen = presences.find(entry->record.id);
  if (seen == presences.end() || !seen->second.link) {
    return answer(from, host_is_offline(entry->record));
  }
  tell(seen->second, model::probe_request{});
  answer(from, model::reply{model::accepted{}});
}

void cluster::machine::run(ticket from, model::remove_host& command) {
  const auto* entry = state.resolve_host(command.host);
  if (entry == nullptr) {
    return answer(from, no_such_host(command.host));
  }
  const auto& host = entry->record;
  const auto seen = presences.find(host.id);
  if (host.status == model::host_status::online || (seen != presences.end() && seen->second.link)) {
    return answer(from, fail(errc::wrong_state,
                             name_of(host) + " is online and would register again: stop its agent "
                                             "(berth-host) first",
                             {{"host", to_string(host.id)}}));
  }
  if (host.enabled) {
    return answer(from, fail(errc::wrong_state,
                             name_of(host) +
                                 " is enabled: disable it first: berthctl "
                                 "host-disable " +
                                 host.name,
                             {{"host", to_string(host.id)}}));
  }
  // What is being deleted waits for a host that will not come back: it goes with the host.
  constexpr std::size_t shown = 10;
  std::size_t kept = 0;
  std::string names;
  for (const auto& id : entry->servers) {
    const auto& server = state.find_server(id)->record;
    if (!server.deleting && ++kept <= shown) {
      names += (names.empty() ? "" : ", ") + server.spec->name;
    }
  }
  if (kept > 0) {
    return answer(from, fail(errc::not_empty,
                             name_of(host) + " still has " + std::to_string(kept) + " servers (" +
                                 names + (kept > shown ? ", ..." : "") +
                                 "): delete them first: berthctl server-delete",
                             {{"host", to_string(host.id)}, {"servers", std::to_string(kept)}}));
  }
  const auto id = host.id;
  record(model::host_removed{id});
  if (seen != presences.end()) {
    if (seen->second.lease_over) {
      lease_ends.erase({*seen->second.lease_over, id});
    }
    if (seen->second.due) {
      desired_due.erase({*seen->second.due, id});
    }
    presences.erase(seen);
  }
  answer(from, model::reply{model::accepted{}});
}

} // namespace berth::control
