#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "model/failure.hpp"
#include "model/random.hpp"
#include "model/time.hpp"

namespace berth::sim {

// Distributions of lifetimes. Times are seconds, positive.

/// All the same.
struct constant_lifetime {
  double seconds = 3'600;

  friend bool operator==(const constant_lifetime&, const constant_lifetime&) = default;
};
struct exponential_lifetime {
  double mean_s = 3'600;

  friend bool operator==(const exponential_lifetime&, const exponential_lifetime&) = default;
};
/// The logarithm is normally distributed; half of the lifetimes are below the median.
struct lognormal_lifetime {
  double median_s = 3'600;
  double sigma = 1; ///< standard deviation of the natural logarithm

  friend bool operator==(const lognormal_lifetime&, const lognormal_lifetime&) = default;
};
/// shape < 1: what has lived long lives on; 1: exponential; > 1: it ages.
struct weibull_lifetime {
  double shape = 1;
  double scale_s = 3'600;

  friend bool operator==(const weibull_lifetime&, const weibull_lifetime&) = default;
};
/// What was seen, condensed: each value is equally likely. Made from a sample by means of equal
/// parts of it, so it keeps the sample's mean.
struct empirical_lifetime {
  std::vector<double> seconds; ///< rising

  friend bool operator==(const empirical_lifetime&, const empirical_lifetime&) = default;
};

struct lifetime_law {
  std::variant<constant_lifetime, exponential_lifetime, lognormal_lifetime, weibull_lifetime,
               empirical_lifetime>
      family = exponential_lifetime{};
  double endless_share = 0; ///< 0..1, of those that stay for ever

  friend bool operator==(const lifetime_law&, const lifetime_law&) = default;
};

/// Fails when a parameter is not what it must be, naming it.
[[nodiscard]] model::result<void> validate(const lifetime_law& law);

/// A lifetime, cut off at seconds_max; `endless` for those that stay. Takes one draw for the
/// decision and those of the family, so that two laws on equal dice stay in step for as long as
/// their families are the same.
[[nodiscard]] model::duration draw_lifetime(const lifetime_law& law, model::random& dice);

/// Of those that end.
[[nodiscard]] double mean_seconds(const lifetime_law& law);

/// `exponential`, `lognormal`, ...
[[nodiscard]] std::string_view family_name(const lifetime_law& law);

/// Share of those that end that live at most `seconds`. Of an empirical law a staircase.
[[nodiscard]] double share_below(const lifetime_law& law, double seconds);

/// Exponentially distributed with mean 1, the same on every machine.
[[nodiscard]] inline double unit_exponential(model::random& dice) {
  return dice.exponential(1);
}

} // namespace berth::sim
