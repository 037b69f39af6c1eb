#include "model/random.hpp"

#include <array>
#include <bit>
#include <cstdint>

#include <gtest/gtest.h>

namespace berth::model {
namespace {

TEST(Random, IsSplitMix64) {
  // Known answers of the reference implementation, seed 1234567.
  random dice{1234567};
  EXPECT_EQ(dice.next(), 6457827717110365317ULL);
  EXPECT_EQ(dice.next(), 3203168211198807973ULL);
  EXPECT_EQ(dice.next(), 9817491932198370423ULL);
  EXPECT_EQ(dice.next(), 4593380528125082431ULL);
  EXPECT_EQ(dice.next(), 16408922859458223821ULL);
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  random dice{1};
  std::array<int, 7> hits{};
  for (int i = 0; i < 70'000; ++i) {
    const auto draw = dice.below(7);
    ASSERT_LT(draw, 7U);
    ++hits[draw];
  }
  for (const int count : hits) {
    EXPECT_NEAR(count, 10'000, 500);
  }
  EXPECT_EQ(dice.below(1), 0U);
}

TEST(Random, UnitAndChanceAndExponential) {
  random dice{2};
  double sum = 0;
  double waits = 0;
  int yes = 0;
  constexpr int draws = 100'000;
  for (int i = 0; i < draws; ++i) {
    const double value = dice.unit();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
    waits += dice.exponential(4.0);
    yes += dice.chance(0.25) ? 1 : 0;
  }
  EXPECT_NEAR(sum / draws, 0.5, 0.01);
  EXPECT_NEAR(waits / draws, 4.0, 0.1);
  EXPECT_NEAR(static_cast<double>(yes) / draws, 0.25, 0.01);
  EXPECT_FALSE(dice.chance(0.0));
  EXPECT_TRUE(dice.chance(1.0));
}

TEST(Random, ExponentialGivesTheSameBitsEverywhere) {
  random dice{5};
  std::uint64_t mixed = 0;
  for (int i = 0; i < 10'000; ++i) {
    mixed = random{mixed ^ std::bit_cast<std::uint64_t>(dice.exponential(3'600))}.next();
  }
  EXPECT_EQ(mixed, 10687420163933234942ULL);
}

TEST(Random, SplitGivesAnIndependentStream) {
  random a{3};
  random b{3};
  random child = a.split();
  (void)b.next();
  EXPECT_EQ(a.next(), b.next()) << "the child's draws do not shift the parent's";
  EXPECT_NE(child.next(), a.next());
}

} // namespace
} // namespace berth::model
