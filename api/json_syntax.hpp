#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace berth::api {

inline constexpr std::size_t json_depth_max = 16;

/// Where and why a text is not JSON (RFC 8259).
struct json_fault {
  std::size_t line = 1;   ///< from 1
  std::size_t column = 1; ///< from 1, in bytes
  std::string what;       ///< e.g. `expected ',' or '}'`
};

/// The first fault of `text`; nullopt if it is JSON. The slow path: called when the parser refused,
/// to say where.
[[nodiscard]] std::optional<json_fault> find_json_fault(std::string_view text);

} // namespace berth::api
