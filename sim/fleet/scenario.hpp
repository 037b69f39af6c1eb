#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/queue_keeper.hpp"
#include "model/device.hpp"
#include "model/host.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"
#include "scheduler/capacity_watch.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::sim {

using scheduler::capacity_shape;

/// Hosts of one make. Their ids and those of their devices come from the order in which they
/// arrive.
struct host_group {
  std::string name;
  model::host_info machine; ///< of each; id, name and device ids are replaced
  std::uint32_t count = 0;
  model::duration from{}; ///< when they are there: 0 = from the start; else a purchase
  model::resources reserve_per_gpu = model::default_gpu_reserve;
  std::int32_t cpu_overcommit_milli = 1000;    ///< 1000 = 1.0
  std::int32_t memory_overcommit_milli = 1000; ///< 1000 = 1.0
  std::uint32_t hosts_per_rack = 0;            ///< racks of so many, in order; 0: none
};

/// Least time plus an exponentially distributed rest.
struct random_time {
  model::duration least{};
  model::duration mean_rest{};
};

/// How often something breaks, and how long it takes to mend: exponentially distributed.
struct failure_rate {
  model::duration mean_between{}; ///< zero: never
  model::duration mean_repair{};
};

/// Hosts of a group that are taken out of service one batch after another. From `drain` before its
/// turn a host takes no new servers; those that are still there when its turn comes are evicted.
struct maintenance_plan {
  std::string group; ///< a host_group's name; empty: every host, in the order in which they came
  model::duration from{};    ///< the first batch's turn
  model::duration lasts{};   ///< until a batch is back and the next one's turn comes
  model::duration drain{};   ///< how long before its turn a host is closed
  std::uint32_t at_once = 1; ///< hosts of a batch
};

/// A server that is there from the start.
struct standing_server {
  std::uint32_t host = 0;             ///< counted over the hosts that are there from the start
  std::vector<std::uint32_t> devices; ///< of that host, in the order of its machine
  model::resources amount;
  std::optional<model::duration> ends; ///< after the start; nullopt: never
};

/// What is simulated, but for what arrives.
struct scenario {
  std::vector<host_group> hosts;
  std::vector<standing_server> standing;
  const scheduler::policy* policy = &scheduler::best_fit;
  /// Whether the scheduler is told when a server will leave, as a user's `lifetime` does.
  bool tell_lifetimes = false;
  /// How long a server that fits nowhere waits, if its arrival does not say; zero: it is refused.
  model::duration patience{};
  control::reservation_rules reservations; ///< when hosts are kept for those that wait
  model::duration horizon{};               ///< the run ends then; zero: with the last arrival
  /// From the end of a server to its devices' being free: a reset and its verification.
  random_time turnover;
  double quarantine_probability = 0; ///< of a device's turnover
  model::duration mean_quarantine{}; ///< until a quarantined device is free again
  failure_rate devices;              ///< of each device: its server fails with it
  failure_rate machines;             ///< of each host: its servers fail with it
  failure_rate racks;                ///< of each rack: its hosts fail together
  std::vector<maintenance_plan> maintenance;
  /// Servers of which it is recorded how many more would fit, and what is stranded for them; none:
  /// nothing of that, and it is faster.
  std::vector<capacity_shape> shapes;
};

} // namespace berth::sim
