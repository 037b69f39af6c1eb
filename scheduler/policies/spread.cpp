#include <algorithm>

#include "scheduler/policy.hpp"

namespace berth::scheduler {

namespace {

std::int64_t device_room(const policy_view& at) {
  return 7 * std::max(0, at.matching_free - at.devices);
}

std::int64_t resource_room(const policy_view& at) {
  const int left =
      std::max(0, at.free.cpus - at.wanted.cpus) + std::max(0, at.free.memory - at.wanted.memory);
  return points_of(left, 2 * cell_levels::most);
}

} // namespace

/// The emptiest host: for fleets with room to spare, where a lost host shall take few servers with
/// it.
constexpr policy spread{"spread",
                        {"device_room", "resource_room"},
                        device_room,
                        resource_room,
                        policy::order::most_free};

} // namespace berth::scheduler
