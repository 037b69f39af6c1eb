#include <algorithm>

#include "scheduler/policy.hpp"

namespace berth::scheduler {

namespace {

std::int64_t device_room(const policy_view& at) {
  return 7 * std::max(0, at.matching_free - at.devices);
}

std::int64_t resource_room(const policy_view& at) {
  return amounts_left(at);
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
