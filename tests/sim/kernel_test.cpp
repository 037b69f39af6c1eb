#include <gtest/gtest.h>

#include "sim/kernel.hpp"

namespace berth::sim {
namespace {

using std::chrono::seconds;

TEST(KernelTest, RunsTimersInOrderAtTheirTime) {
  kernel time{{1, true}};
  const auto begin = time.now();
  std::vector<int> order;
  time.after(seconds{2}, [&] { order.push_back(2); });
  time.after(seconds{1}, [&] {
    order.push_back(1);
    EXPECT_EQ(time.now() - begin, seconds{1});
    time.after(seconds{3}, [&] { order.push_back(4); });
  });
  time.run_for(seconds{3});
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_EQ(time.now() - begin, seconds{3});
  time.run_for(seconds{1});
  EXPECT_EQ(order, (std::vector{1, 2, 4}));
}

TEST(KernelTest, RunUntilStopsWhenTheConditionHolds) {
  kernel time{{1, true}};
  bool done = false;
  time.after(seconds{5}, [&] { done = true; });
  EXPECT_FALSE(time.run_until([&] { return done; }, seconds{4}));
  EXPECT_TRUE(time.run_until([&] { return done; }, seconds{4}));
}

TEST(KernelTest, DiceOfDifferentStreamsDiffer) {
  const kernel time{{1, true}};
  EXPECT_NE(time.dice(1).next(), time.dice(2).next());
  EXPECT_EQ(time.dice(1).next(), time.dice(1).next());
}

} // namespace
} // namespace berth::sim
