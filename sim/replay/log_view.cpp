#include "sim/replay/log_view.hpp"

#include <utility>

#include "control/queue_hosts.hpp"

namespace berth::sim {

model::decision log_view::decide(const model::server_record& server,
                                 const std::vector<model::host_id>& came_free) {
  control::queue_keeper keeper{*this, {}};
  auto request = to_placement_request(server.id, server.spec, now_);
  return keeper.decide(request, policy_of(server.spec->project), came_free);
}

std::optional<control::outlook> log_view::outlook_of(const model::server_record& server,
                                                     model::host_id host) {
  const auto request = to_placement_request(server.id, server.spec, now_);
  std::vector<std::string> exact;
  for (const auto& wish : request.devices)
    for (const auto& each : wish.alternatives)
      if (!each.model.empty() && has_model(each.model))
        exact.push_back(each.model);
  return control::departing_host{tenancy_of(host), now_, exact}.make_room_for(request);
}

std::optional<model::reservation> log_view::choose_for(model::server_id server) {
  chosen_.reset();
  control::queue_keeper keeper{*this, {}};
  keeper.choose_for(server);
  while (keeper.is_searching())
    keeper.search_on(now_);
  return std::exchange(chosen_, std::nullopt);
}

const model::server_record* log_view::waiting_server(model::server_id id) const {
  const auto* entry = state_.find_server(id);
  return entry != nullptr && is_waiting(entry->record) ? &entry->record : nullptr;
}

bool log_view::has_model(std::string_view name) const {
  return control::has_model(state_, name);
}

bool log_view::may_be_kept(model::host_id host) const {
  return control::may_be_kept(state_, host);
}

void log_view::walk_hosts(std::uint64_t after,
                          const std::function<bool(std::uint64_t, model::host_id)>& visit) const {
  control::walk_hosts(state_, after, visit);
}

std::optional<control::host_supply>
log_view::supply_of(model::host_id host, const model::placement_request& request) const {
  return control::supply_of(state_, host, request);
}

control::host_tenancy log_view::tenancy_of(model::host_id host) const {
  return control::tenancy_of(state_, host, now_);
}

} // namespace berth::sim
