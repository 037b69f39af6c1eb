#include "sim/study/scenario_value.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "model/amounts.hpp"

namespace berth::sim {

namespace {

using model::errc;
using model::fail;

constexpr std::string_view for_ever = "forever";
constexpr std::size_t name_bytes_max = 128;
constexpr std::size_t path_bytes_max = 4'096;

/// A whole or decimal number and nothing else; never NaN or infinite.
template <class Number> std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() ||
      !std::isfinite(static_cast<double>(value)))
    return std::nullopt;
  return value;
}

std::optional<double> share_of(std::string_view text) {
  if (text.ends_with('%')) {
    const auto percent = number_of<double>(text.substr(0, text.size() - 1));
    return percent ? std::optional{*percent / 100} : std::nullopt;
  }
  const auto share = number_of<double>(text);
  // Who writes 5 means 5 %, most likely: better to ask.
  const bool is_whole = text.find('.') == std::string_view::npos;
  return share && *share > 1 && is_whole ? std::nullopt : share;
}

std::optional<double> seconds_of(std::string_view text) {
  constexpr std::pair<std::string_view, double> units[] = {
      {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}};
  for (const auto& [unit, length] : units)
    if (text.ends_with(unit)) {
      const auto number = number_of<double>(text.substr(0, text.size() - unit.size()));
      return number ? std::optional{*number * length} : std::nullopt;
    }
  return number_of<double>(text);
}

bool is_plain(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

bool is_within(double value, const value_rule& rule) {
  return value >= rule.least && value <= rule.most;
}

template <class Number>
std::optional<scenario_value> within(std::optional<Number> value, const value_rule& rule) {
  if (!value || !is_within(static_cast<double>(*value), rule))
    return std::nullopt;
  return *value;
}

std::optional<scenario_value> duration_of(const value_rule& rule, std::string_view text) {
  if (rule.forever && text == for_ever)
    return model::duration::max();
  const auto time = model::parse_duration(text);
  if (!time || !is_within(std::chrono::duration<double>{*time}.count(), rule))
    return std::nullopt;
  return model::duration{*time};
}

std::optional<scenario_value> value_of(const value_rule& rule, std::string_view text) {
  switch (rule.kind) {
  case value_kind::text:
    return is_plain(text, name_bytes_max) ? std::optional{std::string{text}} : std::nullopt;
  case value_kind::file:
  case value_kind::machine:
    return is_plain(text, path_bytes_max) ? std::optional{std::string{text}} : std::nullopt;
  case value_kind::choice:
    return std::ranges::find(rule.words, text) != rule.words.end()
               ? std::optional{std::string{text}}
               : std::nullopt;
  case value_kind::boolean:
    return text == "true" || text == "false" ? std::optional{text == "true"} : std::nullopt;
  case value_kind::count:
    return within(number_of<std::int64_t>(text), rule);
  case value_kind::number:
    return within(number_of<double>(text), rule);
  case value_kind::share:
    return within(share_of(text), rule);
  case value_kind::seconds:
    return within(seconds_of(text), rule);
  case value_kind::memory:
    return within(model::parse_size_mib(text), rule);
  case value_kind::duration:
    return duration_of(rule, text);
  }
  return std::nullopt;
}

/// As percent if that is short and the same number, else as it is.
std::string share_text(double share) {
  constexpr std::size_t short_enough = 8;
  auto percent = fmt::format("{}%", share * 100);
  auto plain = fmt::format("{}", share);
  const bool is_same = share_of(percent) == share;
  if ((is_same && percent.size() <= short_enough) || share_of(plain) != share)
    return percent;
  return plain;
}

std::string bounds(const value_rule& rule) {
  return fmt::format("{} to {}", rule.least, rule.most);
}

std::string time_text(double seconds) {
  return model::duration_text(
      std::chrono::milliseconds{static_cast<std::int64_t>(std::llround(seconds * 1'000))});
}

} // namespace

model::result<scenario_value> convert(const value_rule& rule, std::string_view text) {
  if (auto value = value_of(rule, text))
    return *std::move(value);
  constexpr std::size_t shown_max = 80;
  const auto shown =
      std::string{text.substr(0, shown_max)} + (text.size() > shown_max ? "..." : "");
  return fail(errc::invalid_argument,
              fmt::format("is \"{}\": must be {}", shown, expectation(rule)));
}

std::string expectation(const value_rule& rule) {
  switch (rule.kind) {
  case value_kind::text:
    return fmt::format("a text of 1 to {} bytes without control characters", name_bytes_max);
  case value_kind::file:
    return "a file's path";
  case value_kind::machine:
    return "a machine of the collection, or a description's path";
  case value_kind::choice:
    return fmt::format("one of {}", fmt::join(rule.words, ", "));
  case value_kind::boolean:
    return "true or false";
  case value_kind::count:
    return fmt::format("a whole number from {:.0f} to {:.0f}", rule.least, rule.most);
  case value_kind::number:
    return fmt::format("a number from {}", bounds(rule));
  case value_kind::share:
    return fmt::format("a share from {}% to {}%, as 5% or 0.05", rule.least * 100, rule.most * 100);
  case value_kind::seconds:
    return fmt::format("a time from {} to {}, such as 90s or 1.5h", time_text(rule.least),
                       time_text(rule.most));
  case value_kind::memory:
    return fmt::format("an amount of {:.0f} to {:.0f} MiB, such as 512m or 64g", rule.least,
                       rule.most);
  case value_kind::duration:
    return fmt::format("a time from {} to {}, such as 30s, 10m, 12h or 30d{}",
                       time_text(rule.least), time_text(rule.most),
                       rule.forever ? ", or forever" : "");
  }
  return {};
}

std::string text_of(const value_rule& rule, const scenario_value& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    return *text;
  if (const auto* flag = std::get_if<bool>(&value))
    return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<std::int64_t>(&value))
    return rule.kind != value_kind::memory ? fmt::format("{}", *whole)
           : *whole == 0                   ? std::string{} // stands for the defaults
                                           : fmt::format("{}m", *whole);
  if (const auto* number = std::get_if<double>(&value))
    return rule.kind == value_kind::share     ? share_text(*number)
           : rule.kind == value_kind::seconds ? fmt::format("{}s", *number)
                                              : fmt::format("{}", *number);
  if (const auto* time = std::get_if<model::duration>(&value))
    return *time == model::duration::max()
               ? std::string{for_ever}
               : model::duration_text(std::chrono::floor<std::chrono::milliseconds>(*time));
  return {};
}

} // namespace berth::sim
