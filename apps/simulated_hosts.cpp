#include "apps/simulated_hosts.hpp"

#include <filesystem>
#include <utility>

#include "hostbackend/simulated/inventory.hpp"
#include "hostbackend/simulated/simulated_backend.hpp"
#include "model/random.hpp"

namespace berth::apps {

namespace simulated = hostbackend::simulated;

namespace {

/// The machine descriptions that come with the program: installed beside it, or in the source tree
/// that it was built in.
std::string machines_directory() {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const auto* place : {"../share/berth/machines", "../../../machines"})
    if (const auto found = program / place; std::filesystem::is_directory(found, ignored))
      return std::filesystem::weakly_canonical(found).string();
  return "machines";
}

model::result<std::vector<simulated::simulated_host>> read_machines(const host_config& config) {
  if (!config.simulated_inventory.empty())
    return simulated::load_inventory(config.simulated_inventory, machines_directory());
  auto path = config.simulated_machine;
  if (path.find('/') == std::string::npos && !path.ends_with(".yaml"))
    path = machines_directory() + "/" + path + ".yaml";
  auto kind = simulated::load_machine(path);
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
