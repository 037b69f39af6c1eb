#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/time.hpp"

namespace berth::model {

// The few text helpers that messages and matching need. ASCII case only: names here are ASCII.

[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
[[nodiscard]] bool contains_ignoring_case(std::string_view text, std::string_view part);

/// 1..`longest` characters of [A-Za-z0-9._-], not starting with `-` or `.`: a name that is safe in
/// paths, URLs, command lines and libvirt.
[[nodiscard]] bool is_name(std::string_view text, std::size_t longest = 128);

/// The candidate that is nearest to `word` (edits and swaps of neighbours, without regard to case),
/// for "did you mean" messages; nullopt if none is near. The first of equals wins. The result
/// points into `candidates`.
[[nodiscard]] std::optional<std::string_view>
nearest_name(std::string_view word, std::span<const std::string_view> candidates);
[[nodiscard]] std::optional<std::string_view> nearest_name(std::string_view word,
                                                           std::span<const std::string> candidates);

/// Whole seconds, e.g. `90 s`.
[[nodiscard]] std::string seconds_text(duration what);

} // namespace berth::model
