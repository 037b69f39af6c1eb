#pragma once

#include <string_view>

namespace berth::proto {

/// True if `text` is well-formed UTF-8 (Unicode standard, table 3-7). Internal to proto/.
[[nodiscard]] bool is_utf8(std::string_view text);

} // namespace berth::proto
