#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "model/time.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/fleet/scenario.hpp"

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

  friend bool operator==(const size_figures&, const size_figures&) = default;
};

/// GPUs at the end of an equal share of the run.
struct moment {
  model::duration at{};
  std::int64_t gpus = 0;
  std::int64_t held = 0;
  std::int64_t free = 0;

  friend bool operator==(const moment&, const moment&) = default;
};

struct run_result {
  std::uint64_t arrived = 0;
  std::uint64_t placed = 0;
  std::uint64_t refused = 0;
  std::map<std::string, std::uint64_t> refused_by; ///< by the deciding rule
  std::uint64_t ended = 0;                         ///< when their time was over
  std::uint64_t failed = 0;                        ///< with their host or a device
  std::uint64_t living = 0;                        ///< in the end
  double gpus_asked = 0;                           ///< of all arrivals together
  double gpus_refused = 0;
  std::map<std::uint16_t, size_figures> sizes; ///< by GPUs
  std::map<std::string, model_figures> models;
  std::vector<moment> series; ///< at most moments_max, evenly spaced
  model::duration span{};     ///< how long the run lasted
  std::uint64_t events = 0;   ///< arrivals included

  friend bool operator==(const run_result&, const run_result&) = default;
};
inline constexpr std::size_t moments_max = 512;

/// Plays the arrivals on the fleet, with the production scheduler and from the seed alone: the same
/// arguments give the same result on every machine. A server that fits nowhere is refused: nothing
/// waits. Takes the arrivals up to the horizon.
///
/// Fails with invalid_argument when the scenario has no hosts, or a time or probability that cannot
/// be.
[[nodiscard]] model::result<run_result> run(const scenario& what, arrival_source& demand,
                                            std::uint64_t seed);

} // namespace berth::sim
