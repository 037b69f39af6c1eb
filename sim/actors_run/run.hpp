#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "model/time.hpp"
#include "sim/actors_run/scenario.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/fleet/distribution.hpp"
#include "sim/fleet/observer.hpp"

namespace berth::sim {

/// What became of a demand, as its clients saw it.
struct load_figures {
  std::uint64_t arrived = 0;
  std::uint64_t placed = 0;
  std::uint64_t refused = 0;                       ///< at once, or after waiting in vain
  std::uint64_t gave_up = 0;                       ///< of the refused: after waiting in vain
  std::map<std::string, std::uint64_t> refused_by; ///< by the deciding rule
  std::map<std::string, std::uint64_t> rejected;   ///< not valid as asked, by the error's name
  std::uint64_t waiting = 0;                       ///< in the end
  std::uint64_t longest_queue = 0;
  std::uint64_t living = 0;                      ///< have their place in the end
  std::uint64_t living_max = 0;                  ///< at a time
  std::uint64_t ended = 0;                       ///< nothing is left of them
  std::uint64_t retries = 0;                     ///< requests that were answered "later"
  std::map<std::string, std::uint64_t> troubles; ///< of placed servers, by the status they fell to
  distribution waits{};                          ///< from the request to the place, of the placed
  distribution starts{};                         ///< from the place to the running guest

  friend bool operator==(const load_figures&, const load_figures&) = default;
};

/// What befell the hosts.
struct mishap_counts {
  std::uint64_t machines = 0;
  std::uint64_t devices = 0;
  std::uint64_t links = 0;

  friend bool operator==(const mishap_counts&, const mishap_counts&) = default;
};

struct actors_result {
  load_figures load;
  mishap_counts mishaps;
  std::uint64_t starts = 0;            ///< of guests, as the machines saw it
  std::vector<std::string> violations; ///< of what must always hold; empty: none
  model::duration span{};              ///< of virtual time, lead and calm included
  std::uint64_t steps = 0;             ///< messages handled and timers fired
  std::uint64_t frames = 0;            ///< sent over the host links
  std::uint64_t frames_lost = 0;
  std::uint64_t events = 0; ///< in the controller's log
  std::uint64_t trace_hash = 0;

  friend bool operator==(const actors_result&, const actors_result&) = default;
};

/// Plays the demand against a live controller and live agents, production actors all of them, on
/// virtual time with simulated machines and links. Each arrival is a create command at the door
/// that the API uses, each end a delete command; arrivals are taken up to the horizon. `watching`
/// is told of the controller's decisions, numbered as in sim::run; it changes nothing.
///
/// Equal arguments give equal results, the trace hash included. Fails with invalid_argument when
/// there are no hosts, two of one name or with one id, or a time is negative.
[[nodiscard]] model::result<actors_result> run_actors(const actors_scenario& what,
                                                      arrival_source& demand, std::uint64_t seed,
                                                      observer* watching = nullptr);

} // namespace berth::sim
