#pragma once

#include <span>
#include <vector>

#include "sim/demand/fit.hpp"

// A part of fit(); internal to sim/demand/.

namespace berth::sim {

/// The law of a sample of lifetimes in seconds, in any order, besides which `endless_count` servers
/// never ended; an empty sample gives the default law. What was tried goes into `report`.
[[nodiscard]] lifetime_law fit_lifetime(std::vector<double> sample, std::uint64_t endless_count,
                                        const fit_options& options, lifetime_fit& report);

} // namespace berth::sim
