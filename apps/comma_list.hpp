#pragma once

#include <string_view>
#include <vector>

namespace berth::apps {

/// `text` without the spaces around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// The entries between commas, without the spaces around them; no text = no entries.
[[nodiscard]] std::vector<std::string_view> comma_list(std::string_view text);

} // namespace berth::apps
