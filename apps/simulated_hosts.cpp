#include "apps/simulated_hosts.hpp"

#include <utility>

#include "apps/machine_files.hpp"
#include "hostbackend/simulated/inventory.hpp"
#include "hostbackend/simulated/simulated_backend.hpp"
#include "model/random.hpp"

namespace berth::apps {

namespace simulated = hostbackend::simulated;

namespace {

model::result<std::vector<simulated::simulated_host>> read_machines(const host_config& config) {
  if (!config.simulated_inventory.empty())
    return simulated::load_inventory(config.simulated_inventory, machines_directory());
  auto kind = find_machine(config.simulated_machine);
  if (!kind)
    return tl::unexpected{std::move(kind.error())};
  return std::vector{simulated::make_host(config.name, std::move(*kind))};
}

} // namespace

model::result<std::vector<agent_machine>> make_simulated_hosts(const host_config& config,
                                                               hostbackend::timer& timer) {
  auto machines = read_machines(config);
  if (!machines)
    return tl::unexpected{std::move(machines.error())};
  auto settings = std::make_shared<simulated::simulated_settings>();
  settings->agent_version = std::string{version()};
  settings->hot_plug = config.hot_plug;
  settings->time_scale = config.simulated_time_scale;
  if (!config.simulated_faults.empty()) {
    auto faults = simulated::load_fault_plan(config.simulated_faults);
    if (!faults)
      return tl::unexpected{std::move(faults.error())};
    settings->faults = std::move(*faults);
  }
  model::random dice{static_cast<std::uint64_t>(config.simulated_seed)};
  std::vector<agent_machine> made;
  made.reserve(machines->size());
  for (auto& each : *machines) {
    auto name = each.name;
    made.push_back({std::move(name), std::make_shared<simulated::simulated_backend>(
                                         std::move(each), settings, timer, dice.split())});
  }
  return made;
}

} // namespace berth::apps
