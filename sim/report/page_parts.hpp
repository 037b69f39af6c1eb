#pragma once

#include <string_view>

namespace berth::sim {

/// page.css: well-formed XML text.
[[nodiscard]] std::string_view page_style();
/// page.js, marked as text for XML.
[[nodiscard]] std::string_view page_script();

} // namespace berth::sim
