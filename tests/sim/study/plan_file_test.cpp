#include "sim/study/plan_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/random.hpp"
#include "sim/demand/fit.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

void expect_equal(const demand_plan& a, const demand_plan& b, const std::string& text) {
  EXPECT_EQ(a.arrivals_per_hour, b.arrivals_per_hour) << text;
  EXPECT_EQ(a.hour_weights, b.hour_weights) << text;
  EXPECT_EQ(a.weekday_weights, b.weekday_weights) << text;
  EXPECT_EQ(a.week_offset, b.week_offset) << text;
  EXPECT_EQ(a.bursts, b.bursts) << text;
  EXPECT_EQ(a.growth_per_month, b.growth_per_month) << text;
  EXPECT_EQ(a.shapes, b.shapes) << text;
  EXPECT_EQ(a.lifetimes, b.lifetimes) << text;
  EXPECT_EQ(a.standing, b.standing) << text;
  EXPECT_EQ(a.standing_shapes, b.standing_shapes) << text;
  EXPECT_EQ(a.projects, b.projects) << text;
  EXPECT_EQ(a.patience, b.patience) << text;
  EXPECT_EQ(a.defaults.vcpus_per_gpu, b.defaults.vcpus_per_gpu) << text;
  EXPECT_EQ(a.defaults.memory_mib_without_gpu, b.defaults.memory_mib_without_gpu) << text;
  EXPECT_EQ(a.defaults.gpu_model, b.defaults.gpu_model) << text;
}

void expect_round_trip(const demand_plan& plan) {
  const auto text = to_yaml(plan);
  const auto again = read_plan(text, "plan.yaml");
  ASSERT_TRUE(again) << again.error().message << "\n" << text;
  expect_equal(plan, *again, text);
  EXPECT_EQ(to_yaml(*again), text);
}

lifetime_law some_law(model::random& dice) {
  const auto time = [&dice] { return 1 + dice.unit() * 1e6; };
  lifetime_law law;
  law.endless_share = dice.below(2) == 0 ? 0 : dice.unit();
  switch (dice.below(5)) {
  case 0:
    law.family = constant_lifetime{time()};
    break;
  case 1:
    law.family = exponential_lifetime{time()};
    break;
  case 2:
    law.family = lognormal_lifetime{time(), 0.1 + dice.unit()};
    break;
  case 3:
    law.family = weibull_lifetime{0.1 + dice.unit(), time()};
    break;
  default: {
    empirical_lifetime seen{{0}};
    for (std::uint64_t i = dice.below(5); i > 0; --i)
      seen.seconds.push_back(seen.seconds.back() + time());
    law.family = seen;
  }
  }
  return law;
}

server_shape some_shape(model::random& dice, std::size_t laws) {
  server_shape shape;
  shape.weight = dice.unit() * 100;
  shape.gpus = static_cast<std::uint16_t>(dice.below(9));
  if (shape.gpus > 0 && dice.below(2) == 0)
    shape.model = "H100|\"A: #100\"";
  shape.vcpus = static_cast<std::uint32_t>(dice.below(100));
  shape.memory_mib = static_cast<std::uint32_t>(dice.below(100'000));
  shape.lifetime = dice.below(laws);
  shape.from = std::chrono::hours{dice.below(100)};
  if (dice.below(2) == 0)
    shape.until = shape.from + std::chrono::milliseconds{1 + dice.below(100'000)};
  const auto some_wish = [&dice] { return static_cast<model::wish>(dice.below(3)); };
  shape.topology = packed_topology{{some_wish(), some_wish(), some_wish(), some_wish()}};
  shape.priority = static_cast<std::uint8_t>(dice.below(priority_max + 1));
  return shape;
}

demand_plan some_plan(model::random& dice) {
  demand_plan plan;
  plan.arrivals_per_hour = 0.001 + dice.unit() * 1e5;
  if (dice.below(2) == 0)
    plan.hour_weights = daily_swing(dice.unit(), 24 * dice.unit());
  if (dice.below(2) == 0)
    for (auto& weight : plan.weekday_weights)
      weight = dice.unit();
  plan.week_offset = std::chrono::seconds{dice.below(604'800)};
  if (dice.below(2) == 0)
    plan.bursts = arrival_bursts{dice.unit(), 1 + 1e4 * dice.unit(), 1 + 1e3 * dice.unit()};
  plan.growth_per_month = dice.below(2) == 0 ? 0 : 3 * dice.unit() - 0.9;
  plan.lifetimes.clear();
  for (std::uint64_t i = 0; i <= dice.below(4); ++i)
    plan.lifetimes.push_back(some_law(dice));
  plan.shapes.clear();
  for (std::uint64_t i = 0; i <= dice.below(6); ++i)
    plan.shapes.push_back(some_shape(dice, plan.lifetimes.size()));
  plan.standing = dice.below(3);
  if (plan.standing > 0)
    plan.standing_shapes.push_back(some_shape(dice, plan.lifetimes.size()));
  for (std::uint64_t i = dice.below(3); i > 0; --i)
    plan.projects.push_back({0.1 + dice.unit(), i == 1 ? "" : "team " + std::to_string(i)});
  plan.patience = dice.below(3) == 0   ? unstated
                  : dice.below(2) == 0 ? endless
                                       : model::duration{std::chrono::minutes{dice.below(99)}};
  plan.defaults.vcpus_per_gpu = static_cast<std::uint32_t>(1 + dice.below(32));
  return plan;
}

TEST(PlanFile, PlansComeBackToTheLastBit) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    model::random dice{seed};
    expect_round_trip(some_plan(dice));
    if (HasFailure())
      return;
  }
}

TEST(PlanFile, TheDefaultPlanAndAFittedOneComeBack) {
  expect_round_trip({});
  demand_plan plan;
  plan.lifetimes = {lifetime_law{lognormal_lifetime{7'000, 1.3}, 0.01}};
  auto drawn = demand_generator::make(plan, 1, std::chrono::hours{24 * 20});
  ASSERT_TRUE(drawn);
  const auto seen = collect(*drawn, 1'000'000);
  ASSERT_TRUE(seen);
  const auto found = fit(*seen);
  ASSERT_TRUE(found);
  expect_round_trip(found->plan);
}

TEST(PlanFile, DrawsTheSameArrivals) {
  model::random dice{7};
  auto plan = some_plan(dice);
  for (auto& shape : plan.shapes)
    shape = {.gpus = shape.gpus};
  const auto again = read_plan(to_yaml(plan), "plan.yaml");
  ASSERT_TRUE(again);
  auto a = demand_generator::make(plan, 3, std::chrono::hours{24});
  auto b = demand_generator::make(*again, 3, std::chrono::hours{24});
  ASSERT_TRUE(a && b);
  for (int i = 0; i < 1'000; ++i)
    ASSERT_EQ(a->next(), b->next()) << i;
}

TEST(PlanFile, MistakesNameTheLine) {
  const auto wish = read_plan("shapes:\n  - {gpus: 2, topology: numa=most}\n", "p.yaml");
  ASSERT_FALSE(wish);
  EXPECT_THAT(wish.error().message,
              HasSubstr("p.yaml:2: shapes[1].topology is \"numa=most\": must be wishes such as"));
  const auto read = read_plan("# a plan\narrivals_per_hour: 1\nshapes:\n  - {gpu: 1}\n", "p.yaml");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message,
              HasSubstr("p.yaml:4: there is no key shapes[1].gpu: the nearest is gpus"));
  const auto law = read_plan("lifetimes:\n  - {name: a, law: weibull, shape: 1}\n", "p.yaml");
  ASSERT_FALSE(law);
  EXPECT_THAT(law.error().message, HasSubstr("p.yaml:2: lifetimes[1] is weibull: must have scale"));
}

} // namespace
} // namespace berth::sim
