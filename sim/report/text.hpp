#pragma once

#include <string>
#include <string_view>

#include "sim/report/figures.hpp"

namespace berth::sim {

/// Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string clean_utf8(std::string_view text);
/// For the content and the quoted attributes of HTML and XML. Characters that XML forbids become
/// U+FFFD.
[[nodiscard]] std::string escape_html(std::string_view text);

/// Whether thousands are set off by narrow spaces: a terminal does not always know these.
enum class digits : std::uint8_t { grouped, plain };

/// With so many decimals: `12 345.60`. Never `-0`.
[[nodiscard]] std::string to_text(double value, int decimals, digits as = digits::grouped);

/// A unit in which a time of about `seconds` reads well.
struct time_unit {
  double seconds = 1;
  std::string_view name = "s";
};
[[nodiscard]] time_unit unit_for(double seconds);
/// `3.2 h`, `0 s`.
[[nodiscard]] std::string time_text(double seconds);

/// Mean and, where there is one, half the width of its interval, both in the mean's unit:
/// `12.34 ± 0.56 %`, `3.2 ± 0.4 h`, `17 ± 2`. An interval of no width is not shown.
[[nodiscard]] std::string to_text(const estimate& what, figure_unit unit,
                                  digits as = digits::grouped);
/// The same with a sign.
[[nodiscard]] std::string difference_text(const estimate& what, figure_unit unit);

} // namespace berth::sim
