#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace berth::model {

/// Why something could not be done. The catalogue is model/error_codes.def.
enum class errc : std::uint16_t {
#define BERTH_ERROR(number, name, http, retryable, meaning, remedy) name = number,
#include "model/error_codes.def"
#undef BERTH_ERROR
};

/// One line of the catalogue.
struct error_description {
  errc code;
  std::string_view name;
  int http_status;
  bool retryable;
  std::string_view meaning;
  std::string_view remedy;
};

/// All codes in the order of the catalogue.
[[nodiscard]] std::span<const error_description> error_catalogue();

/// The catalogue's line of `code`. Total: every enumerator has one.
[[nodiscard]] const error_description& describe(errc code);

[[nodiscard]] std::string_view to_string(errc code);
[[nodiscard]] std::optional<errc> errc_from_number(std::uint16_t number);

/// An operating failure or a refusal, as a value. `message` names the thing, what is wrong and what
/// would be right: lower case, no final period. `details` are machine-readable facts (ids, counts),
/// ordered by key.
struct failure {
  errc code = errc::internal;
  std::string message;
  std::map<std::string, std::string> details{};

  friend bool operator==(const failure&, const failure&) = default;
};

/// A value, or why there is none.
template <class T> using result = tl::expected<T, failure>;

[[nodiscard]] inline tl::unexpected<failure> fail(errc code, std::string message,
                                                  std::map<std::string, std::string> details = {}) {
  return tl::unexpected<failure>{failure{code, std::move(message), std::move(details)}};
}

} // namespace berth::model
