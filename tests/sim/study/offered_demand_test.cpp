#include "sim/study/offered_demand.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/sim/study/study_text.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

class OfferedDemand : public ::testing::Test {
protected:
  OfferedDemand() {
    std::ofstream file{trace_};
    file << "arrive_s,lifetime_s,gpus,model\n";
    for (int hour = 0; hour < 48; ++hour)
      file << hour * 3600 << ",7200," << hour % 3 + 1 << ",H100\n";
  }
  ~OfferedDemand() override { std::filesystem::remove(trace_); }

  study with(const std::string& rest) {
    return good_scenario("inventory: 4xhgx-h100\nhorizon: 10d\n" + rest);
  }
  static std::vector<arrival> all_of(const offered_demand& from, std::uint64_t seed) {
    auto source = from.arrivals(seed);
    EXPECT_TRUE(source);
    std::vector<arrival> all;
    while (source) {
      const auto next = (*source)->next();
      if (!next)
        break;
      all.push_back(*next);
    }
    return all;
  }

  const std::string trace_ = (std::filesystem::temp_directory_path() /
                              ("berth-offered-" + std::to_string(getpid()) + ".csv"))
                                 .string();
};

TEST_F(OfferedDemand, ATraceIsTheSameForEverySeed) {
  auto demand = offer(with("demand: {trace: " + trace_ + "}"));
  ASSERT_TRUE(demand) << demand.error().message;
  EXPECT_EQ(demand->fitted(), nullptr);
  EXPECT_EQ(demand->plan(), nullptr);
  ASSERT_NE(demand->seen(), nullptr);
  EXPECT_EQ(demand->seen()->report.rows, 48U);
  const auto source = demand->arrivals(1);
  ASSERT_TRUE(source);
  const auto moved = std::move(*demand); // what was given goes on
  EXPECT_TRUE((*source)->next());
  EXPECT_EQ(all_of(moved, 1).size(), 48U);
  EXPECT_EQ(all_of(moved, 1), all_of(moved, 2));
}

TEST_F(OfferedDemand, ADrawnOneIsFittedAndGrows) {
  const auto what = with("demand: {trace: " + trace_ + ", draw: true, growth: 50%}");
  const auto demand = offer(what);
  ASSERT_TRUE(demand) << demand.error().message;
  ASSERT_NE(demand->fitted(), nullptr);
  EXPECT_EQ(demand->fitted()->plan.growth_per_month, 0) << "what was seen";
  ASSERT_NE(demand->plan(), nullptr);
  EXPECT_EQ(demand->plan()->growth_per_month, 0.5);
  EXPECT_NE(all_of(*demand, 1), all_of(*demand, 2));
  EXPECT_EQ(all_of(*demand, 1), all_of(*demand, 1));
}

TEST_F(OfferedDemand, ManyThreadsDrawTheSame) {
  const auto demand = offer(with("demand: {plan: {arrivals_per_hour: 5}}"));
  ASSERT_TRUE(demand);
  const auto alone = all_of(*demand, 7);
  EXPECT_GT(alone.size(), 1'000U);
  std::vector<std::vector<arrival>> drawn(4);
  std::vector<std::thread> threads;
  for (auto& into : drawn)
    threads.emplace_back([&demand, &into] { into = all_of(*demand, 7); });
  for (auto& one : threads)
    one.join();
  for (const auto& one : drawn)
    EXPECT_EQ(one, alone);
}

TEST_F(OfferedDemand, WhatCannotBeIsSaid) {
  const auto refused = [&](const study& what) {
    const auto made = offer(what);
    return made ? std::string{"accepted"} : made.error().message;
  };
  EXPECT_THAT(refused(with("demand: {trace: /no/such.csv}")), HasSubstr("/no/such.csv"));
  std::ofstream{trace_} << "arrive_s,lifetime_s,gpus\n";
  EXPECT_THAT(refused(with("demand: {trace: " + trace_ + "}")), HasSubstr("has no arrivals"));
  std::ofstream{trace_} << "arrive_s,lifetime_s,gpus,model\n0,60,1,H10O\n";
  EXPECT_THAT(refused(with("demand: {trace: " + trace_ + "}")), HasSubstr("H10O"));
  std::ofstream{trace_} << "arrive_s,lifetime_s,gpus\n0,60,1\n";
  auto bare = with("demand: {trace: " + trace_ + "}");
  for (auto& group : bare.base.hosts)
    group.machine.devices.clear();
  EXPECT_THAT(refused(bare), HasSubstr("asks for GPUs, and the inventory has none"));
  bare.demand.plan = demand_plan{};
  EXPECT_THAT(refused(bare), HasSubstr("asks for GPUs, and the inventory has none"));
  bare.demand.plan->shapes = {server_shape{.gpus = 0}};
  EXPECT_EQ(refused(bare), "accepted");
}

} // namespace
} // namespace berth::sim
