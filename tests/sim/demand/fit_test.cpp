#include "sim/demand/fit.hpp"

#include <chrono>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/demand/helpers.hpp"
#include "tests/sim/demand/traces.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::chrono_literals;

demand generated(const demand_plan& plan, std::uint64_t seed, model::duration horizon) {
  auto generator = demand_generator::make(plan, seed, horizon);
  EXPECT_TRUE(generator.has_value()) << generator.error().message;
  return *collect(*generator, 10'000'000);
}

demand_fit fitted(const demand_plan& plan, std::uint64_t seed, model::duration horizon) {
  auto found = fit(generated(plan, seed, horizon), {.observed = horizon});
  EXPECT_TRUE(found.has_value()) << found.error().message;
  return *std::move(found);
}

TEST(Fit, RecoversRateAndHoursAndWeekdays) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    demand_plan plan;
    plan.arrivals_per_hour = 120;
    plan.hour_weights = daily_swing(0.7, 15);
    plan.weekday_weights = {1.2, 1.2, 1.2, 1.2, 1.2, 0.5, 0.5};
    const auto found = fitted(plan, seed, std::chrono::days{45}); // not whole weeks
    EXPECT_NEAR(found.plan.arrivals_per_hour / plan.arrivals_per_hour, 1, 0.03);
    for (std::size_t hour = 0; hour < 24; ++hour) {
      EXPECT_NEAR(found.plan.hour_weights[hour], plan.hour_weights[hour], 0.08) << hour;
    }
    for (std::size_t day = 0; day < 7; ++day) {
      EXPECT_NEAR(found.plan.weekday_weights[day], plan.weekday_weights[day], 0.05) << day;
    }
    EXPECT_FALSE(found.plan.bursts.has_value()) << "hours and weekdays explain everything";
  }
}

TEST(Fit, RecoversBursts) {
  for (const auto& bursts : {arrival_bursts{0.5, 7'200, 1'800}, arrival_bursts{0.2, 3'600, 3'600},
                             arrival_bursts{0, 1'200, 600}}) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      SCOPED_TRACE("SEED=" + std::to_string(seed) + " quiet " + std::to_string(bursts.quiet_rate));
      demand_plan plan;
      plan.arrivals_per_hour = 600;
      plan.bursts = bursts;
      const auto found = fitted(plan, seed, std::chrono::days{60});
      ASSERT_TRUE(found.plan.bursts.has_value());
      EXPECT_NEAR(found.plan.arrivals_per_hour / 600, 1, 0.05);
      EXPECT_NEAR(found.plan.bursts->quiet_rate, bursts.quiet_rate, 0.1);
      EXPECT_NEAR(found.plan.bursts->mean_quiet_s / bursts.mean_quiet_s, 1, 0.25);
      EXPECT_NEAR(found.plan.bursts->mean_burst_s / bursts.mean_burst_s, 1, 0.25);
    }
  }
}

TEST(Fit, RecoversLifetimeFamilies) {
  const std::vector<lifetime_law> laws{{constant_lifetime{100}},
                                       {exponential_lifetime{3'600}, 0.2},
                                       {lognormal_lifetime{600, 1.3}},
                                       {weibull_lifetime{0.6, 900}},
                                       {weibull_lifetime{2, 900}, 0.05}};
  for (const auto& law : laws) {
    SCOPED_TRACE(std::string{family_name(law)});
    demand_plan plan;
    plan.arrivals_per_hour = 400;
    plan.lifetimes = {law};
    const auto found = fitted(plan, 1, std::chrono::hours{100});
    ASSERT_THAT(found.plan.lifetimes, SizeIs(1));
    const auto& same = found.plan.lifetimes[0];
    if (const auto* weibull = std::get_if<weibull_lifetime>(&law.family)) {
      ASSERT_EQ(family_name(same), "weibull");
      EXPECT_NEAR(std::get<weibull_lifetime>(same.family).shape / weibull->shape, 1, 0.03);
    } else if (const auto* lognormal = std::get_if<lognormal_lifetime>(&law.family)) {
      ASSERT_EQ(family_name(same), "lognormal");
      EXPECT_NEAR(std::get<lognormal_lifetime>(same.family).sigma / lognormal->sigma, 1, 0.03);
    } else if (family_name(law) == "exponential") {
      // Weibull's with shape 1 is the same law.
      EXPECT_THAT(std::string{family_name(same)}, ::testing::AnyOf("exponential", "weibull"));
    } else {
      EXPECT_EQ(same, law);
    }
    EXPECT_NEAR(mean_seconds(same) / mean_seconds(law), 1, 0.05);
    EXPECT_NEAR(same.endless_share, law.endless_share, 0.01);
    for (const double part : {0.1, 0.5, 1.5}) {
      const double at = part * mean_seconds(law);
      EXPECT_NEAR(share_below(same, at), share_below(law, at), 0.02);
    }
  }
}

TEST(Fit, TakesWhatWasSeenWhereNoFamilyFits) {
  demand_plan plan;
  plan.arrivals_per_hour = 400;
  plan.lifetimes = {{empirical_lifetime{{1, 1, 1, 100, 100, 100'000}}}};
  const auto found = fitted(plan, 1, std::chrono::hours{100});
  ASSERT_EQ(family_name(found.plan.lifetimes[0]), "empirical");
  EXPECT_NEAR(mean_seconds(found.plan.lifetimes[0]) / mean_seconds(plan.lifetimes[0]), 1, 0.05);
  EXPECT_THAT(std::get<empirical_lifetime>(found.plan.lifetimes[0].family).seconds, SizeIs(1'000));
  ASSERT_THAT(found.lifetimes[0].candidates, SizeIs(3));
  EXPECT_THAT(to_text(found), HasSubstr("weibull: distance 0."));
}

TEST(Fit, RecoversShapesAndProjects) {
  demand_plan plan;
  plan.arrivals_per_hour = 1'000;
  plan.lifetimes = {{exponential_lifetime{600}}, {lognormal_lifetime{6'000, 1}}};
  plan.shapes = {{.weight = 6, .gpus = 1, .model = "A100"},
                 {.weight = 3, .gpus = 8, .model = "H100", .vcpus = 96, .lifetime = 1},
                 {.weight = 1, .gpus = 0}};
  plan.projects = {{3, "blue"}, {1, "red"}};
  const auto found = fitted(plan, 1, std::chrono::hours{100});
  ASSERT_THAT(found.plan.shapes, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& same = found.plan.shapes[i];
    EXPECT_EQ(same.gpus, plan.shapes[i].gpus);
    EXPECT_EQ(same.model, plan.shapes[i].model);
    EXPECT_NEAR(same.weight / static_cast<double>(found.arrivals), plan.shapes[i].weight / 10,
                0.01);
    EXPECT_NEAR(mean_seconds(found.plan.lifetimes[same.lifetime]) /
                    mean_seconds(plan.lifetimes[plan.shapes[i].lifetime]),
                1, 0.05);
  }
  EXPECT_EQ(found.plan.shapes[1].vcpus, 96U);
  ASSERT_THAT(found.plan.projects, SizeIs(2));
  EXPECT_EQ(found.plan.projects[0].name, "blue");
  EXPECT_NEAR(found.plan.projects[0].weight / static_cast<double>(found.arrivals), 0.75, 0.01);
}

TEST(Fit, TellsStandingServersFromThoseThatCome) {
  demand_plan plan;
  plan.arrivals_per_hour = 100;
  plan.standing = 2'000;
  plan.lifetimes = {{exponential_lifetime{600}}, {exponential_lifetime{60'000}}};
  plan.standing_shapes = {{.gpus = 8, .lifetime = 1}};
  const auto found = fitted(plan, 1, std::chrono::hours{100});
  EXPECT_EQ(found.plan.standing, 2'000U);
  EXPECT_NEAR(found.plan.arrivals_per_hour, 100, 3);
  EXPECT_FALSE(found.plan.bursts.has_value());
  ASSERT_THAT(found.plan.standing_shapes, SizeIs(1));
  ASSERT_THAT(found.plan.shapes, SizeIs(1));
  EXPECT_EQ(found.plan.standing_shapes[0].gpus, 8);
  EXPECT_EQ(found.plan.shapes[0].gpus, 1);
  const auto mean = [&found](const server_shape& shape) {
    return mean_seconds(found.plan.lifetimes[shape.lifetime]);
  };
  EXPECT_NEAR(mean(found.plan.standing_shapes[0]) / 60'000, 1, 0.06);
  EXPECT_NEAR(mean(found.plan.shapes[0]) / 600, 1, 0.05);
}

TEST(Fit, MergesRareShapesByTheirMeans) {
  demand seen;
  for (std::uint32_t i = 0; i < 100; ++i) {
    seen.arrivals.push_back({seconds(i), seconds(10), unstated, 1 + i, 100, 0, 0, 1, 1});
  }
  const auto found = fit(seen, {.shapes_max = 2});
  ASSERT_TRUE(found.has_value());
  ASSERT_THAT(found->plan.shapes, SizeIs(3));
  EXPECT_EQ(found->plan.shapes[2].weight, 98);
  EXPECT_EQ(found->plan.shapes[2].vcpus, 52U) << "mean of 3 to 100, rounded";
}

TEST(Fit, RareShapesAskForWhatMostOfThemDo) {
  demand seen;
  const auto add = [&seen](int count, std::uint32_t vcpus, std::uint8_t priority) {
    for (int i = 0; i < count; ++i) {
      arrival one{seconds(static_cast<int>(seen.arrivals.size())),
                  seconds(10),
                  unstated,
                  vcpus,
                  100,
                  0,
                  0,
                  1,
                  1};
      one.priority = priority;
      seen.arrivals.push_back(one);
    }
  };
  add(50, 1, 0);
  add(2, 2, 5);
  add(3, 4, 9);
  add(1, 8, 7);
  const auto found = fit(seen, {.shapes_max = 1});
  ASSERT_TRUE(found.has_value());
  ASSERT_THAT(found->plan.shapes, SizeIs(2));
  EXPECT_EQ(found->plan.shapes[1].weight, 6);
  EXPECT_EQ(found->plan.shapes[1].priority, 9);
}

TEST(Fit, KeepsApartWhatIsAskedForOtherwise) {
  demand seen;
  for (int i = 0; i < 100; ++i) {
    arrival one{seconds(i), seconds(10), unstated, 1, 100, 0, 0, 4, 1};
    if (i % 4 == 0)
      one.topology = packed_topology{{.numa = model::wish::require}};
    one.priority = i % 4 == 1 ? 9 : 0;
    seen.arrivals.push_back(one);
  }
  const auto found = fit(seen);
  ASSERT_TRUE(found.has_value());
  ASSERT_THAT(found->plan.shapes, SizeIs(3));
  EXPECT_EQ(found->plan.shapes[0].weight, 50);
  EXPECT_EQ(found->plan.shapes[1].priority + found->plan.shapes[2].priority, 9);
  EXPECT_EQ(std::ranges::count(found->plan.shapes, packed_topology{{.numa = model::wish::require}},
                               &server_shape::topology),
            1);
}

TEST(Fit, RefusesWhatSaysTooLittle) {
  demand seen;
  EXPECT_FALSE(fit(seen).has_value());
  seen.arrivals.resize(5);
  EXPECT_FALSE(fit(seen).has_value()) << "all at one moment";
  seen.arrivals.back().when = seconds(10);
  EXPECT_TRUE(fit(seen).has_value());
  EXPECT_FALSE(fit(seen, {.observed = seconds(5)}).has_value());
}

/// What a fitted generator must reproduce of a trace.
void expect_same_totals(const demand& seen, double tolerance) {
  const auto found = fit(seen);
  ASSERT_TRUE(found.has_value()) << found.error().message;
  SCOPED_TRACE(to_text(*found));
  totals sum;
  constexpr int runs = 10; // bursts make single runs differ
  for (std::uint64_t seed = 1; seed <= runs; ++seed) {
    const auto one = totals_of(generated(found->plan, seed, found->observed));
    sum.servers += one.servers;
    sum.gpus += one.gpus;
    sum.gpu_seconds += one.gpu_seconds;
  }
  const auto real = totals_of(seen);
  EXPECT_NEAR(static_cast<double>(sum.servers) / runs / static_cast<double>(real.servers), 1,
              tolerance);
  EXPECT_NEAR(static_cast<double>(sum.gpus) / runs / static_cast<double>(real.gpus), 1, tolerance);
  EXPECT_NEAR(sum.gpu_seconds / runs / real.gpu_seconds, 1, tolerance);
  for (const auto& law : found->plan.lifetimes) {
    EXPECT_TRUE(validate(law).has_value());
  }
}

TEST(FitTraces, AlibabaPods) {
  SKIP_WITHOUT(alibaba_default);
  expect_same_totals(*read_demand_file(trace_format::alibaba_pods, trace_path(alibaba_default)),
                     0.1);
}

TEST(FitTraces, PhillyJobs) {
  SKIP_WITHOUT(philly);
  expect_same_totals(*read_demand_file(trace_format::philly_jobs, trace_path(philly)), 0.08);
}

TEST(FitTraces, AzurePackingTimeline) {
  SKIP_WITHOUT(azure_packing);
  expect_same_totals(*read_demand_file(trace_format::packing_timeline, trace_path(azure_packing)),
                     0.04);
}

} // namespace
} // namespace berth::sim
