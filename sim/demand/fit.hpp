#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/demand/generator.hpp"

namespace berth::sim {

struct fit_options {
  /// How long was looked; the demand's last arrival if not said.
  std::optional<model::duration> observed{};
  /// Hours of the day and days of the week are told apart only from so many arrivals on, and from
  /// so long a time.
  std::uint64_t weights_arrivals_min = 1'000;
  model::duration hours_observed_min = std::chrono::days{3};
  model::duration weekdays_observed_min = std::chrono::days{13};
  /// Servers that all arrive at 0 were there before, if they are so many times what else arrives
  /// in an hour: they become the plan's standing ones.
  double standing_hours_min = 5;
  /// A family is good enough if its distribution function is nowhere further than this from what
  /// was seen (a small sample, whose distance may be chance: than 0.1 at most), and its mean no
  /// more than `mean_error_max` beside it. If none is, the law is empirical.
  double distance_max = 0.03;
  double mean_error_max = 0.1;
  /// Servers of one GPU count get a lifetime law of their own from so many on.
  std::uint64_t own_lifetime_min = 200;
  std::size_t empirical_values_max = 1'000;
  /// Kinds of servers (GPUs, model, vCPUs, memory, topology, priority) that are kept as they are,
  /// the most frequent; the others are merged by GPUs and model, with the mean of their CPUs and
  /// memory and the most frequent wishes.
  std::size_t shapes_max = 256;
};

/// How a family of distributions fits lifetimes.
struct family_fit {
  lifetime_law law;
  double distance = 0;   ///< Kolmogorov and Smirnov's: the largest between distribution functions
  double mean_error = 0; ///< of the mean, relative
};

/// The lifetimes of servers of some GPU counts.
struct lifetime_fit {
  std::vector<std::uint16_t> gpus; ///< whose law it is
  bool standing = false;           ///< of those that were there before
  std::uint64_t servers = 0;
  std::uint64_t endless = 0;
  std::vector<family_fit> candidates; ///< exponential, lognormal, weibull; none if all are equal
  double distance_max = 0;            ///< up to which one was good enough
};

/// How uneven arrivals are beyond what hours and weekdays explain.
struct dispersion {
  model::duration window{};
  double index = 1; ///< variance of the counts over their mean; 1: Poisson
};

struct demand_fit {
  demand_plan plan;
  std::uint64_t arrivals = 0;
  model::duration observed{};
  std::vector<lifetime_fit> lifetimes; ///< as plan.lifetimes
  std::vector<dispersion> dispersions; ///< by rising window
};

/// The generator's parameters that make arrivals like these. Growth, dates of models and patience
/// are not looked for.
/// The same demand gives the same fit on every machine. Fails with invalid_argument if there are
/// fewer than two arrivals, or all at one moment.
[[nodiscard]] model::result<demand_fit> fit(const demand& seen, const fit_options& options = {});

/// For a person, several lines.
[[nodiscard]] std::string to_text(const demand_fit& found);

} // namespace berth::sim
