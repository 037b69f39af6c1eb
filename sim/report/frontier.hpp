#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/study/statistics.hpp"

namespace berth::sim {

/// A purchase that was played: what it costs, and how good the service is with it.
struct frontier_point {
  std::string label;
  double cost = 0;          ///< in whatever currency
  estimate refused_percent; ///< of the GPUs that are asked for
  std::optional<estimate>
      wait_p95_s; ///< seconds, of the servers that are placed; nullopt: not asked
  bool meets_goal = false;
  bool chosen = false; ///< the cheapest that meets the goal
};

/// In the order in which they are listed.
using frontier = std::vector<frontier_point>;

} // namespace berth::sim
