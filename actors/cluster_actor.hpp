#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/fwd.hpp>

#include "actors/cluster_door.hpp"
#include "actors/cluster_observer.hpp"
#include "actors/event_feed.hpp"
#include "actors/interfaces.hpp"
#include "control/cluster.hpp"
#include "model/random.hpp"

namespace berth::actors {

/// What the cluster actor works with. Shared parts outlive it.
struct cluster_parts {
  control::cluster_config config;
  model::random dice{0}; ///< makes server ids: seed it from the system's entropy in production
  std::function<model::timestamp()> clock;
  std::shared_ptr<cluster_door> door;
  std::shared_ptr<event_feed> feed;
  std::shared_ptr<cluster_observer> observer; ///< may be null
  /// Set while the cluster takes requests; read by cluster_port::ready().
  std::shared_ptr<std::atomic<bool>> ready;
  store_writer_actor writer;
  std::vector<scheduler_actor> schedulers; ///< at least one; requests are dealt out in turn
  /// Pools of their own, by project: its requests are dealt out among these.
  std::map<std::string, std::vector<scheduler_actor>, std::less<>> pools;
  std::size_t batch_events_max = 4096; ///< in one append; the rest waits for the next
  model::duration snapshot_interval = std::chrono::seconds{1};
  /// Between two counts of the capacity, which a scheduler makes.
  model::duration capacity_interval = std::chrono::seconds{5};
  /// Events that nobody waits for (hosts' reports) gather so long before they are appended, or
  /// until there are `gather_events` of them: an append costs the same for one event as for a
  /// hundred.
  model::duration gather_time = std::chrono::milliseconds{5};
  std::size_t gather_events = 2048;
  /// Ticks of the machine come no closer than this.
  model::duration tick_spacing = std::chrono::milliseconds{2};
};

/// Starts the cluster on what the store holds, as a new leadership. Lets the door wake it.
[[nodiscard]] cluster_actor spawn_cluster(caf::actor_system& system, cluster_parts parts,
                                          control::cluster_state loaded);

} // namespace berth::actors
