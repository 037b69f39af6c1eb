#include <algorithm>
#include <bit>

#include "scheduler/outlook.hpp"
#include "scheduler/policy.hpp"

namespace berth::scheduler {

namespace {

/// What the host's room is worth before and after.
struct worths {
  std::int64_t before = 0;
  std::int64_t after = 0;
};

worths worths_of(const policy_view& at) {
  const auto free = least_of(at.free, at.steps);
  const auto& look = *at.expected;
  return {
      look.worth(at.matching_before, free.cpus, free.memory_mib) +
          (at.free_devices == at.all_devices ? look.price_of_whole(at.all_devices, at.steps) : 0),
      look.worth(at.matching_after, std::max<std::int64_t>(0, free.cpus - at.amount.cpus),
                 std::max<std::int64_t>(0, free.memory_mib - at.amount.memory_mib))};
}

/// The least loss of room for the servers that are to be expected, then as few matching devices
/// left over as possible.
std::int64_t room_kept(const policy_view& at) {
  const int left = std::max(0, at.matching_free - at.devices);
  if (at.expected == nullptr || at.devices == 0) {
    return -left;
  }
  const auto worth = worths_of(at);
  return (worth.after - worth.before) * 256 - left;
}

std::int64_t resource_fit(const policy_view& at) {
  return 1000 - amounts_left(at);
}

/// The loss on a logarithmic scale, 16 points for each doubling; in words as a share of this host's
/// worth.
told tell_room_kept(const policy_view& at) {
  if (at.expected == nullptr || at.devices == 0) {
    return {1000, "nothing is known of servers to be expected"};
  }
  const auto worth = worths_of(at);
  const auto loss =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, worth.before - worth.after));
  const auto bits = 64 - std::countl_zero(loss);
  const auto next_four = bits > 5 ? static_cast<std::int32_t>((loss >> (bits - 5)) & 15U) : 0;
  const auto scale = std::max<std::int64_t>(1, worth.before / 1'000'000);
  return {1000 - 16 * bits - next_four,
          "costs " +
              std::to_string(points_of((worth.before - worth.after) / scale,
                                       std::max<std::int64_t>(1, worth.before / scale))) +
              " of 1000 parts of the host's worth for " +
              std::to_string(at.expected->flavours.size()) + " flavours to be expected"};
}

} // namespace

/// The host whose room will be missed least by servers like those that live: hungry ones go where
/// CPUs and memory are plenty, lean ones where they are scarce, and what only few hosts can hold is
/// kept free longest.
constexpr policy fragmentation{.name = "fragmentation",
                               .scores = {"room_kept", "resource_fit"},
                               .first = room_kept,
                               .second = resource_fit,
                               .first_by = policy::order::by_cell,
                               .sees_mix = true,
                               .tell_first = tell_room_kept};

} // namespace berth::scheduler
