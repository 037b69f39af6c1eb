#include "scheduler/stay.hpp"

#include <bit>

namespace berth::scheduler {

std::int64_t rounded_end(model::timestamp now, std::optional<model::timestamp> ends_at) {
  if (!ends_at) {
    return unknown_end;
  }
  const std::int64_t end = ends_at->time_since_epoch().count();
  const std::int64_t length = std::max<std::int64_t>(end - now.time_since_epoch().count(), 2);
  const auto step =
      static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(length)) / 2);
  const std::int64_t past = end % step;
  const std::int64_t up = past > 0 ? step - past : -past;
  return end > unknown_end - step ? unknown_end : end + up;
}

host_stay stay_of(const std::vector<std::int64_t>& ends) {
  if (ends.empty()) {
    return {};
  }
  return {static_cast<std::int32_t>(std::min<std::size_t>(ends.size(), host_stay::servers_max)),
          *std::max_element(ends.begin(), ends.end())};
}

} // namespace berth::scheduler
