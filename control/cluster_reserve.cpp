#include "control/cluster_machine.hpp"
#include "control/queue_hosts.hpp"

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
  return control::has_model(state, name);
}

bool cluster::machine::may_be_kept(model::host_id host) const {
  return control::may_be_kept(state, host);
}

void cluster::machine::walk_hosts(
    std::uint64_t after, const std::function<bool(std::uint64_t, model::host_id)>& visit) const {
  control::walk_hosts(state, after, visit);
}

std::optional<host_supply>
cluster::machine::supply_of(model::host_id host, const model::placement_request& request) const {
  return control::supply_of(state, host, request);
}

host_tenancy cluster::machine::tenancy_of(model::host_id host) const {
  return control::tenancy_of(state, host, now);
}

} // namespace berth::control
