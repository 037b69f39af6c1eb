#include "sim/study/depletion.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace berth::sim {

namespace {

constexpr model::duration never{std::numeric_limits<std::int64_t>::max()};

model::duration runs_out_at(const run_result& run, std::size_t shape, model::duration lasting) {
  std::optional<model::duration> since;
  for (const auto& at : run.series) {
    if (shape >= at.placeable.size() || at.placeable[shape] > 0) {
      since.reset();
      continue;
    }
    if (!since)
      since = at.at;
    if (at.at - *since >= lasting)
      return *since;
  }
  return never;
}

/// The one below which so large a share of all lie; of sorted times that are not empty.
std::optional<model::duration> quantile(const std::vector<model::duration>& times, double share) {
  const auto rank = std::ceil(share * static_cast<double>(times.size())) - 1;
  const auto at =
      static_cast<std::size_t>(std::clamp(rank, 0.0, static_cast<double>(times.size() - 1)));
  return times[at] == never ? std::nullopt : std::optional{times[at]};
}

} // namespace

std::vector<depletion> depletions_of(const variant& runs, model::duration lasting,
                                     double confidence) {
  std::vector<depletion> all;
  const auto& shapes = runs.runs.front().result.shapes;
  for (std::size_t shape = 0; shape < shapes.size(); ++shape) {
    std::vector<model::duration> times;
    for (const auto& run : runs.runs)
      times.push_back(runs_out_at(run.result, shape, lasting));
    std::ranges::sort(times);
    auto& one = all.emplace_back();
    one.shape = shapes[shape];
    one.fates = times.size();
    one.run_out = static_cast<std::size_t>(
        std::ranges::count_if(times, [](auto time) { return time != never; }));
    one.median = quantile(times, 0.5);
    one.earliest = quantile(times, (1 - confidence) / 2);
    one.latest = quantile(times, (1 + confidence) / 2);
  }
  return all;
}

} // namespace berth::sim
