#include "model/portable_math.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

#include "model/random.hpp"

namespace berth::model {
namespace {

/// How far apart two numbers are, in units of the last place of the second.
double ulps(double a, double b) {
  return std::abs(a - b) / (std::nextafter(std::abs(b), INFINITY) - std::abs(b));
}

TEST(PortableMath, IsAsExactAsItNeedsToBe) {
  random dice{1};
  for (int i = 0; i < 200'000; ++i) {
    const double x = std::exp(200 * dice.unit() - 100);
    ASSERT_LE(ulps(portable_log(x), std::log(x)), 4) << x;
    const double near_one = 0.5 + dice.unit();
    ASSERT_LE(ulps(portable_log(near_one), std::log(near_one)), 4) << near_one;
    const double y = 1'400 * dice.unit() - 700;
    ASSERT_LE(ulps(portable_exp(y), std::exp(y)), 4) << y;
    const double turns = 20 * dice.unit() - 10;
    ASSERT_NEAR(portable_cosine(turns), std::cos(2 * M_PI * turns), 1e-13) << turns;
    const double z = 20 * dice.unit() - 10;
    ASSERT_NEAR(normal_share_below(z), 0.5 * std::erfc(-z / std::sqrt(2)), 1e-14) << z;
    const double g = 0.001 + 100 * dice.unit();
    ASSERT_NEAR(portable_log_gamma(g), std::lgamma(g), 1e-11) << g;
    ASSERT_NEAR(portable_pow(x, 0.3) / std::pow(x, 0.3), 1, 1e-13);
  }
}

TEST(PortableMath, HoldsAtItsEnds) {
  EXPECT_EQ(portable_log(1), 0);
  EXPECT_EQ(portable_exp(0), 1);
  EXPECT_EQ(portable_exp(-1'000), 0);
  EXPECT_EQ(portable_exp(1'000), INFINITY);
  EXPECT_LE(ulps(portable_exp(709.5), std::exp(709.5)), 4);
  EXPECT_LE(ulps(portable_log(0x1p-53), std::log(0x1p-53)), 1);
  EXPECT_EQ(portable_cosine(0), 1);
  EXPECT_EQ(portable_cosine(0.5), -1);
  EXPECT_EQ(normal_share_below(-40), 0);
  EXPECT_EQ(normal_share_below(40), 1);
}

// The promise itself: these bits must come out on every machine and with every compiler.
TEST(PortableMath, GivesTheSameBitsEverywhere) {
  random dice{7};
  std::uint64_t hash = 0;
  const auto mix = [&hash](double value) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29U;
  };
  for (int i = 0; i < 10'000; ++i) {
    const double x = 100 * dice.unit() + 1e-9;
    mix(portable_log(x));
    mix(portable_exp(x - 50));
    mix(portable_pow(x, 0.7));
    mix(portable_cosine(x));
    mix(normal_share_below(x - 50));
    mix(portable_log_gamma(x));
  }
  EXPECT_EQ(hash, 2903943797537165480ULL);
}

} // namespace
} // namespace berth::model
