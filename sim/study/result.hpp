#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/fleet/run.hpp"

namespace berth::sim {

/// One fate of a variant.
struct played {
  std::uint64_t seed = 0;
  run_result result;
};

/// What is compared with others: a policy, an inventory.
struct variant {
  std::string name;
  std::vector<played> runs; ///< by seed, ascending
};

/// A scenario that was played: all that the outputs are made of.
struct study_result {
  std::string scenario;           ///< its name
  std::vector<variant> variants;  ///< not empty; the first is what others are compared with
  double confidence = 0.95;       ///< of the intervals
  std::uint64_t seeds_wanted = 0; ///< of each variant
  bool partial = false;           ///< it was ended before all seeds were played
};

} // namespace berth::sim
