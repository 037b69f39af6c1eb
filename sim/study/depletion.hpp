#pragma once

#include <optional>
#include <vector>

#include "model/time.hpp"
#include "sim/study/result.hpp"

namespace berth::sim {

/// When servers of one shape fit no more.
struct depletion {
  capacity_shape shape;
  std::size_t fates = 0;   ///< that were played
  std::size_t run_out = 0; ///< of them: the shape stopped fitting before the end
  // Over the fates, in time since the start; nullopt: later than the end, or never.
  std::optional<model::duration> median;
  std::optional<model::duration> earliest; ///< lower end of the interval
  std::optional<model::duration> latest;   ///< its upper end
};

/// For each shape of the runs the time from which on no further server of it fitted for at least
/// `lasting`; times are as fine as the runs' series. The interval holds the middle share
/// `confidence` of all fates. The variant has at least one run.
[[nodiscard]] std::vector<depletion> depletions_of(const variant& runs, model::duration lasting,
                                                   double confidence);

} // namespace berth::sim
