#include <algorithm>

#include "scheduler/policy.hpp"

namespace berth::scheduler {

namespace {

/// As few matching devices left over as possible: 7 points each keep all of device_slots_max apart.
std::int64_t device_fit(const policy_view& at) {
  return 1000 - 7 * std::max(0, at.matching_free - at.devices);
}

/// As little CPU and memory left over as possible.
std::int64_t resource_fit(const policy_view& at) {
  return 1000 - amounts_left(at);
}

} // namespace

/// The tightest host: what is left over in one place is worth more than the same in pieces.
constexpr policy best_fit{"best-fit",
                          {"device_fit", "resource_fit"},
                          device_fit,
                          resource_fit,
                          policy::order::fewest_free};

} // namespace berth::scheduler
