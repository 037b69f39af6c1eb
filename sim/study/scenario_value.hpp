#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/failure.hpp"
#include "model/time.hpp"

namespace berth::sim {

/// How a single value of a scenario is written.
enum class value_kind : std::uint8_t {
  text,     ///< a name, 1 to 128 bytes
  file,     ///< a path, relative to the file it stands in
  machine,  ///< the name of a machine of the collection, or the path of a description
  choice,   ///< one word of a list
  boolean,  ///< `true` or `false`
  count,    ///< a whole number
  number,   ///< a decimal number
  share,    ///< `5%` or `0.05`
  duration, ///< `30s`, `10m`, `12h`, `30d`
  seconds,  ///< the same with decimals
  memory,   ///< `64g`, `512m`; MiB without a unit
};

/// What a value may be, in the unit it is kept in: MiB, seconds, 1 = 100 %.
struct value_rule {
  value_kind kind = value_kind::text;
  double least = 0;
  double most = 0;
  std::vector<std::string_view> words{}; ///< of a choice
  bool forever = false;                  ///< a duration may be `forever`: duration::max()
};

/// A value after conversion; monostate: not given.
using scenario_value =
    std::variant<std::monostate, std::string, bool, std::int64_t, double, model::duration>;

/// Converts one value. The failure says what was found and what would be right, but not where.
[[nodiscard]] model::result<scenario_value> convert(const value_rule& rule, std::string_view text);

/// What a value may be, for messages and documentation: `a share from 0% to 100%, as 5% or 0.05`.
[[nodiscard]] std::string expectation(const value_rule& rule);

/// A value as `convert` reads it, without loss; empty if it was not given.
[[nodiscard]] std::string text_of(const value_rule& rule, const scenario_value& value);

} // namespace berth::sim
