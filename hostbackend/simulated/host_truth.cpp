#include "hostbackend/simulated/host_truth.hpp"

#include <algorithm>

#include "hostbackend/simulated/simulated_backend.hpp"

namespace berth::hostbackend::simulated {

using model::errc;
using model::fail;
using outcome = model::result<operation_result>;

host_truth::host_truth(const simulated_host& host, const simulated_settings& settings)
    : host_{host}, settings_{settings} {
  devices_.reserve(host.kind->devices.size());
  for (std::size_t i = 0; i < host.kind->devices.size(); ++i)
    devices_.push_back({.id = device_id_of(host, i)});
}

std::optional<std::size_t> host_truth::index_of(const model::device_id& id) const {
  for (std::size_t i = 0; i < devices_.size(); ++i)
    if (devices_[i].id == id)
      return i;
  return std::nullopt;
}
std::string host_truth::method_of(const reset_device& reset) const {
  const auto index = index_of(reset.device);
  if (!reset.method.empty() || !index || host_.kind->devices[*index].reset_methods.empty())
    return reset.method;
  return host_.kind->devices[*index].reset_methods.front();
}
std::string host_truth::name_of(std::size_t index) const {
  return "device " + to_string(host_.kind->devices[index].address);
}

bool host_truth::can_plug() const {
  return host_.kind->hot_plug || settings_.hot_plug;
}

// --- Operations

outcome host_truth::carry_out(const operation& what) {
  return std::visit([this](const auto& one) { return run(one); }, what);
}

outcome host_truth::run(const discover&) {
  auto info = describe(host_, settings_.agent_version);
  info.hot_plug = can_plug();
  std::erase_if(info.devices, [this](const auto& device) {
    const auto index = index_of(device.id);
    return index && !devices_[*index].present;
  });
  return info;
}

/// The present device, or why not.
model::result<host_truth::device_cell*> host_truth::present(const model::device_id& id) {
  const auto index = index_of(id);
  if (!index)
    return fail(errc::not_found, "no device " + to_string(id) + " on host " + host_.name);
  if (!devices_[*index].present)
    return fail(errc::device_lost, name_of(*index) + " is not on the bus");
  return &devices_[*index];
}

outcome host_truth::run(const bind_device& what) {
  const auto cell = present(what.device);
  if (!cell)
    return tl::unexpected<model::failure>{cell.error()};
  const auto& facts = host_.kind->devices[*index_of(what.device)];
  if (!facts.unusable_reason.empty())
    return fail(errc::group_not_viable,
                "device " + to_string(facts.address) + ": " + facts.unusable_reason);
  (*cell)->bound = true;
  return std::monostate{};
}

outcome host_truth::run(const reset_device& what) {
  const auto cell = present(what.device);
  if (!cell)
    return tl::unexpected<model::failure>{cell.error()};
  const auto index = *index_of(what.device);
  if ((*cell)->held_by)
    return fail(errc::reset_failed,
                name_of(index) + " is held by server " + to_string(*(*cell)->held_by));
  const auto& methods = host_.kind->devices[index].reset_methods;
  const auto method = method_of(what);
  if (std::find(methods.begin(), methods.end(), method) == methods.end())
    return fail(errc::reset_failed,
                name_of(index) + " has no reset method" + (method.empty() ? "" : " " + method));
  (*cell)->last_reset = method;
  (*cell)->unreadable = false;
  (*cell)->link_degraded = false;
  return std::monostate{};
}

outcome host_truth::run(const verify_device& what) {
  const auto cell = present(what.device);
  if (!cell)
    return tl::unexpected<model::failure>{cell.error()};
  const bool readable = !(*cell)->unreadable;
  return device_evidence{.reset_method = (*cell)->last_reset,
                         .config_readable = readable,
                         .identity_matches = readable,
                         .bars_match = readable,
                         .link_matches = readable && !(*cell)->link_degraded,
                         .vfio_bound = (*cell)->bound,
                         .group_released = !(*cell)->held_by};
}

outcome host_truth::run(const define_server& what) {
  auto& cell = servers_[what.server.id];
  if (cell.running)
    return fail(errc::hypervisor_failed,
                "server " + to_string(what.server.id) + " runs and cannot be redefined");
  cell.defined.clear();
  for (const auto& one : what.server.attachments)
    cell.defined.push_back(one.device);
  return std::monostate{};
}

/// What a hypervisor checks before it opens a device.
model::result<void> host_truth::may_be_used(const model::device_id& id) {
  const auto device = present(id);
  if (!device)
    return tl::unexpected<model::failure>{device.error()};
  const auto name = name_of(*index_of(id));
  if (!(*device)->bound)
    return fail(errc::hypervisor_failed, name + " is not bound to vfio-pci");
  if ((*device)->held_by)
    return fail(errc::hypervisor_failed,
                name + " is in use by server " + to_string(*(*device)->held_by));
  if ((*device)->unreadable)
    return fail(errc::hypervisor_failed, name + ": unknown header type 7f");
  return {};
}

outcome host_truth::run(const plug_device& what) {
  const auto found = servers_.find(what.server.id);
  if (found == servers_.end() || !found->second.running)
    return fail(errc::wrong_state, "server " + to_string(what.server.id) + " does not run");
  auto& held = found->second.held;
  if (std::ranges::find(held, what.device) != held.end())
    return std::monostate{};
  if (!can_plug())
    return fail(errc::wrong_state, "host " + host_.name + " does not plug into running servers");
  if (auto usable = may_be_used(what.device); !usable)
    return tl::unexpected<model::failure>{std::move(usable.error())};
  devices_[*index_of(what.device)].held_by = what.server.id;
  held.push_back(what.device);
  return std::monostate{};
}

outcome host_truth::run(const unplug_device& what) {
  const auto found = servers_.find(what.server);
  if (found == servers_.end() || !found->second.running)
    return std::monostate{};
  const auto& held = found->second.held;
  if (std::ranges::find(held, what.device) != held.end())
    requests_.push_back({what.server, what.device});
  return std::monostate{};
}

outcome host_truth::run(const start_server& what) {
  const auto found = servers_.find(what.server.id);
  if (found == servers_.end())
    return fail(errc::hypervisor_failed, "server " + to_string(what.server.id) + " is not defined");
  auto& cell = found->second;
  if (cell.running)
    return std::monostate{};
  for (const auto& id : cell.defined)
    if (auto usable = may_be_used(id); !usable)
      return tl::unexpected<model::failure>{std::move(usable.error())};
  for (const auto& id : cell.defined)
    devices_[*index_of(id)].held_by = what.server.id;
  cell.held = cell.defined;
  cell.running = true;
  return std::monostate{};
}

outcome host_truth::run(const stop_server& what) {
  const auto found = servers_.find(what.server);
  if (found == servers_.end() || !found->second.running)
    return std::monostate{};
  if (what.force) {
    power_off(what.server);
    return std::monostate{};
  }
  requests_.push_back({what.server, std::nullopt});
  return std::monostate{};
}

outcome host_truth::run(const undefine_server& what) {
  const auto found = servers_.find(what.server);
  if (found == servers_.end())
    return std::monostate{};
  if (found->second.running)
    return fail(errc::hypervisor_failed,
                "server " + to_string(what.server) + " runs: stop it first");
  servers_.erase(found);
  return std::monostate{};
}

outcome host_truth::run(const list_servers&) {
  server_listing all{.servers = {}, .unknown_domains = unknown_domains_};
  all.servers.reserve(servers_.size());
  for (const auto& [id, cell] : servers_)
    all.servers.push_back({.server = id,
                           .running = cell.running,
                           .devices = cell.running ? cell.held : cell.defined,
                           .paused = cell.paused});
  return all;
}

// --- What happens by itself

bool host_truth::power_off(const model::server_id& server) {
  const auto found = servers_.find(server);
  if (found == servers_.end() || !found->second.running)
    return false;
  for (auto& device : devices_)
    if (device.held_by == server)
      device.held_by.reset();
  found->second.running = false;
  found->second.paused.clear();
  return true;
}

bool host_truth::let_go(const model::server_id& server, const model::device_id& device) {
  const auto found = servers_.find(server);
  if (found == servers_.end() || !found->second.running ||
      std::erase(found->second.held, device) == 0)
    return false;
  if (const auto index = index_of(device); index && devices_[*index].held_by == server)
    devices_[*index].held_by.reset();
  return true;
}

bool host_truth::pause(const model::server_id& server, const std::string& reason) {
  const auto found = servers_.find(server);
  if (found == servers_.end() || !found->second.running)
    return false;
  found->second.paused = reason;
  return true;
}

bool host_truth::set_present(const model::device_id& id, bool here) {
  const auto index = index_of(id);
  if (!index || devices_[*index].present == here)
    return false;
  auto& cell = devices_[*index];
  const auto holder = cell.held_by;
  cell = {.id = id};
  cell.present = here;
  cell.held_by = here ? std::nullopt : holder; // its guest still runs, without it
  return true;
}

void host_truth::power_cycle() {
  for (auto& device : devices_) {
    const bool here = device.present;
    device = {.id = device.id};
    device.present = here;
  }
  for (auto& [id, server] : servers_) {
    server.running = false;
    server.paused.clear();
  }
}

void host_truth::add_unknown_domain(std::string name) {
  unknown_domains_.insert(std::ranges::lower_bound(unknown_domains_, name), std::move(name));
}

} // namespace berth::hostbackend::simulated
