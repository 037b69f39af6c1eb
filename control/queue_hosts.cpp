#include "control/queue_hosts.hpp"

#include <algorithm>

#include "control/cluster_state_fold.hpp"
#include "model/text.hpp"

namespace berth::control {

namespace {

/// Those being deleted leave now.
std::optional<model::timestamp> end_of(const model::server_record& server, model::timestamp now) {
  return server.deleting ? std::optional{now} : server.ends_at;
}

} // namespace

bool has_model(const cluster_state& state, std::string_view name) {
  bool found = false;
  state.hosts().walk(true, [&](const host_entry& host) {
    found = std::ranges::any_of(host.by_model, [&](const auto& row) {
      return model::equals_ignoring_case(row.first, name);
    });
    return !found;
  });
  return found;
}

bool may_be_kept(const cluster_state& state, model::host_id host) {
  const auto* entry = state.find_host(host);
  return entry != nullptr && entry->record.enabled && !entry->record.maintenance;
}

void walk_hosts(const cluster_state& state, std::uint64_t after,
                const std::function<bool(std::uint64_t, model::host_id)>& visit) {
  state.hosts().walk_after(
      after, [&](const host_entry& host) { return visit(host.record.created, host.record.id); });
}

std::optional<host_supply> supply_of(const cluster_state& state, model::host_id host,
                                     const model::placement_request& request) {
  const auto* entry = state.find_host(host);
  const auto totals = state.inventory().totals(host);
  if (entry == nullptr || !totals || !may_be_kept(state, host) || !entry->record.settled ||
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
    leaving.ends = end_of(server, request.now);
    leaving.created = server.created;
    leaving.amount = model::amount_of(server.spec);
    leaving.held = static_cast<std::int64_t>(server.attachments.size());
    for (const auto& held : server.attachments) {
      const auto* device = state.find_device(held.device);
      leaving.usable += device != nullptr && is_usable(*device) && may_match(*device, request);
    }
  }
  return supply;
}

host_tenancy tenancy_of(const cluster_state& state, model::host_id host, model::timestamp now) {
  const auto& entry = *state.find_host(host);
  host_tenancy all{host_update(entry, state), {}};
  for (const auto& id : entry.servers) {
    const auto& server = state.find_server(id)->record;
    all.tenants.push_back({allocation_update(server), end_of(server, now), server.created});
  }
  return all;
}

} // namespace berth::control
