#pragma once

#include <cstddef>
#include <string_view>

namespace berth::api {

/// The length of the well-formed UTF-8 sequence (RFC 3629) at the start of `text`; 0 if there is
/// none.
[[nodiscard]] constexpr std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto trails = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (byte(i) < 0x80 || byte(i) > 0xBF) {
        return false;
      }
    }
    return true;
  };
  const auto first = byte(0);
  const auto second = byte(1);
  if (text.empty()) {
    return 0;
  }
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xC2 && first <= 0xDF) {
    return trails(1, 2) ? 2 : 0;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return !overlong && !surrogate && trails(1, 3) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90;
    const bool beyond = first == 0xF4 && second > 0x8F;
    return !overlong && !beyond && trails(1, 4) ? 4 : 0;
  }
  return 0;
}

} // namespace berth::api
