#include <gtest/gtest.h>

#include "scheduler/cell.hpp"

namespace berth::scheduler {
namespace {

TEST(Cell, StepsAreA32ndOfTheCapacityRoundedUp) {
  EXPECT_EQ(steps_of({128, 2'097'152, 0}), (cell_steps{4, 65'536}));
  EXPECT_EQ(steps_of({96, 1'048'576, 0}), (cell_steps{3, 32'768}));
  EXPECT_EQ(steps_of({1, 0, 0}), (cell_steps{1, 1}));
}

TEST(Cell, MachinesOfOneMakeShareTheirSteps) {
  // What the firmware leaves of 512 GiB differs from machine to machine.
  const auto first = steps_of({128, 515'072, 0});
  const auto second = steps_of({128, 515'691, 0});
  EXPECT_EQ(first, second);
  EXPECT_EQ(first.memory_mib, 16'384);
}

TEST(Cell, LevelsRoundDownAndStayInRange) {
  const cell_steps steps{4, 1'000};
  EXPECT_EQ(levels_of({7, 1'999, 0}, steps), (cell_levels{1, 1}));
  EXPECT_EQ(levels_of({-3, -1, 0}, steps), (cell_levels{0, 0}));
  EXPECT_EQ(levels_of({1'000'000, 1'000'000, 0}, steps), (cell_levels{32, 32}));
}

TEST(Cell, NoHostHasMoreThan32Steps) {
  for (std::int64_t capacity = 1; capacity < 100'000; capacity += 7) {
    const auto steps = steps_of({capacity, capacity, 0});
    EXPECT_LE(capacity / steps.cpus, 32) << capacity;
    // Rounded up to a whole number, then by at most an eighth.
    EXPECT_LE(steps.cpus, (capacity / 32 + 1) * 9 / 8) << capacity;
  }
}

} // namespace
} // namespace berth::scheduler
