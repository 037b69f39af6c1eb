#pragma once

#include <span>
#include <string>
#include <string_view>

namespace berth::cli {

/// The candidate that differs least from `text` (insertions, deletions, replacements and swaps of
/// neighbours), the first of equals; empty if none is near enough to be what was meant.
[[nodiscard]] std::string nearest(std::string_view text, std::span<const std::string> candidates);

} // namespace berth::cli
