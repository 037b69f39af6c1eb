#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "model/time.hpp"

namespace berth::scheduler {

/// The end of a stay that nobody knows.
inline constexpr std::int64_t unknown_end = std::numeric_limits<std::int64_t>::max();

/// When a server is expected to be gone, in nanoseconds since the Unix epoch, rounded up so that
/// hosts have few different ends: to a multiple of a quarter to a half of its whole stay. A fact of
/// the server: it does not change while time goes on.
[[nodiscard]] std::int64_t rounded_end(model::timestamp now,
                                       std::optional<model::timestamp> ends_at);

/// How long the servers with devices keep a host, as far as a policy looks.
struct host_stay {
  static constexpr std::int32_t servers_max = 7;
  std::int32_t servers = 0; ///< those with devices, counted up to servers_max
  std::int64_t until = 0;   ///< the last of their rounded ends; 0 = there are none

  friend bool operator==(const host_stay&, const host_stay&) = default;
};

/// `ends`: of the servers with devices.
[[nodiscard]] host_stay stay_of(const std::vector<std::int64_t>& ends);

} // namespace berth::scheduler
