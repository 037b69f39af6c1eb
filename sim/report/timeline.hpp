#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/study/result.hpp"

namespace berth::sim {

/// Moments that all runs are looked at, seconds from the start, ascending.
using time_grid = std::vector<double>;
/// Those of the run that lasts longest.
[[nodiscard]] time_grid grid_of(const study_result& all);

/// A value over time: of each moment of the grid the mean over the runs that reach it, and its
/// extremes. Ends with the longest run.
struct band {
  std::vector<double> mean;
  std::vector<double> least;
  std::vector<double> most;
};

using moment_value = std::function<std::optional<double>(const run_result& run, const moment& at)>;

/// Between its moments a run's value is that of the one before; nullopt: the run has no such value
/// then. Empty if no run ever has it.
[[nodiscard]] band band_over(const variant& of, const time_grid& grid, const moment_value& value);

/// The largest value of all bands; 0 of none.
[[nodiscard]] double most_of(const std::vector<band>& all);

} // namespace berth::sim
