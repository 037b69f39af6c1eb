#pragma once

#include <chrono>

namespace berth::model {

using duration = std::chrono::nanoseconds;
/// Wall-clock time since the Unix epoch, in nanoseconds; handed in by the shells, virtual in a
/// simulation.
using timestamp = std::chrono::time_point<std::chrono::system_clock, duration>;

} // namespace berth::model
