#include "sim/demand/lifetime_law.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>

#include "model/portable_math.hpp"
#include "sim/demand/arrival.hpp"

namespace berth::sim {

namespace {

/// Standard normal, by Marsaglia's polar method. The second deviate of a pair is thrown away: a
/// law without memory is easier to keep in step.
double unit_normal(model::random& dice) {
  while (true) {
    const double u = 2 * dice.unit() - 1;
    const double v = 2 * dice.unit() - 1;
    const double square = u * u + v * v;
    if (square > 0 && square < 1) {
      return u * std::sqrt(-2 * model::portable_log(square) / square);
    }
  }
}

double draw(const constant_lifetime& law, model::random& /*dice*/) {
  return law.seconds;
}
double draw(const exponential_lifetime& law, model::random& dice) {
  return dice.exponential(law.mean_s);
}
double draw(const lognormal_lifetime& law, model::random& dice) {
  return law.median_s * model::portable_exp(law.sigma * unit_normal(dice));
}
double draw(const weibull_lifetime& law, model::random& dice) {
  const double e = dice.exponential(1);
  return e > 0 ? law.scale_s * model::portable_pow(e, 1 / law.shape) : 0;
}
double draw(const empirical_lifetime& law, model::random& dice) {
  return law.seconds[dice.below(law.seconds.size())];
}

double mean(const constant_lifetime& law) {
  return law.seconds;
}
double mean(const exponential_lifetime& law) {
  return law.mean_s;
}
double mean(const lognormal_lifetime& law) {
  return law.median_s * model::portable_exp(law.sigma * law.sigma / 2);
}
double mean(const weibull_lifetime& law) {
  return law.scale_s * model::portable_exp(model::portable_log_gamma(1 + 1 / law.shape));
}
double mean(const empirical_lifetime& law) {
  return std::accumulate(law.seconds.begin(), law.seconds.end(), 0.0) /
         static_cast<double>(law.seconds.size());
}

double below(const constant_lifetime& law, double seconds) {
  return seconds < law.seconds ? 0 : 1;
}
double below(const exponential_lifetime& law, double seconds) {
  return 1 - model::portable_exp(-seconds / law.mean_s);
}
double below(const lognormal_lifetime& law, double seconds) {
  return seconds > 0
             ? model::normal_share_below(model::portable_log(seconds / law.median_s) / law.sigma)
             : 0;
}
double below(const weibull_lifetime& law, double seconds) {
  return seconds > 0
             ? 1 - model::portable_exp(-model::portable_pow(seconds / law.scale_s, law.shape))
             : 0;
}
double below(const empirical_lifetime& law, double seconds) {
  const auto upto = std::upper_bound(law.seconds.begin(), law.seconds.end(), seconds);
  return static_cast<double>(upto - law.seconds.begin()) / static_cast<double>(law.seconds.size());
}

bool is_time(double seconds) {
  return seconds >= 1e-9 && seconds <= static_cast<double>(seconds_max);
}
/// Of shapes and sigmas: outside of it the functions above lose their digits.
bool is_shape(double value) {
  return value >= 0.01 && value <= 100;
}

bool is_sound(const constant_lifetime& law) {
  return is_time(law.seconds);
}
bool is_sound(const exponential_lifetime& law) {
  return is_time(law.mean_s);
}
bool is_sound(const lognormal_lifetime& law) {
  return is_time(law.median_s) && is_shape(law.sigma);
}
bool is_sound(const weibull_lifetime& law) {
  return is_time(law.scale_s) && is_shape(law.shape);
}
bool is_sound(const empirical_lifetime& law) {
  return !law.seconds.empty() && std::is_sorted(law.seconds.begin(), law.seconds.end()) &&
         std::all_of(law.seconds.begin(), law.seconds.end(),
                     [](double value) { return value == 0 || is_time(value); });
}

} // namespace

model::result<void> validate(const lifetime_law& law) {
  if (!(law.endless_share >= 0 && law.endless_share <= 1)) {
    return model::fail(model::errc::invalid_argument,
                       "the share of endless lifetimes must be from 0 to 1");
  }
  if (!std::visit([](const auto& family) { return is_sound(family); }, law.family)) {
    return model::fail(
        model::errc::invalid_argument,
        "a " + std::string{family_name(law)} + " lifetime needs times from a nanosecond to " +
            std::to_string(seconds_max) +
            " seconds, shape and sigma from 0.01 to 100, and values in rising order");
  }
  return {};
}

model::duration draw_lifetime(const lifetime_law& law, model::random& dice) {
  if (dice.unit() < law.endless_share) {
    return endless;
  }
  const double seconds =
      std::visit([&dice](const auto& family) { return draw(family, dice); }, law.family);
  constexpr double nanoseconds = 1e9;
  const double most = static_cast<double>(seconds_max) * nanoseconds;
  return model::duration{static_cast<std::int64_t>(std::min(seconds * nanoseconds, most))};
}

double mean_seconds(const lifetime_law& law) {
  return std::visit([](const auto& family) { return mean(family); }, law.family);
}

std::string_view family_name(const lifetime_law& law) {
  constexpr std::array<std::string_view, 5> names{"constant", "exponential", "lognormal", "weibull",
                                                  "empirical"};
  return names[law.family.index()];
}

double share_below(const lifetime_law& law, double seconds) {
  return std::visit([seconds](const auto& family) { return below(family, seconds); }, law.family);
}

} // namespace berth::sim
