#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "apps/config_keys.hpp"

namespace berth::apps {
namespace {

using model::errc;
using model::fail;
using std::chrono::milliseconds;

struct unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array<unit, 4> duration_units{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<unit, 4> byte_units{
    {{"", 1}, {"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30}}};

/// A whole number followed by one of `units`; nullopt if it is anything else or overflows.
std::optional<std::int64_t> parse_with_unit(std::string_view text, std::span<const unit> units) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || text.front() == '-')
    return std::nullopt;
  const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto found = std::ranges::find(units, rest, &unit::name);
  std::int64_t product = 0;
  if (found == units.end() || __builtin_mul_overflow(number, found->factor, &product))
    return std::nullopt;
  return product;
}

/// The shortest exact form: the largest unit that divides the number.
std::string print_with_unit(std::int64_t number, std::span<const unit> units) {
  const unit* best = &units.front();
  for (const unit& u : units)
    if (number != 0 && number % u.factor == 0)
      best = &u;
  return fmt::format("{}{}", number / best->factor, best->name);
}

std::string print_bound(const value_rule& rule, double bound) {
  if (rule.kind == value_kind::number)
    return fmt::format("{}", bound);
  const auto whole = static_cast<std::int64_t>(bound);
  if (rule.kind == value_kind::duration)
    return print_with_unit(whole, duration_units);
  if (rule.kind == value_kind::bytes)
    return print_with_unit(whole, byte_units);
  return fmt::format("{}", whole);
}

tl::unexpected<model::failure> not_right(const value_rule& rule, std::string_view text) {
  return fail(errc::invalid_argument,
              fmt::format("must be {}, got \"{}\"", expectation(rule), text.substr(0, 80)));
}

bool is_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return false;
  unsigned port = 0;
  const auto digits = text.substr(colon + 1);
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return problem == std::errc{} && end == digits.data() + digits.size() && port <= 65'535;
}

std::optional<double> parse_number(std::string_view text) {
  double number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size() || !std::isfinite(number))
    return std::nullopt;
  return number;
}

model::result<config_value> convert_number(const value_rule& rule, std::string_view text) {
  const auto in_bounds = [&](double v) { return v >= rule.minimum && v <= rule.maximum; };
  if (rule.kind == value_kind::number) {
    const auto number = parse_number(text);
    if (!number || !in_bounds(*number))
      return not_right(rule, text);
    return config_value{*number};
  }
  constexpr std::array<unit, 1> no_unit{{{"", 1}}};
  const auto units = rule.kind == value_kind::duration ? std::span<const unit>{duration_units}
                     : rule.kind == value_kind::bytes  ? std::span<const unit>{byte_units}
                                                       : std::span<const unit>{no_unit};
  const auto whole = text.empty() ? std::nullopt : parse_with_unit(text, units);
  if (!whole || !in_bounds(static_cast<double>(*whole)))
    return not_right(rule, text);
  if (rule.kind == value_kind::duration)
    return config_value{milliseconds{*whole}};
  return config_value{*whole};
}

} // namespace

std::string expectation(const value_rule& rule) {
  const auto range = [&](std::string_view what) {
    return fmt::format("{} from {} to {}", what, print_bound(rule, rule.minimum),
                       print_bound(rule, rule.maximum));
  };
  switch (rule.kind) {
  case value_kind::text:
    return "a text";
  case value_kind::path:
    return "a path";
  case value_kind::address:
    return "an address and port such as 127.0.0.1:8750";
  case value_kind::choice:
    return fmt::format("one of {}", fmt::join(rule.choices, ", "));
  case value_kind::boolean:
    return "true or false";
  case value_kind::count:
    return range("a whole number");
  case value_kind::bytes:
    return range("a size in bytes (KiB, MiB, GiB)");
  case value_kind::duration:
    return range("a duration (ms, s, m, h)");
  case value_kind::number:
    return range("a number");
  }
  return {};
}

model::result<config_value> convert(const value_rule& rule, std::string_view text) {
  switch (rule.kind) {
  case value_kind::text:
  case value_kind::path:
    return config_value{std::string{text}};
  case value_kind::address:
    if (!text.empty() && !is_address(text))
      return not_right(rule, text);
    return config_value{std::string{text}};
  case value_kind::choice:
    if (std::ranges::find(rule.choices, text) == rule.choices.end())
      return not_right(rule, text);
    return config_value{std::string{text}};
  case value_kind::boolean:
    if (text != "true" && text != "false")
      return not_right(rule, text);
    return config_value{text == "true"};
  case value_kind::count:
  case value_kind::bytes:
  case value_kind::duration:
  case value_kind::number:
    return convert_number(rule, text);
  }
  return not_right(rule, text);
}

template <class Config>
std::string value_text(const config_key<Config>& key, const Config& config) {
  const auto whole = [&](std::int64_t number) {
    return key.rule.kind == value_kind::bytes ? print_with_unit(number, byte_units)
                                              : fmt::format("{}", number);
  };
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = config.*member;
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>)
          return value;
        else if constexpr (std::is_same_v<T, bool>)
          return value ? "true" : "false";
        else if constexpr (std::is_same_v<T, milliseconds>)
          return print_with_unit(value.count(), duration_units);
        else if constexpr (std::is_same_v<T, double>)
          return fmt::format("{}", value);
        else
          return whole(value);
      },
      key.where);
}
template std::string value_text(const config_key<controller_config>&, const controller_config&);
template std::string value_text(const config_key<host_config>&, const host_config&);

} // namespace berth::apps
