#include "sim/study/purchase.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/study/study_text.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

study shop_with(const std::string& goal,
                const std::string& plan = "arrivals_per_hour: 2.5, shapes: "
                                          "[{gpus: 1}, {gpus: 4}], "
                                          "lifetimes: [{name: all, mean: 8h}]") {
  auto what = good_scenario("inventory: 2xhgx-h100\nhorizon: 2d\nseeds: 3\ndemand: {plan: {" +
                            plan + "}}\ngoal: {" + goal + "}\n");
  return what;
}
purchase_answer answer_to(const study& what) {
  const auto demand = offer(what);
  EXPECT_TRUE(demand) << demand.error().message;
  auto found = find_purchase(what, *demand, {.seeds = what.seeds, .jobs = 1});
  EXPECT_TRUE(found) << found.error().message;
  return std::move(*found);
}
bool meets(const study& what, const std::vector<std::uint32_t>& counts) {
  const auto demand = offer(what).value();
  const auto runs =
      play({{"", with_purchase(what, counts), demand}}, {.seeds = what.seeds, .jobs = 1}).value();
  std::vector<double> refused;
  for (const auto& run : runs[0].runs)
    refused.push_back(100 * run.result.gpus_refused / run.result.gpus_asked);
  const auto seen = mean_of(refused, 2 * what.confidence - 1);
  return seen.mean + seen.half_width.value() <= 100 * what.goal.refused_max;
}

TEST(Purchase, OfOneOfferTheSmallestNumberThatDoes) {
  const auto what =
      shop_with("refused_max: 5%, offers: [{machine: hgx-h100, price: 100, max: 12}]");
  const auto found = answer_to(what);
  ASSERT_TRUE(found.chosen);
  const auto& chosen = found.trials[*found.chosen];
  ASSERT_GT(chosen.counts[0], 0U);
  EXPECT_TRUE(meets(what, {chosen.counts[0]}));
  EXPECT_FALSE(meets(what, {chosen.counts[0] - 1}));
  EXPECT_EQ(chosen.cost, 100 * chosen.counts[0]);
  EXPECT_TRUE(std::ranges::is_sorted(found.trials, {}, &purchase_trial::cost));
  EXPECT_FALSE(found.impossible);
}

TEST(Purchase, OfTwoOffersTheCheapestMixAsIfAllWereTried) {
  const auto what = shop_with("refused_max: 10%, offers: [{machine: hgx-h100, price: 100, max: 4}, "
                              "{machine: dgx-a100, price: 61, max: 4}]",
                              "arrivals_per_hour: 2, shapes: [{gpus: 1}, {gpus: 4}], lifetimes: "
                              "[{name: all, mean: 8h}]");
  const auto found = answer_to(what);
  double cheapest = 1e9;
  for (std::uint32_t first = 0; first <= 4; ++first)
    for (std::uint32_t second = 0; second <= 4; ++second)
      if (meets(what, {first, second}))
        cheapest = std::min(cheapest, first * 100.0 + second * 61.0);
  ASSERT_LT(cheapest, 1e9) << "the test's goal can be met";
  ASSERT_TRUE(found.chosen);
  EXPECT_EQ(found.trials[*found.chosen].cost, cheapest);
  EXPECT_LT(found.trials.size(), 25U) << "not everything has to be played";
}

TEST(Purchase, WhatIsThereMayDo) {
  const auto found =
      answer_to(shop_with("refused_max: 100%, offers: [{machine: hgx-h100, price: 1, max: 3}]"));
  ASSERT_TRUE(found.chosen);
  EXPECT_EQ(found.trials[*found.chosen].counts, std::vector<std::uint32_t>{0});
}

TEST(Purchase, TheWaitCountsIfTheGoalSaysSo) {
  auto what =
      shop_with("refused_max: 100%, wait_p95_max: 1m, offers: [{machine: hgx-h100, price: 1, "
                "max: 12}]");
  what.base.patience = std::chrono::hours{48};
  const auto found = answer_to(what);
  ASSERT_TRUE(found.chosen);
  const auto& chosen = found.trials[*found.chosen];
  EXPECT_GT(chosen.counts[0], 0U);
  EXPECT_LE(chosen.wait_p95_s.value().mean, 60);
}

TEST(Purchase, ThatNoHostHoldsAServerIsProof) {
  const auto found =
      answer_to(shop_with("refused_max: 1%, offers: [{machine: hgx-h100, price: 1, max: 2}]",
                          "arrivals_per_hour: 1, shapes: [{gpus: 1, weight: 9}, {gpus: 16}], "
                          "lifetimes: [{name: all, mean: 1h}]"));
  EXPECT_FALSE(found.chosen);
  ASSERT_TRUE(found.impossible);
  EXPECT_THAT(*found.impossible, HasSubstr("by servers that no host holds even when it is empty"));
}

TEST(Purchase, ThatThereIsNotEnoughTimeInAllGpusIsProof) {
  const auto found = answer_to(
      shop_with("refused_max: 1%, offers: [{machine: hgx-h100, price: 1, max: 1}]",
                "arrivals_per_hour: 60, shapes: [{gpus: 8}], lifetimes: [{name: all, mean: 24h}]"));
  EXPECT_FALSE(found.chosen);
  ASSERT_TRUE(found.impossible);
  EXPECT_THAT(*found.impossible, HasSubstr("all GPUs together give"));
}

TEST(Purchase, TheBoundIsNeverAboveWhatAnyPolicyRefuses) {
  for (const double rate : {2.0, 30.0}) {
    auto what = shop_with("offers: [{machine: hgx-h100, price: 1, max: 1}]");
    what.demand.plan->arrivals_per_hour = rate;
    const auto demand = offer(what).value();
    for (const auto* policy : {"best-fit", "spread", "fragmentation"})
      for (const auto patience : {0, 3}) {
        auto scenario = what.base;
        scenario.policy = scheduler::find_policy(policy);
        scenario.patience = std::chrono::hours{patience};
        for (std::uint64_t seed = 1; seed <= 2; ++seed) {
          const auto bound = bound_of(scenario, demand, seed).value();
          const auto arrivals = demand.arrivals(seed).value();
          const auto seen = run(scenario, *arrivals, seed).value();
          const auto refused = seen.gpus_refused / seen.gpus_asked;
          EXPECT_LE(bound.percent(), 100 * refused + 1e-9)
              << policy << " at " << rate << " with " << patience << " h, seed " << seed;
        }
      }
  }
}

TEST(Purchase, TheBoundTellsWishesApart) {
  // Two of one size, seldom enough to be alone: eight GPUs are on no one NUMA node.
  const auto what = shop_with("offers: [{machine: hgx-h100, price: 1, max: 1}]",
                              "arrivals_per_hour: 0.5, shapes: [{gpus: 8}, {gpus: 8, topology: "
                              "numa=require}], lifetimes: [{name: all, mean: 1s}]");
  const auto demand = offer(what).value();
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const auto arrivals = demand.arrivals(seed).value();
    const auto seen = run(what.base, *arrivals, seed).value();
    EXPECT_GT(seen.gpus_refused, 0);
    EXPECT_LT(seen.gpus_refused, seen.gpus_asked);
    EXPECT_NEAR(bound_of(what.base, demand, seed).value().percent(),
                100 * seen.gpus_refused / seen.gpus_asked, 1e-9);
  }
}

TEST(Purchase, WhoStillWaitsInTheEndProvesNothing) {
  auto what =
      shop_with("refused_max: 1%, wait_p95_max: 0s, offers: [{machine: hgx-h100, price: 1, "
                "max: 1}]",
                "arrivals_per_hour: 1, shapes: [{gpus: 16}], lifetimes: [{name: all, mean: 1h}]");
  what.base.patience = endless;
  const auto bound = bound_of(with_purchase(what, {1}), offer(what).value(), 1).value();
  EXPECT_EQ(bound.percent(), 0);
  what.base.patience = std::chrono::hours{1};
  EXPECT_GT(bound_of(with_purchase(what, {1}), offer(what).value(), 1).value().percent(), 90);
}

TEST(Purchase, WhereServersFailEarlyTimeProvesNothing) {
  auto what =
      shop_with("offers: [{machine: hgx-h100, price: 1, max: 1}]",
                "arrivals_per_hour: 60, shapes: [{gpus: 8}], lifetimes: [{name: all, mean: 24h}]");
  EXPECT_GT(bound_of(what.base, offer(what).value(), 1).value().overload_percent, 0);
  what.base.machines = {std::chrono::minutes{10}, std::chrono::minutes{1}};
  EXPECT_EQ(bound_of(what.base, offer(what).value(), 1).value().overload_percent, 0);
}

TEST(Purchase, AModelThatIsOnlyOnOfferMayBeAskedFor) {
  const auto what =
      shop_with("refused_max: 1%, offers: [{machine: l40s-4, price: 1, max: 2}]",
                "arrivals_per_hour: 0.1, shapes: [{gpus: 1, model: H100}], lifetimes: "
                "[{name: all, mean: 1h}]");
  auto asks = what;
  asks.demand.plan->shapes.front().model = "L40S";
  EXPECT_FALSE(offer(asks));
  const std::vector<host_group> more{asks.goal.offers.front().hosts};
  EXPECT_TRUE(offer(asks, more));
}

TEST(Purchase, WithoutOffersOrWithOneSeedItSaysWhatIsMissing) {
  auto what = shop_with("refused_max: 1%");
  const auto demand = offer(what).value();
  const auto nothing = find_purchase(what, demand, {.seeds = 4, .jobs = 1});
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("nothing is on offer"));
  what = shop_with("offers: [{machine: hgx-h100, price: 1, max: 1}]");
  const auto once = find_purchase(what, demand, {.seeds = 1, .jobs = 1});
  ASSERT_FALSE(once);
  EXPECT_THAT(once.error().message, HasSubstr("at least 2 seeds"));
}

} // namespace
} // namespace berth::sim
