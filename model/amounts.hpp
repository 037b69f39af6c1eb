#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::model {

/// `512`, `512m`, `4g`, `2t`, with an optional `b` or `ib` after the unit, in any case; without a
/// unit MiB. Gives MiB; nullopt for anything else, zero or overflow.
[[nodiscard]] std::optional<std::int64_t> parse_size_mib(std::string_view text);

/// `500ms`, `30s`, `10m`, `1h`, `3d`; without a unit seconds. nullopt for anything else or
/// overflow.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// As parse_duration reads it, in the largest unit that keeps it whole. Not for negative times.
[[nodiscard]] std::string duration_text(std::chrono::milliseconds time);

} // namespace berth::model
