#include "model/failure.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace berth::model {

namespace {
constexpr std::array catalogue{
#define BERTH_ERROR(number, name, http, retryable, meaning, remedy)                                \
  error_description{errc::name, #name, http, retryable, meaning, remedy},
#include "model/error_codes.def"
#undef BERTH_ERROR
};
} // namespace

std::span<const error_description> error_catalogue() {
  return catalogue;
}

const error_description& describe(errc code) {
  const auto* found = std::find_if(catalogue.begin(), catalogue.end(),
                                   [code](const auto& line) { return line.code == code; });
  if (found == catalogue.end()) {
    std::abort(); // an errc that is no enumerator: numbers come in through errc_from_number
  }
  return *found;
}

std::string_view to_string(errc code) {
  return describe(code).name;
}

std::optional<errc> errc_from_number(std::uint16_t number) {
  for (const auto& line : catalogue) {
    if (static_cast<std::uint16_t>(line.code) == number) {
      return line.code;
    }
  }
  return std::nullopt;
}

} // namespace berth::model
