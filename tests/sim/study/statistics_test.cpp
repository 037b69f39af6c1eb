#include "sim/study/statistics.hpp"

#include <array>

#include <gtest/gtest.h>

namespace berth::sim {
namespace {

TEST(Statistics, OneValueHasNoInterval) {
  EXPECT_EQ(mean_of({}, 0.95), (estimate{0, std::nullopt}));
  EXPECT_EQ(mean_of(std::array{7.0}, 0.95), (estimate{7, std::nullopt}));
}

TEST(Statistics, EqualValuesHaveAnIntervalOfNoWidth) {
  EXPECT_EQ(mean_of(std::array{3.0, 3.0, 3.0}, 0.95), (estimate{3, 0.0}));
}

/// Against the tables of Student's t: 2.7764 and 2.1318 for four degrees of freedom.
TEST(Statistics, TheIntervalIsStudents) {
  constexpr std::array values{1.0, 2.0, 3.0, 4.0, 5.0}; // deviation 1.5811
  const auto at_95 = mean_of(values, 0.95);
  EXPECT_EQ(at_95.mean, 3);
  EXPECT_NEAR(at_95.half_width.value(), 2.7764 * 1.58114 / 2.23607, 1e-3);
  EXPECT_NEAR(mean_of(values, 0.90).half_width.value(), 2.1318 * 1.58114 / 2.23607, 1e-3);
}

TEST(Statistics, WhatTwoOweToTheSameChanceFallsOutOfTheirDifference) {
  constexpr std::array those{100.0, 250.0, 30.0};
  constexpr std::array these{101.0, 252.0, 33.0};
  const auto more = paired_difference(these, those, 0.95);
  EXPECT_EQ(more.mean, 2);
  EXPECT_NEAR(more.half_width.value(), 4.3027 / 1.73205, 1e-3);
  EXPECT_GT(mean_of(these, 0.95).half_width.value(), 100 * more.half_width.value());
}

} // namespace
} // namespace berth::sim
