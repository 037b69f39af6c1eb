#pragma once

#include <cmath>
#include <cstdint>

#include "model/ids.hpp"
#include "model/random.hpp"
#include "model/time.hpp"
#include "sim/demand/lifetime_law.hpp"

namespace berth::sim {

// Ids of a simulated fleet carry the number of what they name, so that nothing has to be looked up.
// Internal.

inline model::host_id host_name(std::uint32_t number) {
  return {{1, number}};
}
inline model::device_id device_name(std::uint32_t number) {
  return {{2, number}};
}
inline model::server_id server_name(std::uint64_t number) {
  return {{3, number}};
}
/// Servers that are there from the start have numbers from here on, behind all that arrive.
inline constexpr std::uint64_t standing_numbers = std::uint64_t{1} << 40U;

/// The order in which servers were created: those that were there from the start are the oldest.
inline std::uint64_t age_of(std::uint64_t number) {
  return number >= standing_numbers ? number - standing_numbers : number + standing_numbers;
}

inline std::uint32_t number_of(const model::uuid& id) {
  return static_cast<std::uint32_t>(id.low);
}

/// Nanoseconds; far enough for every run, and safe to add to.
inline constexpr std::int64_t never = INT64_MAX / 2;

inline std::int64_t sum(std::int64_t now, std::int64_t more) {
  return more > never - now ? never : now + more;
}

/// At most `never`.
inline std::int64_t drawn(model::random& dice, model::duration mean) {
  const auto time = unit_exponential(dice) * static_cast<double>(mean.count());
  return time < static_cast<double>(never) ? std::llround(time) : never;
}

inline model::timestamp as_time(std::int64_t now) {
  return model::timestamp{model::duration{now}};
}

} // namespace berth::sim
