#include "sim/report/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "api/utf8.hpp"

namespace berth::sim {

namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::string_view thin_space = "\xE2\x80\xAF"; // narrow, and lines do not break there

/// Calls `put` with each well-formed character, or with the replacement.
template <class Put> void each_character(std::string_view text, Put put) {
  while (!text.empty()) {
    const auto size = api::utf8_sequence(text);
    put(size == 0 ? replacement : text.substr(0, size));
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
}

std::string_view escaped(std::string_view character) {
  if (character == "&")
    return "&amp;";
  if (character == "<")
    return "&lt;";
  if (character == ">")
    return "&gt;";
  if (character == "\"")
    return "&quot;";
  if (character == "'")
    return "&#39;";
  const auto first = static_cast<unsigned char>(character.front());
  const bool forbidden = (first < 0x20 && first != '\t' && first != '\n') || first == 0x7f ||
                         character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
  return forbidden ? replacement : character;
}

/// A mean in the unit in which it is shown.
struct scaled {
  estimate what;
  int decimals;
  std::string_view unit;
};

/// So that three digits or more are seen, and no more decimals than `most`.
int decimals_for(double value, int most) {
  const auto size = std::abs(value);
  return size == 0 ? 0 : std::clamp(2 - static_cast<int>(std::floor(std::log10(size))), 0, most);
}

scaled in_unit(const estimate& what, figure_unit unit) {
  switch (unit) {
  case figure_unit::servers: {
    const bool whole = what.mean == std::floor(what.mean) && what.half_width.value_or(0) == 0;
    return {what, whole ? 0 : decimals_for(what.mean, 1), ""};
  }
  case figure_unit::percent:
    return {what, 2, " %"};
  case figure_unit::seconds:
    break;
  }
  const auto time = unit_for(std::abs(what.mean));
  estimate shown{what.mean / time.seconds, what.half_width};
  if (shown.half_width)
    *shown.half_width /= time.seconds;
  return {shown, time.seconds == 1 ? decimals_for(shown.mean, 2) : 1,
          time.name == "s"     ? " s"
          : time.name == "min" ? " min"
          : time.name == "h"   ? " h"
                               : " d"};
}

} // namespace

std::string clean_utf8(std::string_view text) {
  std::string out;
  each_character(text, [&](std::string_view character) { out += character; });
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  each_character(text, [&](std::string_view character) { out += escaped(character); });
  return out;
}

std::string to_text(double value, int decimals, digits as) {
  auto plain = fmt::format("{:.{}f}", value, decimals);
  if (plain.find_first_not_of("-0.") == std::string::npos && plain.front() == '-')
    plain.erase(0, 1);
  if (as == digits::plain)
    return plain;
  const std::size_t sign = plain.front() == '-' ? 1 : 0;
  auto at = std::min(plain.find('.'), plain.size());
  while (at > sign + 3) {
    at -= 3;
    plain.insert(at, thin_space);
  }
  return plain;
}

time_unit unit_for(double seconds) {
  constexpr std::array units{time_unit{86'400, "d"}, time_unit{3'600, "h"}, time_unit{60, "min"}};
  for (const auto& unit : units)
    if (seconds >= 2 * unit.seconds)
      return unit;
  return {};
}

std::string time_text(double seconds) {
  return to_text(estimate{seconds, std::nullopt}, figure_unit::seconds);
}

std::string to_text(const estimate& what, figure_unit unit, digits as) {
  const auto shown = in_unit(what, unit);
  auto text = to_text(shown.what.mean, shown.decimals, as);
  if (shown.what.half_width && *shown.what.half_width > 0)
    text += " ± " + to_text(*shown.what.half_width, shown.decimals, as);
  return text.append(shown.unit);
}

std::string difference_text(const estimate& what, figure_unit unit) {
  return (what.mean > 0 ? "+" : "") + to_text(what, unit);
}

} // namespace berth::sim
