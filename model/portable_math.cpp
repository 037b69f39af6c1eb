#include "model/portable_math.hpp"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>

namespace berth::model {

static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles");
static_assert(std::numeric_limits<double>::is_iec559);

namespace {

// ln 2 in two pieces: the first times a small whole number is exact.
constexpr double ln2_high = 0x1.62e42feep-1;
constexpr double ln2_low = 0x1.a39ef35793c76p-33;
constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
constexpr double pi = 0x1.921fb54442d18p+1;

/// 2 to the power `exponent`, which must be that of a normal number.
double power_of_two(int exponent) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52U);
}

/// The whole number nearest to x, of moderate size. Adding 1.5 * 2^52 leaves no room for a
/// fraction.
double nearest_whole(double x) {
  constexpr double shifter = 0x1.8p52;
  return (x + shifter) - shifter;
}

/// Sine and cosine of small angles (at most pi/4) by their series.
double small_cosine(double angle) {
  const double square = angle * angle;
  double sum = 0;
  for (int k = 20; k >= 2; k -= 2) {
    sum = square / (k * (k - 1)) * (1 - sum);
  }
  return 1 - sum;
}

double small_sine(double angle) {
  const double square = angle * angle;
  double sum = 0;
  for (int k = 19; k >= 3; k -= 2) {
    sum = square / (k * (k - 1)) * (1 - sum);
  }
  return angle * (1 - sum);
}

} // namespace

/// x = m * 2^k with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m-1)/(m+1)), a series in odd
/// powers.
double portable_log(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52U) - 1022;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffULL) | 0x3fe0000000000000ULL);
  if (m < sqrt_half) {
    m += m;
    --exponent;
  }
  const double s = (m - 1) / (m + 1);
  const double z = s * s;
  double series = 0;
  for (int odd = 21; odd >= 3; odd -= 2) {
    series = z * (1.0 / odd + series);
  }
  return exponent * ln2_high + (2 * s + (2 * s * series + exponent * ln2_low));
}

/// x = k ln 2 + r with |r| <= ln 2 / 2; e^r by its series.
double portable_exp(double x) {
  if (x > 709.7) {
    return std::numeric_limits<double>::infinity();
  }
  if (x < -708) {
    return 0;
  }
  const double k = nearest_whole(x / (ln2_high + ln2_low));
  const double r = (x - k * ln2_high) - k * ln2_low;
  double series = 1;
  for (int i = 14; i >= 2; --i) {
    series = 1 + r / i * series;
  }
  const int exponent = static_cast<int>(k);
  // In two steps: 2^1024 itself is out of range.
  return (1 + r * series) * power_of_two(exponent - 1) * 2;
}

double portable_pow(double base, double x) {
  return portable_exp(x * portable_log(base));
}

double portable_cosine(double turns) {
  double part = turns - nearest_whole(turns); // -1/2 .. 1/2
  part = part < 0 ? -part : part;
  if (part <= 0.125) {
    return small_cosine(2 * pi * part);
  }
  if (part < 0.375) {
    return small_sine(2 * pi * (0.25 - part));
  }
  return -small_cosine(2 * pi * (0.5 - part));
}

/// Marsaglia, Evaluating the Normal Distribution (2004): phi(x) (x + x^3/3 + x^5/(3*5) + ...).
double normal_share_below(double x) {
  constexpr double practically_all = 8;
  if (x > practically_all || x < -practically_all) {
    return x > 0 ? 1 : 0;
  }
  double sum = x;
  double term = x;
  double before = 0;
  for (int odd = 3; sum != before; odd += 2) {
    term = term * x * x / odd;
    before = sum;
    sum += term;
  }
  constexpr double log_of_root_of_two_pi = 0x1.d67f1c864beb4p-1;
  return 0.5 + sum * portable_exp(-0.5 * x * x - log_of_root_of_two_pi);
}

/// Stirling's series (Abramowitz and Stegun 6.1.41), after moving the argument up to where it is
/// exact enough by gamma(x) = gamma(x + 1) / x.
double portable_log_gamma(double x) {
  double shift = 1;
  while (x < 10) {
    shift *= x;
    x += 1;
  }
  constexpr double half_log_of_two_pi = 0x1.d67f1c864beb4p-1;
  const double i = 1 / (x * x);
  const double series =
      (1.0 / 12 - i * (1.0 / 360 - i * (1.0 / 1260 - i * (1.0 / 1680 - i * (1.0 / 1188))))) / x;
  return (x - 0.5) * portable_log(x) - x + half_log_of_two_pi + series - portable_log(shift);
}

} // namespace berth::model
