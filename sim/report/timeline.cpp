#include "sim/report/timeline.hpp"

#include <algorithm>

#include "sim/report/figures.hpp"

namespace berth::sim {

namespace {

/// The moment that holds at `time`; null before the first and after the end of the run.
const moment* moment_at(const run_result& run, double time) {
  if (run.series.empty() || time > in_seconds(std::max(run.span, run.series.back().at)))
    return nullptr;
  const auto after = std::ranges::upper_bound(run.series, time, {},
                                              [](const moment& at) { return in_seconds(at.at); });
  return after == run.series.begin() ? nullptr : &*std::prev(after);
}

} // namespace

time_grid grid_of(const study_result& all) {
  const std::vector<moment>* longest = nullptr;
  for (const auto& variant : all.variants)
    for (const auto& one : variant.runs) {
      const auto& series = one.result.series;
      if (!series.empty() && (longest == nullptr || series.back().at > longest->back().at))
        longest = &series;
    }
  time_grid grid;
  if (longest != nullptr)
    for (const auto& at : *longest)
      grid.push_back(in_seconds(at.at));
  return grid;
}

band band_over(const variant& of, const time_grid& grid, const moment_value& value) {
  band found;
  for (const auto time : grid) {
    double sum = 0;
    double least = 0;
    double most = 0;
    int runs = 0;
    for (const auto& one : of.runs) {
      const auto* at = moment_at(one.result, time);
      const auto seen = at == nullptr ? std::nullopt : value(one.result, *at);
      if (!seen)
        continue;
      sum += *seen;
      least = runs == 0 ? *seen : std::min(least, *seen);
      most = runs == 0 ? *seen : std::max(most, *seen);
      ++runs;
    }
    if (runs == 0)
      break;
    found.mean.push_back(sum / runs);
    found.least.push_back(least);
    found.most.push_back(most);
  }
  return found;
}

double most_of(const std::vector<band>& all) {
  double most = 0;
  for (const auto& one : all)
    for (const auto value : one.most)
      most = std::max(most, value);
  return most;
}

} // namespace berth::sim
