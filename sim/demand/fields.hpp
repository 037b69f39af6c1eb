#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/time.hpp"

namespace berth::sim {

// What stands in the fields of traces. Everything is exact and the same on every machine: decimal
// fractions become nanoseconds without passing through floating point.

/// Seconds from 0 to seconds_max, at most 18 digits before the point: `66`, `66.25`, `1.5e3`. The
/// tenth decimal and those behind it do not count. Nullopt for anything else: signs, NaN, infinity,
/// blanks.
[[nodiscard]] std::optional<model::duration> parse_seconds(std::string_view text);

/// A whole number from 0 to `most`, of at most 18 digits; `8.0` is one too (tables that went
/// through floating point).
[[nodiscard]] std::optional<std::int64_t> parse_whole(std::string_view text, std::int64_t most);

/// A date and a time of day, UTC, from 1970 to 2199: `2017-10-09 07:01:55`, with `T` for the blank,
/// decimals and a `Z` if need be.
[[nodiscard]] std::optional<model::timestamp> parse_moment(std::string_view text);

/// Seconds with as many decimals as are needed; parse_seconds gives the same duration back.
void append_seconds(std::string& to, model::duration time);

} // namespace berth::sim
