#include "sim/actors_run/run.hpp"

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/demand/generator.hpp"

namespace berth::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace simulated = hostbackend::simulated;

actors_scenario fleet(int hosts, int gpus) {
  actors_scenario what;
  const auto kind = simulated::generic_machine(gpus, "H100").value();
  for (int i = 0; i < hosts; ++i) {
    what.hosts.push_back(simulated::make_host("gpu-" + std::to_string(i), kind));
    what.hosts.back().capacity = {256, 2'048 * 1'024, 8 * 1'024 * 1'024};
  }
  return what;
}

struct asked {
  int at_s = 0;
  int gpus = 0;
  int lifetime_s = 0; ///< 0: endless
  int patience_s = 0;
};
demand demand_of(const std::vector<asked>& list) {
  demand made;
  for (const auto& one : list) {
    arrival next;
    next.when = seconds{one.at_s};
    if (one.lifetime_s > 0)
      next.lifetime = seconds{one.lifetime_s};
    next.patience = seconds{one.patience_s};
    next.vcpus = 2;
    next.memory_mib = 2'048;
    next.gpus = static_cast<std::uint16_t>(one.gpus);
    made.arrivals.push_back(next);
  }
  return made;
}
actors_result played(const actors_scenario& what, const demand& all, std::uint64_t seed = 1,
                     observer* watching = nullptr) {
  demand_source source{all};
  return run_actors(what, source, seed, watching).value();
}

TEST(ActorsRun, ServersComeAndGo) {
  auto what = fleet(2, 4);
  what.horizon = hours{1};
  const auto result =
      played(what, demand_of({{0, 2, 600}, {60, 4, 600}, {120, 1}, {600, 0, 60}, {1'800, 4}}));
  EXPECT_THAT(result.violations, IsEmpty());
  EXPECT_EQ(result.load.arrived, 5U);
  EXPECT_EQ(result.load.placed, 5U);
  EXPECT_EQ(result.load.ended, 3U);
  EXPECT_EQ(result.load.living, 2U);
  EXPECT_EQ(result.load.living_max, 4U); // the first is only just being deleted
  EXPECT_EQ(result.load.starts.count(), 5U);
  EXPECT_GT(result.load.starts.mean(), seconds{1}) << "a guest starts in no time";
  EXPECT_EQ(result.starts, 5U);
  EXPECT_EQ(result.span, what.lead + what.horizon + what.calm);
}

TEST(ActorsRun, WhatFitsNowhereIsRefusedAndLeavesNothing) {
  auto what = fleet(1, 4);
  what.horizon = minutes{30};
  const auto result = played(what, demand_of({{0, 4, 0}, {10, 1, 0}, {20, 8, 0}}));
  EXPECT_THAT(result.violations, IsEmpty());
  EXPECT_EQ(result.load.placed, 1U);
  EXPECT_EQ(result.load.refused, 2U);
  EXPECT_EQ(result.load.refused_by, (std::map<std::string, std::uint64_t>{{"devices", 2}}));
  EXPECT_EQ(result.load.ended, 0U) << "what was refused never had a place";
}

TEST(ActorsRun, AServerWaitsAsLongAsItHasPatience) {
  auto what = fleet(1, 4);
  what.horizon = hours{1};
  const auto result =
      played(what, demand_of({{0, 4, 600, 0}, {60, 4, 600, 3'000}, {120, 4, 600, 300}}));
  EXPECT_THAT(result.violations, IsEmpty());
  EXPECT_EQ(result.load.placed, 2U);
  EXPECT_EQ(result.load.gave_up, 1U);
  EXPECT_EQ(result.load.longest_queue, 2U);
  EXPECT_EQ(result.load.waiting, 0U);
  EXPECT_GT(result.load.waits.max(), seconds{540});
  EXPECT_LT(result.load.waits.max(), seconds{600}) << "its place was free long before";
}

TEST(ActorsRun, WithoutAHorizonItEndsWithTheLastArrival) {
  const auto result = played(fleet(1, 4), demand_of({{0, 1, 10}, {5'000, 1, 0}}));
  EXPECT_EQ(result.load.placed, 2U);
  EXPECT_GT(result.span, seconds{5'000});
  EXPECT_LT(result.span, seconds{5'000} + hours{1});
}

/// Writes down what it is told.
struct notes final : observer {
  void placed(model::duration, std::uint64_t arrival, std::uint32_t host,
              std::span<const std::uint32_t> devices) override {
    EXPECT_TRUE(places.emplace(arrival, std::pair{host, devices.size()}).second);
  }
  void refused(model::duration, std::uint64_t arrival, std::string_view rule) override {
    EXPECT_TRUE(refusals.emplace(arrival, rule).second);
  }
  void ended(model::duration now, std::uint64_t arrival) override { ends.emplace(arrival, now); }
  void failed(model::duration, std::uint64_t) override { ADD_FAILURE() << "nothing fails"; }

  std::map<std::uint64_t, std::pair<std::uint32_t, std::size_t>> places;
  std::map<std::uint64_t, std::string> refusals;
  std::map<std::uint64_t, model::duration> ends;
};

TEST(ActorsRun, AnObserverHearsOfEveryDecisionAndChangesNothing) {
  auto what = fleet(2, 4);
  what.horizon = hours{1};
  const auto all = demand_of({{0, 4, 600}, {60, 4}, {120, 1}, {1'200, 3}});
  notes seen;
  const auto result = played(what, all, 1, &seen);
  EXPECT_EQ(result, played(what, all, 1));
  ASSERT_EQ(seen.places.size(), 3U);
  EXPECT_NE(seen.places.at(0).first, seen.places.at(1).first);
  EXPECT_EQ(seen.places.at(3), (std::pair{seen.places.at(0).first, std::size_t{3}}));
  EXPECT_EQ(seen.refusals, (std::map<std::uint64_t, std::string>{{2, "devices"}}));
  ASSERT_EQ(seen.ends.size(), 1U);
  EXPECT_GE(seen.ends.at(0), seconds{600});
  EXPECT_LT(seen.ends.at(0), seconds{630});
}

actors_scenario stormy() {
  auto what = fleet(6, 4);
  what.horizon = hours{6};
  what.patience = hours{1};
  what.mishaps.machines = {hours{4}, minutes{10}};
  what.mishaps.devices = {hours{12}, minutes{20}};
  what.mishaps.links = {hours{2}, seconds{30}};
  what.network.loss = 0.001;
  what.network.late = 0.001;
  what.network.breakage = 0.0005;
  simulated::fault fails;
  fails.operation = "start_server";
  fails.probability = 0.01;
  what.machines.faults = {fails};
  return what;
}
demand_generator busy(std::uint64_t seed) {
  demand_plan plan;
  plan.arrivals_per_hour = 30;
  plan.shapes = {{.weight = 3, .gpus = 1}, {.weight = 2, .gpus = 2}, {.weight = 1, .gpus = 4}};
  plan.lifetimes = {lifetime_law{exponential_lifetime{1'200}, 0}};
  return demand_generator::make(plan, seed, hours{6}).value();
}

class ActorsStorm : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(ActorsStorm, WhateverBreaksNothingIsGivenTwiceAndAllSettles) {
  std::printf("SEED=%llu\n", static_cast<unsigned long long>(GetParam()));
  auto source = busy(GetParam());
  const auto result = run_actors(stormy(), source, GetParam()).value();
  for (const auto& wrong : result.violations)
    ADD_FAILURE() << wrong;
  EXPECT_GT(result.mishaps.machines, 0U);
  EXPECT_GT(result.mishaps.devices, 0U);
  EXPECT_GT(result.mishaps.links, 0U);
  EXPECT_GT(result.frames_lost, 0U);
  EXPECT_EQ(result.load.placed + result.load.refused + result.load.waiting, result.load.arrived);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ActorsStorm, ::testing::Range<std::uint64_t>(1, 5));

TEST(ActorsRun, OneSeedOneRun) {
  const auto play = [](std::uint64_t seed) {
    auto source = busy(3);
    return run_actors(stormy(), source, seed).value();
  };
  const auto first = play(11);
  EXPECT_EQ(first, play(11));
  EXPECT_NE(first.trace_hash, play(12).trace_hash);
}

TEST(ActorsRun, SnapshotsChangeNothing) {
  auto what = fleet(2, 4);
  what.horizon = hours{2};
  demand_plan plan;
  plan.lifetimes = {lifetime_law{exponential_lifetime{300}, 0}};
  const auto play = [&](std::uint64_t snapshot_events) {
    what.snapshot_events = snapshot_events;
    auto source = demand_generator::make(plan, 5, hours{2}).value();
    return run_actors(what, source, 5).value();
  };
  const auto often = play(200);
  EXPECT_THAT(often.violations, IsEmpty());
  EXPECT_GT(often.events, 1'000U);
  EXPECT_EQ(often.load.arrived, play(0).load.arrived);
}

TEST(ActorsRun, RefusesWhatCannotBe) {
  const auto message = [](const actors_scenario& what) {
    const auto all = demand_of({{0, 1}});
    demand_source source{all};
    const auto result = run_actors(what, source, 1);
    return result ? std::string{} : result.error().message;
  };
  EXPECT_THAT(message({}), HasSubstr("no hosts"));
  auto twins = fleet(1, 1);
  twins.hosts.push_back(twins.hosts.front());
  EXPECT_THAT(message(twins), HasSubstr("two hosts are called gpu-0"));
  auto fixed = fleet(1, 1);
  fixed.hosts.push_back(fixed.hosts.front());
  fixed.hosts.back().name = "gpu-1"; // its id is the other's
  EXPECT_THAT(message(fixed), HasSubstr("host gpu-1 has an id that another host has, too"));
  auto backwards = fleet(1, 1);
  backwards.horizon = seconds{-1};
  EXPECT_THAT(message(backwards), HasSubstr("negative"));
}

} // namespace
} // namespace berth::sim
