#pragma once

#include <span>

#include "sim/demand/fit.hpp"

// A part of fit(); internal to sim/demand/.

namespace berth::sim {

/// The rate in `found.plan`, and weights of its hours and weekdays if enough was seen.
void fit_rates(std::span<const arrival> seen, const fit_options& options, demand_fit& found);

/// Bursts in `found.plan`, if arrivals are less even than its weights explain, and the dispersions.
void fit_bursts(std::span<const arrival> seen, demand_fit& found);

} // namespace berth::sim
