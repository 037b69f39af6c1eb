#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "control/cluster_state.hpp"
#include "control/host_outlook.hpp"

namespace berth::control {

// What the keeper of a queue wants to know of the hosts (control/queue_keeper.hpp), read from the
// state of a cluster.

/// Whether some device has exactly this model, without regard to case.
[[nodiscard]] bool has_model(const cluster_state& state, std::string_view name);
/// Enabled and not in maintenance, whether or not it is there at the moment.
[[nodiscard]] bool may_be_kept(const cluster_state& state, model::host_id host);
/// By order of creation, those created after `after`, until `visit` says no.
void walk_hosts(const cluster_state& state, std::uint64_t after,
                const std::function<bool(std::uint64_t, model::host_id)>& visit);
/// nullopt: nothing comes there now. `request.now` is the time of the question.
[[nodiscard]] std::optional<host_supply> supply_of(const cluster_state& state, model::host_id host,
                                                   const model::placement_request& request);
/// The host must exist.
[[nodiscard]] host_tenancy tenancy_of(const cluster_state& state, model::host_id host,
                                      model::timestamp now);

} // namespace berth::control
