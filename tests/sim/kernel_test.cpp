#include <memory>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <gtest/gtest.h>

#include "sim/agenda.hpp"
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

TEST(KernelTest, DelayedMessagesComeInTheOrderOfTheirTimesAndOfSending) {
  kernel time{{1, true}};
  const auto begin = time.now();
  std::vector<std::pair<int, model::duration>> came;
  const auto reader = time.system().spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](int which) { came.emplace_back(which, time.now() - begin); }};
  });
  const auto writer = time.system().spawn([&](caf::event_based_actor* self) {
    self->delayed_send(reader, seconds{2}, 3);
    self->delayed_send(reader, seconds{1}, 1);
    self->delayed_send(reader, seconds{1}, 2);
    self->delayed_send(reader, seconds{9}, 4);
  });
  time.run_for(seconds{5});
  EXPECT_EQ(came, (std::vector<std::pair<int, model::duration>>{
                      {1, seconds{1}}, {2, seconds{1}}, {3, seconds{2}}}));
  EXPECT_EQ(time.now() - begin, seconds{5});
}

TEST(AgendaTest, GivesWhatIsDueFirstAndOfOneTimeWhatCameFirst) {
  agenda<std::string> all;
  EXPECT_EQ(all.next(), model::timestamp::max());
  EXPECT_EQ(all.first(), nullptr);
  const model::timestamp early{seconds{1}};
  const model::timestamp late{seconds{2}};
  all.push(late, "c");
  all.push(early, "a");
  all.push(early, "b");
  EXPECT_EQ(all.next(), early);
  EXPECT_EQ(*all.first(), "a");
  EXPECT_EQ(all.pop(), "a");
  all.push(early, "b2"); // in the place of a
  EXPECT_EQ(all.pop(), "b");
  EXPECT_EQ(all.pop(), "b2");
  EXPECT_EQ(all.pop(), "c");
  EXPECT_TRUE(all.empty());
}

TEST(AgendaTest, WhatGoesMayAskForMore) {
  struct thing {
    std::shared_ptr<void> held;
  };
  agenda<thing> all;
  int gone = 0;
  const auto plain = [&] { return thing{std::shared_ptr<void>{nullptr, [&](void*) { ++gone; }}}; };
  all.push({}, {std::shared_ptr<void>{nullptr, [&](void*) {
                                        ++gone;
                                        all.push({}, plain());
                                        all.push({}, plain());
                                      }}});
  all.push({}, plain());
  all.clear();
  EXPECT_TRUE(all.empty());
  EXPECT_EQ(gone, 4);
}

TEST(KernelTest, DiceOfDifferentStreamsDiffer) {
  const kernel time{{1, true}};
  EXPECT_NE(time.dice(1).next(), time.dice(2).next());
  EXPECT_EQ(time.dice(1).next(), time.dice(1).next());
}

} // namespace
} // namespace berth::sim
