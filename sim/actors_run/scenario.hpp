#pragma once

#include <cstdint>
#include <vector>

#include "control/queue_keeper.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/simulated_backend.hpp"
#include "model/time.hpp"
#include "scheduler/scheduler.hpp"
#include "sim/faulty_network.hpp"
#include "sim/fleet/scenario.hpp"

namespace berth::sim {

/// What befalls the hosts while servers come and go. Times are exponentially distributed.
struct mishap_rates {
  failure_rate machines; ///< of each host: it loses power, and its agent and guests with it
  failure_rate devices;  ///< of each device: it leaves its slot, and is put back
  failure_rate links;    ///< of each host: it is cut off from the controller
};

/// A fleet that the production actors run.
struct actors_scenario {
  std::vector<hostbackend::simulated::simulated_host> hosts;
  /// Times of operations, and the faults of single ones.
  hostbackend::simulated::simulated_settings machines;
  link_faults network;
  mishap_rates mishaps;
  const scheduler::policy* policy = &scheduler::best_fit;
  /// Whether a server is created with its lifetime, as a hint to the scheduler.
  bool tell_lifetimes = false;
  /// How long a server that fits nowhere waits, if its arrival does not say; zero: it is refused.
  model::duration patience{};
  control::reservation_rules reservations; ///< when hosts are kept for those that wait
  model::duration horizon{};               ///< of the demand; zero: until the last arrival
  /// From the start to the demand's first moment: hosts register and their devices are made ready.
  model::duration lead = std::chrono::minutes{2};
  /// After the horizon nothing fails any more, and so much later everything must have settled.
  model::duration calm = std::chrono::minutes{30};
  /// The controller makes a snapshot after so many events and drops what is older; 0: never.
  std::uint64_t snapshot_events = 200'000;
};

} // namespace berth::sim
