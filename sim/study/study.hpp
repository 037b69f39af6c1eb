#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/time.hpp"
#include "sim/demand/generator.hpp"
#include "sim/demand/readers.hpp"
#include "sim/fleet/scenario.hpp"
#include "sim/snapshot/snapshot_file.hpp"

namespace berth::sim {

/// Where what arrives comes from: a trace, or a plan from which each seed draws other arrivals.
struct demand_input {
  std::string trace;   ///< a file, - is standard input; empty: `plan` is given
  bool is_log = false; ///< the trace is a controller's store, and no table
  trace_format format = trace_format::berth; ///< of a table
  std::string version;                       ///< of this program, for what is said of a newer store
  read_options reading;
  bool draw = false; ///< fit a plan to the trace, and draw from that
  std::optional<demand_plan> plan;
  double growth_per_month = 0; ///< of what is drawn: 0.05 is 5 % more every month
};

/// Hosts that can be bought.
struct purchase_offer {
  host_group hosts;      ///< `count` and `from` are ignored
  double price = 0;      ///< of one host, in whatever currency
  std::uint32_t max = 0; ///< that can be had
};

/// What `berth-sim plan` looks for: the cheapest purchase with which the service is this good.
struct service_goal {
  double refused_max = 0.01;                   ///< share of the GPUs that are asked for
  std::optional<model::duration> wait_p95_max; ///< of the servers that are placed
  model::duration from{};                      ///< when the purchase is there
  std::vector<purchase_offer> offers;
};

/// A scenario as a person wrote it, read and checked, with nothing played yet.
struct study {
  std::string name = "scenario";
  scenario base; ///< its policy is the first of `policies`
  std::vector<const scheduler::policy*> policies{&scheduler::best_fit};
  demand_input demand;
  /// Servers that wait at the start, in the order of the queue: they arrive before all others.
  std::vector<waiting_server> waiting;
  service_goal goal;
  unsigned seeds = 1;
  unsigned jobs = 1;        ///< runs at a time
  double confidence = 0.95; ///< of the intervals
  /// What somebody who plays it should know: what of a snapshot was left out.
  std::vector<std::string> remarks;
};

} // namespace berth::sim
