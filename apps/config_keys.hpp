#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "apps/config.hpp"

namespace berth::apps {

/// How a value is written and what it may be.
enum class value_kind : std::uint8_t {
  text,     ///< any text
  path,     ///< a file or directory
  address,  ///< `address:port`
  choice,   ///< one word of a list
  boolean,  ///< `true` or `false`
  count,    ///< a whole number within bounds
  bytes,    ///< a whole number with an optional unit: KiB, MiB, GiB
  duration, ///< a whole number with a unit: ms, s, m, h
  number,   ///< a decimal number within bounds
};

/// Bounds of a value, in the unit of its member (bytes, milliseconds); or the words of a choice.
struct value_rule {
  value_kind kind = value_kind::text;
  double minimum = 0;
  double maximum = 0;
  std::vector<std::string_view> choices{};
};

/// A value after conversion.
using config_value =
    std::variant<std::string, bool, std::int64_t, double, std::chrono::milliseconds>;

/// One key: its name in the file (`section.key`), where it is stored, what it may be, what it is
/// for.
template <class Config> struct config_key {
  using member = std::variant<std::string Config::*, bool Config::*, std::int64_t Config::*,
                              double Config::*, std::chrono::milliseconds Config::*>;
  std::string_view name;
  member where;
  value_rule rule;
  std::string_view help;
};

/// Every key, in the order of the documentation.
[[nodiscard]] std::span<const config_key<controller_config>> controller_keys();
[[nodiscard]] std::span<const config_key<host_config>> host_keys();

/// What the loader, the flags and the documentation need of a key, without its program.
struct key_description {
  std::string_view name;
  std::string flag;         ///< without the leading dashes
  const value_rule* rule;   ///< lives as long as the program
  std::string default_text; ///< as written in a file; empty = unset
  std::string_view help;
};

template <class Config>
[[nodiscard]] std::vector<key_description> describe(std::span<const config_key<Config>> keys);
extern template std::vector<key_description>
    describe(std::span<const config_key<controller_config>>);
extern template std::vector<key_description> describe(std::span<const config_key<host_config>>);

/// The value of `key` in `config` as written in a file.
template <class Config>
[[nodiscard]] std::string value_text(const config_key<Config>& key, const Config& config);
extern template std::string value_text(const config_key<controller_config>&,
                                       const controller_config&);
extern template std::string value_text(const config_key<host_config>&, const host_config&);

/// Converts one scalar. The failure says what would be right and what was found, but not where.
[[nodiscard]] model::result<config_value> convert(const value_rule& rule, std::string_view text);

/// What a value may be, for messages and documentation: `a duration from 100ms to 1h`.
[[nodiscard]] std::string expectation(const value_rule& rule);

} // namespace berth::apps
