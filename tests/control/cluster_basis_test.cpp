#include <utility>

#include <gtest/gtest.h>

#include "tests/control/cluster_world.hpp"

// What the log keeps of the plans that decisions were made by.

namespace berth::control {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::cluster_world;
using testing::make_host;
using testing::make_spec;

template <class Event> const Event* last(const cluster_world& world) {
  const Event* found = nullptr;
  for (const auto& record : world.log)
    if (const auto* event = std::get_if<Event>(&record.what))
      found = event;
  return found;
}

TEST(ClusterBasisTest, ALeadershipSaysHowItPlans) {
  cluster_config config;
  config.scheduling.policy = scheduler::find_policy("lifetime");
  config.schedulers = 3;
  config.project_scheduling["ml"].policy = scheduler::find_policy("spread");
  config.project_schedulers["ml"] = 2;
  const cluster_world world{config};
  const auto& begun = *last<model::controller_started>(world);
  EXPECT_EQ(begun.scheduling, (model::scheduling_in_force{"lifetime", 3}));
  ASSERT_EQ(begun.pools.size(), 1u);
  EXPECT_EQ(begun.pools.at("ml"), (model::scheduling_in_force{"spread", 2}));
}

TEST(ClusterBasisTest, APlanIsKeptWithWhatItSaw) {
  cluster_world world;
  world.connect(make_host("alpha", 2));
  const auto seen = world.replica_seen;
  world.hold_plans = true;
  world.send(model::create_servers{{make_spec("a", 1)}, true});
  ASSERT_EQ(world.plan_wishes.size(), 1u);
  const auto wish = std::exchange(world.plan_wishes, {}).front();
  auto plan = scheduler::plan(world.replica, wish.request);
  world.advance(seconds{2});
  world.connect(make_host("beta", 2)); // nothing that the scheduler had heard of
  world.step(plans_made{{{wish.id, std::move(plan), seen, 3}}});
  const auto* made = last<model::server_created>(world);
  ASSERT_NE(made, nullptr);
  ASSERT_TRUE(made->server.host);
  EXPECT_EQ(made->basis, (model::plan_basis{seen, 3, 1, seconds{2}, {}}));
}

TEST(ClusterBasisTest, WhatTheQueuePlacesWasPlannedOnTheStateItself) {
  cluster_world world;
  const auto alpha = make_host("alpha", 1);
  world.connect(alpha);
  (void)world.create(make_spec("a", 1));
  world.obey(alpha);
  auto patient = make_spec("b", 1);
  patient.wait_for_capacity = minutes{10};
  (void)world.ask(model::create_servers{{patient}, true});
  const auto* waits = last<model::server_created>(world);
  ASSERT_FALSE(waits->server.host);
  EXPECT_TRUE(waits->basis);
  (void)world.ask(model::act_on_server{"a", model::server_action::remove});
  world.obey(alpha);
  world.settle();
  const auto* placed = last<model::server_placed>(world);
  ASSERT_NE(placed, nullptr);
  EXPECT_FALSE(placed->basis);
}

TEST(ClusterBasisTest, TheLastTryOfAServerThatWaitedIsKept) {
  cluster_world world;
  world.connect(make_host("alpha", 1));
  auto patient = make_spec("b", 2);
  patient.wait_for_capacity = minutes{10};
  (void)world.ask(model::create_servers{{patient}, true});
  const auto seen = world.replica_seen;
  world.advance(minutes{10});
  world.settle();
  const auto* ended = last<model::server_wait_ended>(world);
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->basis, (model::plan_basis{seen, 0, 1, {}, {}}));
}

TEST(ClusterBasisTest, KeptHostsAreNamed) {
  cluster_world world;
  const auto alpha = make_host("alpha", 2);
  world.connect(alpha);
  (void)world.create(make_spec("a", 1));
  auto important = make_spec("b", 2);
  important.wait_for_capacity = minutes{100};
  important.priority = 90;
  (void)world.ask(model::create_servers{{important}, true});
  world.tick();
  world.settle();
  ASSERT_NE(last<model::server_reserved>(world), nullptr);
  (void)world.ask(model::create_servers{{make_spec("c", 1)}, true});
  const auto* refused = last<model::server_created>(world);
  ASSERT_FALSE(refused->server.host);
  ASSERT_TRUE(refused->basis);
  EXPECT_EQ(refused->basis->avoided, std::vector{alpha.id});
}

} // namespace
} // namespace berth::control
