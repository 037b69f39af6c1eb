#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::sim {

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

/// What is simulated, but for what arrives.
struct scenario {
  std::vector<host_group> hosts;
  const scheduler::policy* policy = &scheduler::best_fit;
  /// Whether the scheduler is told when a server will leave, as a user's `lifetime` does.
  bool tell_lifetimes = false;
  model::duration horizon{}; ///< the run ends then; zero: with the last arrival
  /// From the end of a server to its devices' being free: a reset and its verification.
  random_time turnover;
  double quarantine_probability = 0; ///< of a device's turnover
  model::duration mean_quarantine{}; ///< until a quarantined device is free again
  failure_rate devices;              ///< of each device: its server fails with it
  failure_rate machines;             ///< of each host: its servers fail with it
};

} // namespace berth::sim
