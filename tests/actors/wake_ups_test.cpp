#include "actors/wake_ups.hpp"

#include <gtest/gtest.h>

namespace berth::actors {
namespace {

model::timestamp at(std::int64_t moment) {
  return model::timestamp{model::duration{moment}};
}

TEST(WakeUps, OneMessageDoesForAllThatIsDueLater) {
  wake_ups wakes;
  EXPECT_TRUE(wakes.wants(at(10)));
  EXPECT_FALSE(wakes.wants(at(10)));
  EXPECT_FALSE(wakes.wants(at(20)));
  EXPECT_TRUE(wakes.wants(at(5)));
  EXPECT_EQ(wakes.pending(), 2U);
}

TEST(WakeUps, ALaterMessageThatIsOnItsWayIsNotSentAgain) {
  wake_ups wakes;
  EXPECT_TRUE(wakes.wants(at(1000)));
  for (std::int64_t moment = 1; moment < 100; ++moment) { // something short, again and again
    EXPECT_TRUE(wakes.wants(at(moment)));
    wakes.arrived();
    EXPECT_FALSE(wakes.wants(at(1000)));
  }
  EXPECT_EQ(wakes.pending(), 1U);
}

TEST(WakeUps, AfterTheLastArrivalEverythingIsWanted) {
  wake_ups wakes;
  EXPECT_TRUE(wakes.wants(at(1)));
  wakes.arrived();
  wakes.arrived();
  EXPECT_TRUE(wakes.wants(at(1000)));
}

} // namespace
} // namespace berth::actors
