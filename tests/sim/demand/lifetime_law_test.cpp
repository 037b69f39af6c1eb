#include "sim/demand/lifetime_law.hpp"

#include <chrono>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "sim/demand/arrival.hpp"

namespace berth::sim {
namespace {

const std::vector<lifetime_law> laws{
    {constant_lifetime{100}},       {exponential_lifetime{3'600}},
    {lognormal_lifetime{600, 1.2}}, {weibull_lifetime{0.7, 900}},
    {weibull_lifetime{2, 900}},     {empirical_lifetime{{1, 2, 3, 1'000}}},
};

TEST(LifetimeLaw, DrawsHaveItsMeanAndItsDistribution) {
  for (const auto& law : laws) {
    SCOPED_TRACE(std::string{family_name(law)});
    ASSERT_TRUE(validate(law).has_value());
    model::random dice{11};
    constexpr int draws = 200'000;
    double sum = 0;
    int below = 0;
    const double limit = mean_seconds(law) / 2;
    for (int i = 0; i < draws; ++i) {
      const double seconds = std::chrono::duration<double>{draw_lifetime(law, dice)}.count();
      sum += seconds;
      below += seconds <= limit ? 1 : 0;
    }
    EXPECT_NEAR(sum / draws / mean_seconds(law), 1, 0.02);
    EXPECT_NEAR(static_cast<double>(below) / draws, share_below(law, limit), 0.005);
  }
}

TEST(LifetimeLaw, LetsSomeStayForEver) {
  model::random dice{12};
  int stay = 0;
  for (int i = 0; i < 10'000; ++i) {
    stay += draw_lifetime({constant_lifetime{1}, 0.25}, dice) == endless ? 1 : 0;
  }
  EXPECT_NEAR(stay, 2'500, 150);
  EXPECT_EQ(draw_lifetime({constant_lifetime{1}, 1}, dice), endless);
}

TEST(LifetimeLaw, CutsOffWhatIsTooLong) {
  model::random dice{13};
  for (int i = 0; i < 1'000; ++i) {
    const auto life = draw_lifetime({lognormal_lifetime{1, 100}}, dice);
    EXPECT_GE(life.count(), 0);
    EXPECT_LE(life, std::chrono::seconds{seconds_max});
  }
}

TEST(LifetimeLaw, RefusesParametersThatAreNone) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& law : std::vector<lifetime_law>{{constant_lifetime{0}},
                                                   {constant_lifetime{nan}},
                                                   {exponential_lifetime{-1}},
                                                   {exponential_lifetime{1e300}},
                                                   {lognormal_lifetime{1, 0}},
                                                   {lognormal_lifetime{nan, 1}},
                                                   {weibull_lifetime{1e-9, 1}},
                                                   {empirical_lifetime{}},
                                                   {empirical_lifetime{{2, 1}}},
                                                   {empirical_lifetime{{-1, 1}}},
                                                   {exponential_lifetime{}, -0.1},
                                                   {exponential_lifetime{}, nan}}) {
    EXPECT_FALSE(validate(law).has_value()) << family_name(law);
  }
}

} // namespace
} // namespace berth::sim
