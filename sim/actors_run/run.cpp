#include "sim/actors_run/run.hpp"

#include <set>

#include "sim/actors_run/clients.hpp"
#include "sim/actors_run/mishaps.hpp"
#include "sim/actors_run/verdict.hpp"
#include "sim/fleet/run.hpp"
#include "sim/world.hpp"

namespace berth::sim {

namespace {

/// Of kernel::dice(); the world has the first two.
constexpr std::uint64_t mishap_dice = 3;

model::result<void> check(const actors_scenario& what) {
  const auto bad = [](const std::string& text) -> model::result<void> {
    return model::fail(model::errc::invalid_argument, text);
  };
  if (what.hosts.empty())
    return bad("there are no hosts: give at least one");
  std::set<std::string> names;
  std::set<model::host_id> ids;
  std::set<model::device_id> devices;
  for (const auto& host : what.hosts) {
    if (!names.insert(host.name).second)
      return bad("two hosts are called " + host.name + ": give every host a name of its own");
    bool is_twin = !ids.insert(host.id).second;
    for (std::size_t i = 0; i < host.kind->devices.size(); ++i)
      is_twin |= !devices.insert(hostbackend::simulated::device_id_of(host, i)).second;
    if (is_twin)
      return bad("host " + host.name +
                 " has an id that another host has, too: its machine has fixed ids and can stand "
                 "only once");
  }
  for (const auto& rate : {what.mishaps.machines, what.mishaps.devices, what.mishaps.links})
    if (rate.mean_between.count() < 0 || rate.mean_repair.count() < 0)
      return bad("a time between mishaps or until they are mended is negative: must be 0 or more");
  for (const auto time : {what.patience, what.horizon, what.lead, what.calm})
    if (time.count() < 0)
      return bad("a time of the scenario is negative: must be 0 or more");
  return check_reservations(what.reservations);
}

world_options options_of(const actors_scenario& what, std::uint64_t seed) {
  world_options options;
  options.seed = seed;
  options.hosts = what.hosts;
  options.machines = what.machines;
  options.network = what.network;
  options.cluster.scheduling.policy = what.policy;
  options.cluster.reservations = what.reservations;
  options.snapshot_events = what.snapshot_events;
  return options;
}

} // namespace

model::result<actors_result> run_actors(const actors_scenario& what, arrival_source& demand,
                                        std::uint64_t seed, observer* watching) {
  if (auto possible = check(what); !possible)
    return tl::unexpected{std::move(possible.error())};
  world all{options_of(what, seed)};
  const auto begin = all.time().now();
  all.start_controller();
  for (std::size_t host = 0; host < all.hosts(); ++host)
    all.start_agent(host);
  all.time().run_for(what.lead);
  clients load{all, what, demand, watching};
  mishaps fate{all, what, all.time().dice(mishap_dice)};
  load.start();
  fate.start();
  if (what.horizon.count() > 0)
    all.time().run_for(what.horizon);
  else
    (void)all.time().run_until([&] { return load.all_arrived(); }, model::duration::max() / 4);
  actors_result result;
  result.load = load.figures();
  load.stop();
  fate.stop();
  all.stop_faults();
  all.time().run_for(what.calm);
  result.mishaps = fate.counted();
  result.violations = find_violations(all, load);
  result.starts = all.auditor().starts();
  result.span = all.time().now() - begin;
  result.steps = all.time().steps();
  result.frames = all.network().counted().sent;
  result.frames_lost = all.network().counted().lost;
  result.events = all.log().last_sequence();
  result.trace_hash = all.time().trace_hash();
  return result;
}

} // namespace berth::sim
