#include <algorithm>

#include "control/cluster_machine.hpp"
#include "control/cluster_state_fold.hpp"
#include "model/text.hpp"

namespace berth::control {

// What the keeper of the queue sees of the cluster's hosts, and the hosts that it keeps.

void cluster::machine::keep_reservations() {
  if (!store_failure) {
    queue.keep_reservations(now);
  }
}

void cluster::machine::search_on() {
  queue.search_on(now);
}

void cluster::machine::reserve(model::server_id server, std::optional<model::reservation> where) {
  record(model::server_reserved{server, std::move(where)});
}

bool cluster::machine::has_model(std::string_view name) const {
  bool found = false;
  state.hosts().walk(true, [&](const host_entry& host) {
    found = std::ranges::any_of(host.by_model, [&](const auto& row) {
      return model::equals_ignoring_case(row.first, name);
    });
    return !found;
  });
  return found;
}

bool cluster::machine::may_be_kept(model::host_id host) const {
  const auto* entry = state.find_host(host);
  return entry != nullptr && entry->record.enabled && !entry->record.maintenance;
}

void cluster::machine::walk_hosts(
    std::uint64_t after, const std::function<bool(std::uint64_t, model::host_id)>& visit) const {
  state.hosts().walk_after(
      after, [&](const host_entry& host) { return visit(host.record.created, host.record.id); });
}

std::optional<host_supply>
cluster::machine::supply_of(model::host_id host, const model::placement_request& request) const {
  const auto* entry = state.find_host(host);
  const auto totals = state.inventory().totals(host);
  if (entry == nullptr || !totals || !may_be_kept(host) || !entry->record.settled ||
      entry->record.status != model::host_status::online) {
    return std::nullopt;
  }
  host_supply supply;
  supply.free = request.devices.empty() ? totals->free : totals->free_for_gpu;
  for (const auto& id : entry->devices) {
    const auto& device = *state.find_device(id);
    supply.devices += comes_back(device) && may_match(device, request) ? 1 : 0;
  }
  for (const auto& id : entry->servers) {
    const auto& server = state.find_server(id)->record;
    auto& leaving = supply.servers.emplace_back();
    leaving.ends = server.deleting ? std::optional{now} : server.ends_at;
    leaving.created = server.created;
    leaving.amount = model::amount_of(server.spec);
    leaving.held = static_cast<std::int64_t>(server.attachments.size());
    for (const auto& given : server.attachments) {
      const auto* device = state.find_device(given.device);
      leaving.usable += device != nullptr && is_usable(*device) && may_match(*device, request);
    }
  }
  return supply;
}

host_tenancy cluster::machine::tenancy_of(model::host_id host) const {
  const auto& entry = *state.find_host(host);
  host_tenancy all{{entry.record, {}}, {}};
  for (const auto& id : entry.devices) {
    all.host.devices.push_back(*state.find_device(id));
  }
  for (const auto& id : entry.servers) {
    const auto& server = state.find_server(id)->record;
    all.tenants.push_back({allocation_update(server),
                           server.deleting ? std::optional{now} : server.ends_at, server.created});
  }
  return all;
}

} // namespace berth::control
