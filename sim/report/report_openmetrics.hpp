#pragma once

#include <iosfwd>

#include "model/time.hpp"
#include "sim/study/result.hpp"

namespace berth::sim {

/// 2024-01-01 00:00 UTC, a Monday: when a simulation starts that nobody gave a date.
inline constexpr model::timestamp metrics_start{std::chrono::seconds{1'704'067'200}};

struct metrics_options {
  model::timestamp start = metrics_start; ///< of every run
  std::size_t runs = 1;                   ///< of each variant: the first so many
};

/// OpenMetrics with timestamps, for `promtool tsdb create-blocks-from openmetrics`: the metrics of
/// metrics/table.def that a run's moments tell, with the labels `scenario` and `run` (run_name()).
/// docs/sim-outputs.md says which, and what they mean here. Errors are those of the stream.
void write_open_metrics(std::ostream& out, const study_result& all,
                        const metrics_options& options = {});

} // namespace berth::sim
