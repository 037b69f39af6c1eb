#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/plan.hpp"
#include "model/request.hpp"
#include "scheduler/inventory_update.hpp"
#include "scheduler/policy.hpp"

namespace berth::scheduler {

/// A scheduler that is slow and obvious: it tries every set of devices on every host. It shares the
/// definition of the scores with the real one, and nothing else.
struct reference_world {
  std::map<model::host_id, host_changed> hosts; ///< devices in PCI order
  std::map<model::server_id, server_allocated> servers;
  std::set<model::device_id> taken; ///< by allocations, until the device is heard of again

  void apply(const inventory_update& update);
};

struct reference_decision {
  bool fits = false;
  model::host_id host;
  std::set<model::device_id> devices;
  std::map<std::string, std::int64_t> excluded; ///< hosts by first failing rule
};

[[nodiscard]] reference_decision reference_plan(const reference_world& world,
                                                const model::placement_request& request,
                                                const policy& how = best_fit);

/// True if the devices, taken in the order of the request, are what each part of it asks for.
[[nodiscard]] bool serves_in_order(const reference_world& world,
                                   const model::placement_request& request,
                                   const std::vector<model::device_id>& devices);

} // namespace berth::scheduler
