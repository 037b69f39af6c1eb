#include "sim/demand/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>

#include "sim/demand/arrival.hpp"

namespace berth::sim {

namespace {

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::size_t decimals_max = 9;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The number that the digits at the front of a text make, and how many they are. By value: this is
/// where readers spend their time.
struct leading_number {
  std::int64_t value = 0;
  std::size_t length = 0;
};

leading_number leading_digits(std::string_view text) {
  constexpr std::size_t longest = 18; // always fits; longer ones are too large for everything here
  leading_number number;
  const std::size_t end = std::min(text.size(), longest);
  while (number.length < end && is_digit(text[number.length])) {
    number.value = number.value * 10 + (text[number.length++] - '0');
  }
  return number;
}

/// Takes digits off the front of `text`; nullopt if there are none or they exceed `most`.
std::optional<std::int64_t> take_digits(std::string_view& text, std::int64_t most) {
  const auto number = leading_digits(text);
  text.remove_prefix(number.length);
  return number.length == 0 || number.value > most ? std::nullopt : std::optional{number.value};
}

/// Takes a point and decimals off the front of `text`: the nanoseconds of a second. 0 if there is
/// no point; nullopt if there is nothing behind it.
std::optional<std::int64_t> take_decimals(std::string_view& text) {
  if (text.empty() || text.front() != '.') {
    return 0;
  }
  constexpr std::array<std::int64_t, decimals_max + 1> scales{
      1'000'000'000, 100'000'000, 10'000'000, 1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
  const auto number = leading_digits(text.substr(1, decimals_max));
  std::size_t length = 1 + number.length;
  while (length < text.size() && is_digit(text[length])) {
    ++length;
  }
  text.remove_prefix(length);
  return length == 1 ? std::nullopt : std::optional{number.value * scales[number.length]};
}

/// `1.5e3` and its kind. std::from_chars rounds correctly, so every machine gets the same.
std::optional<model::duration> scientific_seconds(std::string_view text) {
  double seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || stop != text.data() + text.size() || !is_digit(text.front()) ||
      !(seconds >= 0 && seconds <= static_cast<double>(seconds_max))) {
    return std::nullopt;
  }
  const auto whole = static_cast<std::int64_t>(seconds);
  const auto rest = (seconds - static_cast<double>(whole)) * 1e9;
  return model::duration{whole * nanoseconds_per_second + static_cast<std::int64_t>(rest)};
}

/// Takes exactly `digits` digits and, unless it is 0, the character behind them.
std::optional<int> take_part(std::string_view& text, std::size_t digits, char behind) {
  auto part = text.substr(0, digits);
  if (part.size() < digits) {
    return std::nullopt;
  }
  const auto value = take_digits(part, 9'999);
  text.remove_prefix(digits);
  if (!value || !part.empty()) {
    return std::nullopt;
  }
  if (behind != 0) {
    if (text.empty() || text.front() != behind) {
      return std::nullopt;
    }
    text.remove_prefix(1);
  }
  return static_cast<int>(*value);
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_part(text, 4, '-');
  const auto month = year ? take_part(text, 2, '-') : std::nullopt;
  const auto day = month ? take_part(text, 2, 0) : std::nullopt;
  if (!day || *year < 1970 || *year > 2199) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  return date.ok() ? std::optional{std::chrono::sys_days{date}} : std::nullopt;
}

} // namespace

std::optional<model::duration> parse_seconds(std::string_view text) {
  auto rest = text;
  const auto whole = take_digits(rest, seconds_max);
  const auto decimals = whole ? take_decimals(rest) : std::nullopt;
  if (decimals && rest.empty()) {
    if (*whole == seconds_max && *decimals > 0) {
      return std::nullopt;
    }
    return model::duration{*whole * nanoseconds_per_second + *decimals};
  }
  return decimals && (rest.front() == 'e' || rest.front() == 'E') ? scientific_seconds(text)
                                                                  : std::nullopt;
}

std::optional<std::int64_t> parse_whole(std::string_view text, std::int64_t most) {
  const auto value = take_digits(text, most);
  const auto decimals = value ? take_decimals(text) : std::nullopt;
  return decimals == 0 && text.empty() ? value : std::nullopt;
}

std::optional<model::timestamp> parse_moment(std::string_view text) {
  const auto date = take_date(text);
  if (!date || text.empty() || (text.front() != ' ' && text.front() != 'T')) {
    return std::nullopt;
  }
  text.remove_prefix(1);
  const auto hour = take_part(text, 2, ':');
  const auto minute = hour ? take_part(text, 2, ':') : std::nullopt;
  const auto second = minute ? take_part(text, 2, 0) : std::nullopt;
  const auto decimals = second ? take_decimals(text) : std::nullopt;
  if (!decimals || *hour > 23 || *minute > 59 || *second > 59 || (!text.empty() && text != "Z")) {
    return std::nullopt;
  }
  return model::timestamp{*date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
         std::chrono::seconds{*second} + model::duration{*decimals};
}

void append_seconds(std::string& to, model::duration time) {
  std::array<char, 32> digits{};
  const auto whole = time.count() / nanoseconds_per_second;
  auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), whole).ptr;
  if (auto rest = time.count() % nanoseconds_per_second; rest != 0) {
    auto* const point = end;
    end = point + 1 + decimals_max;
    for (auto* p = end - 1; p != point; --p, rest /= 10) {
      *p = static_cast<char>('0' + rest % 10);
    }
    *point = '.';
    while (end[-1] == '0') {
      --end;
    }
  }
  to.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

} // namespace berth::sim
