#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/study/runner.hpp"
#include "sim/study/statistics.hpp"

namespace berth::sim {

/// What was played to find a purchase.
struct purchase_trial {
  std::vector<std::uint32_t> counts; ///< hosts, by offer
  double cost = 0;
  estimate refused_percent;           ///< of the GPUs that are asked for
  std::optional<estimate> wait_p95_s; ///< seconds; nullopt: no goal asks for it
  bool meets_goal = false;            ///< at the study's confidence
  variant runs;                       ///< that say so
};

struct purchase_answer {
  std::vector<purchase_trial> trials; ///< by cost, ascending
  std::optional<std::size_t> chosen;  ///< the cheapest of them that meets the goal
  /// Why no purchase can meet the goal, whatever the policy: a bound that proves it. Only if none
  /// was found.
  std::optional<std::string> impossible;
  bool partial = false; ///< it was stopped before the search was over
};

/// Looks for the cheapest purchase with which the service is as good as the study's goal asks, at
/// the study's confidence: the upper end of a one-sided interval over the seeds must keep it. The
/// policy is the study's first. Takes for granted that more hosts serve no worse: of the last offer
/// the smallest number that does is found by halving, for every number of the others that can still
/// be cheaper than what was found.
///
/// Fails with invalid_argument without offers or with fewer than two seeds, and as play() does.
[[nodiscard]] model::result<purchase_answer>
find_purchase(const study& what, const offered_demand& demand, const play_options& how);

/// The scenario with so many hosts of each offer.
[[nodiscard]] scenario with_purchase(const study& what, const std::vector<std::uint32_t>& counts);

/// A share of the GPUs asked for that must be refused on these hosts, whatever the policy: those of
/// servers that no host holds even when empty, and that give up before the end; and what all GPUs
/// together cannot serve in the time, those who would stay longest left out first. The latter is 0
/// where failures or maintenance end servers early.
struct refusal_bound {
  double misfits_percent = 0; ///< of servers that no host holds
  double overload_percent = 0;
  double gpu_days_there = 0; ///< of all hosts up to the end
  double gpu_days_asked = 0; ///< at least, of the servers that some host holds

  [[nodiscard]] double percent() const { return misfits_percent + overload_percent; }
};
[[nodiscard]] model::result<refusal_bound>
bound_of(const scenario& what, const offered_demand& demand, std::uint64_t seed);

} // namespace berth::sim
