#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "model/text.hpp"

namespace berth::model {

/// The words of an enumeration whose enumerators count up from 0, in their order. `Last` ties the
/// table to the enumeration: a new enumerator without a word does not compile.
template <class Enum, Enum Last>
using enum_names = std::array<std::string_view, static_cast<std::size_t>(Last) + 1>;

template <class Enum, std::size_t Size>
[[nodiscard]] constexpr std::string_view name_of(const std::array<std::string_view, Size>& names,
                                                 Enum value) {
  const auto index = static_cast<std::size_t>(value);
  return index < Size ? names[index] : std::string_view{"invalid"};
}

/// Without regard to case.
template <class Enum, std::size_t Size>
[[nodiscard]] std::optional<Enum> value_of(const std::array<std::string_view, Size>& names,
                                           std::string_view text) {
  for (std::size_t index = 0; index < Size; ++index) {
    if (equals_ignoring_case(names[index], text)) {
      return static_cast<Enum>(index);
    }
  }
  return std::nullopt;
}

} // namespace berth::model
