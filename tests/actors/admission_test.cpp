#include <chrono>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/admission.hpp"
#include "actors/inbox.hpp"

namespace berth::actors {
namespace {

using testing::HasSubstr;

TEST(GateTest, RefusesBeyondItsCapacityAndCountsIt) {
  gate door{10};
  auto first = door.try_acquire(6);
  ASSERT_TRUE(first);
  EXPECT_FALSE(door.try_acquire(5));
  EXPECT_EQ(door.refused(), 1u);
  EXPECT_EQ(door.in_use(), 6);
  auto second = door.try_acquire(4);
  ASSERT_TRUE(second);
  EXPECT_EQ(door.in_use(), 10);
}

TEST(GateTest, GivesUnitsBackWhateverHappensToThePermit) {
  gate door{4};
  {
    auto one = door.try_acquire(2);
    auto two = door.try_acquire(2);
    permit moved = std::move(*one);
    EXPECT_EQ(door.in_use(), 4);
    moved = std::move(*two); // the first dies by assignment
    EXPECT_EQ(door.in_use(), 2);
    moved.release();
    moved.release();
    EXPECT_EQ(door.in_use(), 0);
  }
  EXPECT_EQ(door.in_use(), 0);
}

TEST(GateTest, LetsAnOversizedPieceThroughOnlyAlone) {
  gate door{4};
  {
    const auto small = door.try_acquire(1);
    EXPECT_FALSE(door.try_acquire(9));
  }
  const auto large = door.try_acquire(9);
  EXPECT_TRUE(large);
  EXPECT_FALSE(door.try_acquire(1));
}

TEST(GateTest, OutlivesItsCopies) {
  std::optional<permit> kept;
  {
    gate door{1};
    kept = door.try_acquire();
  }
  EXPECT_TRUE(*kept);
  kept.reset();
}

TEST(InboxTest, AsksForOneWakeUpPerHandover) {
  inbox<int> box;
  EXPECT_TRUE(box.push(1));
  EXPECT_FALSE(box.push(2));
  EXPECT_EQ(box.take(), (std::vector{1, 2}));
  EXPECT_TRUE(box.push(3));
  EXPECT_EQ(box.take(), std::vector{3});
  EXPECT_TRUE(box.take().empty());
}

TEST(InboxTest, WhatCanWaitAsksForAWakeUpOnceEnoughHasGathered) {
  inbox<int> box;
  const auto enough = [](const std::vector<int>& all) { return all.size() >= 3; };
  EXPECT_FALSE(box.leave(1, enough));
  EXPECT_TRUE(box.push(2)) << "nobody was asked for yet";
  EXPECT_FALSE(box.leave(3, enough)) << "it will be read by the wake-up that is on its way";
  EXPECT_EQ(box.take(), (std::vector{1, 2, 3}));
  EXPECT_FALSE(box.leave(4, enough));
  EXPECT_FALSE(box.leave(5, enough));
  EXPECT_TRUE(box.leave(6, enough));
  EXPECT_FALSE(box.push(7));
  EXPECT_EQ(box.take(), (std::vector{4, 5, 6, 7}));
}

TEST(InboxTest, TellsHowMuchWaitsAndHowLongItWaited) {
  metrics::registry live{metrics::process::controller};
  model::timestamp now{};
  const auto scrape = [&] {
    metrics::text_writer out;
    live.collect(out);
    return out.take();
  };
  const std::string waiting = "berth_actor_mailbox_messages{actor=\"cluster\"} ";
  {
    inbox<int> box{mail_meter{live, "cluster", [&now] { return now; }}};
    (void)box.push(1);
    now += std::chrono::seconds{2};
    (void)box.push(2);
    EXPECT_THAT(scrape(), HasSubstr(waiting + "2\n"));
    now += std::chrono::seconds{1};
    (void)box.take();
    const auto text = scrape();
    EXPECT_THAT(text, HasSubstr(waiting + "0\n"));
    EXPECT_THAT(text, HasSubstr("berth_actor_message_wait_seconds_count{actor=\"cluster\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("berth_actor_message_wait_seconds_sum{actor=\"cluster\"} 4\n"));
    (void)box.push(3);
    EXPECT_THAT(scrape(), HasSubstr(waiting + "1\n"));
  }
  EXPECT_THAT(scrape(), HasSubstr(waiting + "0\n")); // what nobody will read waits no more
}

TEST(InboxTest, FloodedByThreadsItStaysBoundedByTheGateAndLosesNothingItTook) {
  struct work {
    int value = 0;
    permit admitted;
  };
  gate door{100};
  inbox<work> box;
  std::atomic<int> accepted{0};
  std::atomic<int> running{4};
  std::vector<std::jthread> offering;
  for (int thread = 0; thread < 4; ++thread)
    offering.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i)
        if (auto admitted = door.try_acquire()) {
          (void)box.push({i, std::move(*admitted)});
          ++accepted;
        }
      --running;
    });
  int handled = 0;
  std::size_t deepest = 0;
  while (running > 0 || box.size() > 0) {
    auto batch = box.take();
    deepest = std::max(deepest, batch.size());
    handled += static_cast<int>(batch.size());
  }
  EXPECT_EQ(handled, accepted);
  EXPECT_LE(deepest, 100u);
  EXPECT_GT(door.refused(), 0u);
  EXPECT_EQ(door.in_use(), 0);
}

TEST(LatestTest, KeepsTheNewestOnly) {
  latest<int> cell;
  EXPECT_TRUE(cell.put(1));
  EXPECT_FALSE(cell.put(2));
  EXPECT_EQ(cell.take(), 2);
  EXPECT_EQ(cell.take(), std::nullopt);
  EXPECT_TRUE(cell.put(3));
}

} // namespace
} // namespace berth::actors
