#include <algorithm>

#include "control/cluster_machine.hpp"

namespace berth::control {

using model::errc;
using model::fail;
using model::power;
using model::server_record;
using model::server_status;

namespace {

tl::unexpected<model::failure> in_wrong_state(const server_record& server, const std::string& what,
                                              const std::string& remedy) {
  return fail(
      errc::wrong_state, name_of(server) + " " + what + ": " + remedy,
      {{"server", to_string(server.id)}, {"status", std::string{to_string(server.status)}}});
}

tl::unexpected<model::failure> is_running(const server_record& server) {
  return fail(
      errc::server_not_stopped,
      name_of(server) + " is " + std::string{to_string(server.status)} +
          "; stop it first: berthctl server-stop " + server.spec->name,
      {{"server", to_string(server.id)}, {"status", std::string{to_string(server.status)}}});
}

model::result<void> is_kept(const server_record& server) {
  if (server.deleting) {
    return in_wrong_state(server, "is being deleted", "nothing more can be done with it");
  }
  if (model::is_waiting(server)) {
    return in_wrong_state(server, "waits for capacity",
                          "wait until it has a host, or delete it: berthctl server-delete " +
                              server.spec->name);
  }
  if (!server.host) {
    return in_wrong_state(server, "has no host (" + std::string{to_string(server.status)} + ")",
                          "delete it and create it anew: berthctl server-delete " +
                              server.spec->name);
  }
  return {};
}

} // namespace

// --- Power

void cluster::machine::run(ticket from, model::act_on_server& command) {
  const auto* entry = state.resolve_server(command.server);
  if (entry == nullptr) {
    return answer(from, no_such_server(command.server));
  }
  const auto act = [&]() -> model::result<server_record> {
    switch (command.action) {
    case model::server_action::start:
      return start_server(*entry);
    case model::server_action::stop:
      return stop_server(*entry);
    case model::server_action::restart:
      return restart_server(*entry);
    case model::server_action::remove:
      return delete_server(*entry);
    }
    return fail(errc::invalid_argument, "no such action");
  };
  answer(from, act().map([](server_record&& it) { return model::reply{std::move(it)}; }));
}

model::result<void> cluster::machine::may_change_power(const server_entry& entry) const {
  const auto& server = entry.record;
  if (auto kept = is_kept(server); !kept) {
    return kept;
  }
  const auto* host = state.find_host(*server.host);
  if (host == nullptr || host->record.status != model::host_status::online) {
    return fail(errc::host_offline,
                name_of(server) + " is on host " + host_name(*server.host, state) +
                    ", which is offline: bring its agent (berth-host) back first",
                {{"server", to_string(server.id)}, {"host", to_string(*server.host)}});
  }
  return {};
}

void cluster::machine::request_power(const server_record& server, power desired,
                                     std::uint32_t restarts, server_status status) {
  record(model::server_power_requested{server.id, desired, restarts, status});
  mark_dirty(*server.host);
  await_word(server, now);
}

const model::device_record* cluster::machine::lost_device(const server_record& server) const {
  for (const auto& held_device : server.attachments) {
    const auto* device = state.find_device(held_device.device);
    if (device != nullptr && device->state == model::device_state::lost) {
      return device;
    }
  }
  return nullptr;
}

model::result<server_record> cluster::machine::start_server(const server_entry& entry) {
  const auto& server = entry.record;
  if (auto may = may_change_power(entry); !may) {
    return tl::unexpected{std::move(may.error())};
  }
  if (const auto* lost = lost_device(server)) {
    return in_wrong_state(server, "cannot start: its " + name_of(*lost, state) + " is lost",
                          "detach it first: berthctl server-detach-isolated-device " +
                              server.spec->name + " " + to_string(lost->info.id));
  }
  const auto& host = state.find_host(*server.host)->record;
  if (host.maintenance) {
    return in_wrong_state(server, "is on " + name_of(host) + ", which is in maintenance",
                          "end the maintenance first");
  }
  const bool on_its_way =
      server.desired_power == power::on &&
      (server.status == server_status::running || server.status == server_status::starting ||
       server.status == server_status::deploying);
  if (!on_its_way) {
    const bool deploying = server.status == server_status::deploying;
    // The host tries again only when it sees something new. Only of a server that is off by the
    // host's own word is it certain that it saw the latest stop; else this start says so itself,
    // and one that runs there still is power-cycled, as it was asked for.
    const bool surely_off =
        server.desired_power == power::off && server.status == server_status::ready;
    request_power(server, power::on, server.restarts + (surely_off ? 0U : 1U),
                  deploying ? server_status::deploying : server_status::starting);
  }
  return server;
}

model::result<server_record> cluster::machine::stop_server(const server_entry& entry) {
  const auto& server = entry.record;
  if (auto may = may_change_power(entry); !may) {
    return tl::unexpected{std::move(may.error())};
  }
  const bool on_its_way =
      server.desired_power == power::off &&
      (server.status == server_status::ready || server.status == server_status::stopping ||
       server.status == server_status::deploying);
  if (!on_its_way) {
    const bool deploying = server.status == server_status::deploying;
    request_power(server, power::off, server.restarts,
                  deploying ? server_status::deploying : server_status::stopping);
  }
  return server;
}

model::result<server_record> cluster::machine::restart_server(const server_entry& entry) {
  const auto& server = entry.record;
  if (auto may = may_change_power(entry); !may) {
    return tl::unexpected{std::move(may.error())};
  }
  if (server.desired_power == power::off) {
    return in_wrong_state(server, "is " + std::string{to_string(server.status)} + ", not running",
                          "start it: berthctl server-start " + server.spec->name);
  }
  if (const auto* lost = lost_device(server)) {
    return in_wrong_state(server, "cannot start again: its " + name_of(*lost, state) + " is lost",
                          "stop it and detach the device");
  }
  request_power(server, power::on, server.restarts + 1,
                server.status == server_status::deploying ? server_status::deploying
                                                          : server_status::stopping);
  return server;
}

model::result<server_record> cluster::machine::delete_server(const server_entry& entry) {
  const auto& server = entry.record;
  if (server.deleting) {
    return server; // asked before; it goes when its host has let go
  }
  if (!server.host) {
    auto gone = server;
    gone.deleting = true;
    gone.status = server_status::deleting;
    record(model::server_removed{server.id});
    return gone;
  }
  model::server_delete_requested event{server.id, {}};
  for (const auto& held_device : server.attachments) {
    const auto* device = state.find_device(held_device.device);
    event.releases.push_back({held_device.device, next_epoch(*device)});
  }
  const auto host = *server.host;
  record(std::move(event));
  mark_dirty(host);
  await_word(server, now); // a host that never knew it has nothing to say by itself
  return server;
}

// --- Devices of a server

namespace {

/// True if a device may be taken from or given to the server while it is as it is.
bool is_stopped(const server_record& server) {
  switch (server.status) {
  case server_status::ready:
  case server_status::start_fail:
  case server_status::deploy_fail:
  case server_status::dev_fail:
    return server.desired_power == power::off;
  default:
    return false;
  }
}

/// As the server has the device, or would get it.
model::dev_type type_in(const server_record& server, const model::device_record& device) {
  for (const auto& held : server.attachments) {
    if (held.device == device.info.id) {
      return held.type;
    }
  }
  return device.type;
}

/// Nothing if the device may go into or out of the server, which is not stopped. libvirt and QEMU
/// hot-plug single functions only, and no guest changes its display while it runs.
model::result<void> may_plug(const server_record& server, const model::host_record& host,
                             const model::device_record& device, model::dev_type type) {
  if (!host.hot_plug || server.status != server_status::running) {
    return is_running(server);
  }
  const auto refused = [&](const std::string& why) {
    return fail(errc::server_not_stopped,
                name_of(server) + " is running and device " + to_string(device.info.id) + " " +
                    why + ", which takes a stopped server: berthctl server-stop " +
                    server.spec->name,
                {{"server", to_string(server.id)}, {"device", to_string(device.info.id)}});
  };
  if (!device.info.companions.empty()) {
    return refused("has " + std::to_string(device.info.companions.size() + 1) + " functions");
  }
  if (type == model::dev_type::gpu_vga) {
    return refused("is its display (GPU-VGA)");
  }
  return {};
}

} // namespace

void cluster::machine::run(ticket from, model::attach_device& command) {
  answer(from, attach(command).map([](server_record&& it) { return model::reply{std::move(it)}; }));
}

void cluster::machine::run(ticket from, model::detach_device& command) {
  answer(from, detach(command).map([](server_record&& it) { return model::reply{std::move(it)}; }));
}

model::result<server_record> cluster::machine::attach(const model::attach_device& command) {
  const auto* entry = state.resolve_server(command.server);
  if (entry == nullptr) {
    return no_such_server(command.server);
  }
  const auto* device = state.resolve_device(command.device);
  if (device == nullptr) {
    return no_such_device(command.device);
  }
  const auto& server = entry->record;
  if (auto kept = is_kept(server); !kept) {
    return tl::unexpected{std::move(kept.error())};
  }
  if (device->owner == server.id) {
    return fail(errc::device_in_use,
                name_of(*device, state) + " is attached to " + name_of(server) + " already",
                {{"device", to_string(device->info.id)}, {"server", to_string(server.id)}});
  }
  if (device->host != *server.host) {
    return fail(errc::device_on_other_host,
                name_of(*device, state) + " is not on host " + host_name(*server.host, state) +
                    ", where " + name_of(server) + " is: choose a device of that host",
                {{"device", to_string(device->info.id)},
                 {"device_host", to_string(device->host)},
                 {"server_host", to_string(*server.host)}});
  }
  const auto unit = unit_of(*device); // indivisible: all of it or nothing
  for (const auto* each : unit) {
    if (auto is_free = check_free(*each, state); !is_free) {
      return tl::unexpected{std::move(is_free.error())};
    }
  }
  const auto& host = *state.find_host(device->host);
  if (!host.record.settled) {
    return host_is_offline(host.record);
  }
  const auto type = command.type.value_or(device->type);
  if (model::is_gpu(type) != model::is_gpu(device->type)) {
    return fail(errc::invalid_argument,
                name_of(*device, state) + " is of type " + std::string{to_string(device->type)} +
                    " and cannot be attached as " + std::string{to_string(type)});
  }
  if (type == model::dev_type::gpu_vga && server.spec->os == "windows" &&
      server.spec->boot != model::firmware::uefi) {
    return fail(errc::invalid_argument, name_of(server) +
                                            " is a windows server with bios "
                                            "firmware, which takes no GPU-VGA device: attach it as "
                                            "GPU-HPC");
  }
  if (!is_stopped(server)) {
    for (const auto* each : unit) {
      if (auto may = may_plug(server, host.record, *each, each == device ? type : each->type);
          !may) {
        return tl::unexpected{std::move(may.error())};
      }
    }
  }
  for (const auto* each : unit) {
    const auto as = each == device ? type : each->type;
    record(model::device_attached{server.id, {each->info.id, next_epoch(*each), as}});
  }
  mark_dirty(host.record.id);
  return server;
}

model::result<server_record> cluster::machine::detach(const model::detach_device& command) {
  const auto* entry = state.resolve_server(command.server);
  if (entry == nullptr) {
    return no_such_server(command.server);
  }
  const auto* device = state.resolve_device(command.device);
  if (device == nullptr) {
    return no_such_device(command.device);
  }
  const auto& server = entry->record;
  if (device->owner != server.id) {
    const auto* owner = device->owner ? state.find_server(*device->owner) : nullptr;
    const auto where = owner != nullptr ? "it is attached to " + name_of(owner->record)
                                        : std::string{"no server has it"};
    return fail(errc::not_attached,
                name_of(*device, state) + " is not attached to " + name_of(server) + ": " + where,
                {{"device", to_string(device->info.id)}, {"server", to_string(server.id)}});
  }
  const auto& host = *state.find_host(device->host);
  const auto unit = unit_of(*device);
  const bool lost = device->state == model::device_state::lost;
  if (!is_stopped(server) && !lost) {
    for (const auto* each : unit) {
      if (auto may = may_plug(server, host.record, *each, type_in(server, *each)); !may) {
        return tl::unexpected{std::move(may.error())};
      }
    }
  }
  for (const auto* each : unit) {
    if (each->owner == server.id) {
      record(model::device_detached{server.id, {each->info.id, next_epoch(*each)}});
    }
  }
  mark_dirty(host.record.id);
  return server;
}

std::vector<const model::device_record*>
cluster::machine::unit_of(const model::device_record& device) const {
  std::vector<const model::device_record*> unit{&device};
  const auto* host = state.find_host(device.host);
  if (device.info.allocation_unit.empty() || host == nullptr) {
    return unit;
  }
  for (const auto& id : host->devices) {
    const auto* sibling = state.find_device(id);
    if (sibling != &device && sibling->info.allocation_unit == device.info.allocation_unit) {
      unit.push_back(sibling);
    }
  }
  return unit;
}

} // namespace berth::control
