#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "model/time.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/fleet/distribution.hpp"
#include "sim/fleet/observer.hpp"
#include "sim/fleet/scenario.hpp"
#include "sim/fleet/waits.hpp"

namespace berth::sim {

/// GPUs of one model over the run.
struct model_figures {
  std::int64_t gpus = 0;      ///< that there are in the end, broken ones included
  double gpu_seconds = 0;     ///< that there were
  double held_seconds = 0;    ///< of them: held by servers
  double cleaned_seconds = 0; ///< in turnover or quarantine
  double broken_seconds = 0;

  friend bool operator==(const model_figures&, const model_figures&) = default;
};

/// Servers of one number of GPUs.
struct size_figures {
  std::uint64_t arrived = 0;
  std::uint64_t placed = 0;
  distribution waits{}; ///< of those that were placed, the ones that were placed at once included

  friend bool operator==(const size_figures&, const size_figures&) = default;
};

/// GPUs of one model at a moment; what is none of the first four is free.
struct model_moment {
  std::int64_t gpus = 0;
  std::int64_t held = 0;
  std::int64_t cleaned = 0;
  std::int64_t broken = 0;
  std::int64_t stranded =
      0; ///< free, but of no use to the smallest server whose capacity is followed
  double fragmentation = 0; ///< as berth_fragmentation_ratio has it (docs/metrics.md)

  [[nodiscard]] std::int64_t free() const { return gpus - held - cleaned - broken; }
  friend bool operator==(const model_moment&, const model_moment&) = default;
};

/// How things stand at the end of an equal share of the run.
struct moment {
  model::duration at{};
  std::vector<model_moment> models;                ///< in the order of run_result::models
  std::vector<std::int64_t> placeable;             ///< more servers that fit, by run_result::shapes
  std::uint64_t waiting = 0;                       ///< servers
  std::uint64_t gpus_waiting = 0;                  ///< that they ask for
  std::uint64_t arrived = 0;                       ///< servers, up to now
  std::uint64_t placed = 0;                        ///< of them
  std::uint64_t failed = 0;                        ///< of them, with their host or a device
  std::uint64_t living = 0;                        ///< servers that have their place now
  std::uint64_t hosts = 0;                         ///< that there are, broken ones included
  std::uint64_t hosts_down = 0;                    ///< of them: broken, or in maintenance
  std::map<std::string, std::uint64_t> refused_by; ///< up to now, by the deciding rule
  std::vector<waits_so_far> waits;                 ///< by class; fewer: none of the others yet
  /// GPUs held per thousand of those there are, by rows of hosts in order (run_result::rows);
  /// nothing_there where no GPU is.
  std::vector<std::uint16_t> rows;

  friend bool operator==(const moment&, const moment&) = default;
};
inline constexpr std::uint16_t nothing_there = UINT16_MAX;

/// Hosts that a heat map shows as one.
struct host_row {
  std::string first; ///< names of its first and its last host
  std::string last;

  friend bool operator==(const host_row&, const host_row&) = default;
};

struct run_result {
  std::uint64_t arrived = 0;
  std::uint64_t placed = 0;
  std::uint64_t refused = 0;                       ///< at once, or after waiting in vain
  std::uint64_t gave_up = 0;                       ///< of the refused: after waiting in vain
  std::uint64_t waiting = 0;                       ///< in the end
  std::uint64_t longest_queue = 0;                 ///< servers
  std::map<std::string, std::uint64_t> refused_by; ///< by the deciding rule
  std::uint64_t ended = 0;                         ///< when their time was over
  std::uint64_t failed = 0;                        ///< with their host or a device
  std::uint64_t evicted = 0;                       ///< for maintenance
  std::uint64_t standing = 0;                      ///< that were there from the start; not arrived
  std::uint64_t living = 0;                        ///< in the end
  double gpus_asked = 0;                           ///< of all arrivals together
  double gpus_refused = 0;
  distribution waits{};                        ///< of all that were placed
  std::map<std::uint16_t, size_figures> sizes; ///< by GPUs
  std::map<std::string, model_figures> models;
  std::vector<capacity_shape> shapes;       ///< whose capacity was followed
  std::vector<host_row> rows;               ///< at most rows_max
  std::vector<moment> series;               ///< at most moments_max, evenly spaced
  std::vector<waits_so_far> waits_by_class; ///< in the end, as moment::waits
  model::duration span{};                   ///< how long the run lasted
  std::uint64_t events = 0;                 ///< arrivals included
  bool cut = false;                         ///< it was stopped before its end

  friend bool operator==(const run_result&, const run_result&) = default;
};
inline constexpr std::size_t rows_max = 128;
inline constexpr std::size_t moments_max = 512;

/// What others may see and do of a run while it is played, from other threads.
struct run_watch {
  std::atomic<bool> stop{false};        ///< ends it soon, where it is
  std::atomic<std::int64_t> now{0};     ///< nanoseconds since its start, every few thousand events
  std::atomic<std::uint64_t> events{0}; ///< likewise
};

/// Fails with invalid_argument when hosts cannot be kept like that.
[[nodiscard]] model::result<void> check_reservations(const control::reservation_rules& how);

/// Who listens to a run; nobody changes its result, but for run_watch::stop.
struct run_audience {
  observer* decisions = nullptr;
  run_watch* watch = nullptr;
};

/// Plays the arrivals on the fleet, with the production scheduler and from the seed alone: the same
/// arguments give the same result on every machine. A server that fits nowhere waits as long as
/// it has patience, or is refused. Takes the arrivals up to the horizon.
///
/// Fails with invalid_argument when the scenario has no hosts, or a time or probability that cannot
/// be.
[[nodiscard]] model::result<run_result> run(const scenario& what, arrival_source& demand,
                                            std::uint64_t seed, const run_audience& audience = {});

} // namespace berth::sim
