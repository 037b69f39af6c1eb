#include <algorithm>

#include "scheduler/policy.hpp"

namespace berth::scheduler {

namespace {

/// Slots of `size` devices that the host loses beyond those that the server itself fills.
int slots_lost(int free, int taken, int size) {
  return free / size - (free - taken) / size - taken / size;
}

/// Of unknown lifetimes any is as likely to end first, so a host is empty again the sooner the
/// fewer servers it has: those with most servers are filled up, those with few left to drain. The
/// chance that all go in one lifetime halves with each. Beyond that, slots of 2, 4, 8... devices
/// are kept together and the tightest host is taken. A host without servers comes last.
std::int64_t company(const policy_view& at) {
  const int left = std::max(0, at.matching_free - at.devices);
  std::int64_t cost = (1000 >> std::min(at.stay.servers, host_stay::servers_max)) + 10 * left;
  for (int size = 2; size <= at.matching_free; size *= 2) {
    cost += 25 * size * slots_lost(at.matching_free, at.devices, size);
  }
  return (at.stay.servers == 0 ? 0 : 100'000) - cost;
}

/// How much later than now the host would be empty, if what is told of its servers holds.
std::int64_t extension(const policy_view& at) {
  if (at.ends == unknown_end) {
    return 0;
  }
  return std::max<std::int64_t>(0, at.ends - std::max(at.stay.until, at.now));
}

std::int64_t keeps_no_longer(const policy_view& at) {
  return at.ends == unknown_end ? company(at) : -extension(at);
}

/// As few devices left over as possible, then the end nearest to the host's.
std::int64_t fit(const policy_view& at) {
  constexpr std::int64_t gap_max = std::int64_t{1} << 50U;
  const std::int64_t left = std::max(0, at.matching_free - at.devices);
  const std::int64_t gap =
      at.ends == unknown_end ? 0 : std::clamp<std::int64_t>(at.stay.until - at.ends, 0, gap_max);
  return -(left * (gap_max + 1) + gap);
}

told tell_stay(const policy_view& at) {
  if (at.ends == unknown_end) {
    return {static_cast<std::int32_t>(std::clamp<std::int64_t>(company(at) - 99'000, 0, 1000)),
            std::to_string(at.stay.servers) +
                (at.stay.servers == host_stay::servers_max ? " or more" : "") +
                " servers with devices are there"};
  }
  const auto longer = extension(at);
  const auto stay = std::max<std::int64_t>(1, at.ends - at.now);
  return {1000 - points_of(longer / 1'000'000, std::max<std::int64_t>(1, stay / 1'000'000)),
          "keeps the host " + std::to_string(longer / 1'000'000'000) + " s longer"};
}

told tell_fit(const policy_view& at) {
  const int left = std::max(0, at.matching_free - at.devices);
  return {std::max(0, 1000 - 7 * left), std::to_string(left) + " matching devices stay free"};
}

} // namespace

/// Servers that leave at about the same time share hosts, so that whole hosts become free again.
constexpr policy lifetime{.name = "lifetime",
                          .scores = {"stay", "device_fit"},
                          .first = keeps_no_longer,
                          .second = fit,
                          .first_by = policy::order::by_cell,
                          .sees_stays = true,
                          .tell_first = tell_stay,
                          .tell_second = tell_fit};

} // namespace berth::scheduler
