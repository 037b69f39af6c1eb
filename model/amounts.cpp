#include "model/amounts.hpp"

#include <cctype>
#include <charconv>
#include <utility>

namespace berth::model {
namespace {

/// Splits a whole number from what follows it, which is made lower case.
std::optional<std::int64_t> take_number(std::string_view text, std::string& unit) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || text.front() == '-')
    return std::nullopt;
  for (const char* c = end; c != text.data() + text.size(); ++c)
    unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
  return number;
}

std::optional<std::int64_t> product(std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional{out};
}

} // namespace

std::optional<std::int64_t> parse_size_mib(std::string_view text) {
  std::string unit;
  const auto number = take_number(text, unit);
  if (!number || *number == 0)
    return std::nullopt;
  for (const std::string_view suffix : {"ib", "b"})
    if (unit.size() > suffix.size() && unit.ends_with(suffix)) {
      unit.resize(unit.size() - suffix.size());
      break;
    }
  if (unit.empty() || unit == "m")
    return number;
  if (unit == "g")
    return product(*number, 1024);
  if (unit == "t")
    return product(*number, 1024LL * 1024);
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  std::string unit;
  const auto number = take_number(text, unit);
  std::optional<std::int64_t> ms;
  if (number && unit == "ms")
    ms = number;
  else if (number && (unit.empty() || unit == "s"))
    ms = product(*number, 1'000);
  else if (number && unit == "m")
    ms = product(*number, 60'000);
  else if (number && unit == "h")
    ms = product(*number, 3'600'000);
  else if (number && unit == "d")
    ms = product(*number, 24 * 3'600'000);
  // A century is enough, and keeps sums of clocks from overflowing.
  if (!ms || *ms > 100LL * 365 * 24 * 3'600'000)
    return std::nullopt;
  return std::chrono::milliseconds{*ms};
}

std::string duration_text(std::chrono::milliseconds time) {
  constexpr std::pair<std::int64_t, const char*> units[] = {
      {24 * 3'600'000, "d"}, {3'600'000, "h"}, {60'000, "m"}, {1'000, "s"}};
  if (time.count() == 0)
    return "0s";
  for (const auto& [length, unit] : units)
    if (time.count() % length == 0)
      return std::to_string(time.count() / length) + unit;
  return std::to_string(time.count()) + "ms";
}

} // namespace berth::model
