#include "sim/demand/generator.hpp"

#include <chrono>
#include <limits>
#include <map>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/demand/berth_csv.hpp"
#include "tests/sim/demand/helpers.hpp"

namespace berth::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

demand generated(const demand_plan& plan, std::uint64_t seed, model::duration horizon) {
  auto generator = demand_generator::make(plan, seed, horizon);
  EXPECT_TRUE(generator.has_value()) << generator.error().message;
  auto all = collect(*generator, 10'000'000);
  EXPECT_EQ(generator->next(), std::nullopt) << "the end stays the end";
  return *std::move(all);
}

/// Everything at once.
demand_plan rich_plan() {
  demand_plan plan;
  plan.arrivals_per_hour = 200;
  plan.hour_weights = daily_swing(0.6, 14);
  plan.weekday_weights = {1, 1.1, 1.2, 1.1, 1, 0.4, 0.3};
  plan.week_offset = std::chrono::hours{30} + 17min;
  plan.bursts = arrival_bursts{0.4, 5'400, 900};
  plan.growth_per_month = 0.05;
  plan.lifetimes = {{exponential_lifetime{7'200}},
                    {lognormal_lifetime{3'600, 1.5}, 0.1},
                    {weibull_lifetime{0.6, 5'000}},
                    {empirical_lifetime{{60, 600, 6'000}}}};
  plan.shapes = {{.weight = 5, .gpus = 1, .model = "A100"},
                 {.weight = 2, .gpus = 4, .model = "A100|H100", .lifetime = 1},
                 {.weight = 1, .gpus = 8, .model = "H100", .vcpus = 96, .lifetime = 2},
                 {.weight = 2, .gpus = 0, .lifetime = 3},
                 {.weight = 4, .gpus = 8, .model = "B200", .from = std::chrono::days{20}}};
  plan.projects = {{3, "blue"}, {1, "red"}};
  plan.patience = 600s;
  return plan;
}

std::uint64_t hash_of(const demand& all) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  std::string row;
  for (const auto& one : all.arrivals) {
    row.clear();
    append_berth_csv(row, one, 1, all.names);
    for (const char c : row) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
  }
  return hash;
}

TEST(Generator, GivesTheSameBytesForASeedEverywhere) {
  const auto once = generated(rich_plan(), 42, std::chrono::days{40});
  EXPECT_EQ(hash_of(once), hash_of(generated(rich_plan(), 42, std::chrono::days{40})));
  EXPECT_NE(hash_of(once), hash_of(generated(rich_plan(), 43, std::chrono::days{40})));
  EXPECT_EQ(hash_of(once), 5734292201154289724ULL)
      << "the promise itself: this must come out on every machine and with every compiler";
}

TEST(Generator, HoldsWhatArrivalsPromise) {
  const auto horizon = std::chrono::days{40};
  const auto all = generated(rich_plan(), 1, horizon);
  model::duration last{};
  for (const auto& one : all.arrivals) {
    ASSERT_GE(one.when, last);
    ASSERT_LT(one.when, horizon);
    ASSERT_GE(one.lifetime.count(), 0);
    ASSERT_GT(one.vcpus, 0U);
    ASSERT_GT(one.memory_mib, 0U);
    ASSERT_EQ(one.patience, 600s);
    ASSERT_LT(one.model, all.names.models.size());
    last = one.when;
  }
  EXPECT_THAT(all.names.models.all(), ElementsAre("", "A100", "A100|H100", "H100", "B200"));
  EXPECT_THAT(all.names.projects.all(), ElementsAre("", "blue", "red"));
}

TEST(Generator, IsPoissonWithoutMore) {
  demand_plan plan;
  plan.arrivals_per_hour = 100;
  const auto all = generated(plan, 3, std::chrono::hours{2'000});
  EXPECT_NEAR(static_cast<double>(all.arrivals.size()), 200'000, 2'000);
  std::vector<double> counts(2'000);
  for (const auto& one : all.arrivals) {
    counts[static_cast<std::size_t>(one.when / 1h)] += 1;
  }
  double squares = 0;
  for (const double count : counts) {
    squares += (count - 100) * (count - 100) / 100;
  }
  EXPECT_NEAR(squares / 2'000, 1, 0.15) << "index of dispersion";
}

TEST(Generator, FollowsHoursAndWeekdays) {
  demand_plan plan;
  plan.arrivals_per_hour = 500;
  plan.hour_weights.fill(1);
  plan.hour_weights[9] = 3;
  plan.weekday_weights = {1, 1, 1, 1, 1, 0, 0};
  plan.week_offset = std::chrono::days{4} + 30min; // Friday, half past midnight
  std::map<std::int64_t, double> by_hour;
  const auto all = generated(plan, 4, std::chrono::weeks{4});
  for (const auto& one : all.arrivals) {
    by_hour[(one.when + plan.week_offset) % std::chrono::weeks{1} / 1h] += 1;
  }
  const double usual = 500 * 168 / (5.0 * 26); // of an hour of weight 1
  EXPECT_NEAR(by_hour[8] / 4 / usual, 1, 0.1);
  EXPECT_NEAR(by_hour[9] / 4 / usual, 3, 0.15);
  EXPECT_NEAR(by_hour[4 * 24 + 9] / 4 / usual, 3, 0.15);
  EXPECT_EQ(by_hour.lower_bound(5 * 24), by_hour.end()) << "nothing at the weekend";
}

TEST(Generator, Grows) {
  demand_plan plan;
  plan.arrivals_per_hour = 20;
  plan.growth_per_month = 0.2;
  const auto month = std::chrono::hours{730};
  const auto all = generated(plan, 5, 12 * month);
  std::vector<double> months(12);
  for (const auto& one : all.arrivals) {
    months[static_cast<std::size_t>(one.when / month)] += 1;
  }
  EXPECT_NEAR(months[11] / months[0], 7.43, 0.3) << "1.2^11";
}

TEST(Generator, BurstsKeepTheMean) {
  demand_plan plan;
  plan.arrivals_per_hour = 100;
  plan.bursts = arrival_bursts{0.1, 3'600, 600};
  const auto all = generated(plan, 6, std::chrono::hours{10'000});
  EXPECT_NEAR(static_cast<double>(all.arrivals.size()) / 1e6, 1, 0.04);
}

TEST(Generator, OffersModelsFromTheirDateOn) {
  auto plan = rich_plan();
  plan.shapes = {{.weight = 1, .gpus = 1, .model = "old", .until = std::chrono::days{20}},
                 {.weight = 3, .gpus = 1, .model = "new", .from = std::chrono::days{10}}};
  const auto all = generated(plan, 7, std::chrono::days{30});
  double young = 0;
  double both = 0;
  for (const auto& one : all.arrivals) {
    const bool is_new = all.names.models.name(one.model) == "new";
    if (one.when < std::chrono::days{10}) {
      ASSERT_FALSE(is_new);
    } else if (one.when >= std::chrono::days{20}) {
      ASSERT_TRUE(is_new);
    } else {
      both += 1;
      young += is_new ? 1 : 0;
    }
  }
  EXPECT_NEAR(young / both, 0.75, 0.01);
}

TEST(Generator, BeginsWithStandingServers) {
  auto plan = rich_plan();
  plan.standing = 100;
  plan.standing_shapes = {{.weight = 1, .gpus = 2, .model = "P100"}};
  const auto all = generated(plan, 9, std::chrono::days{5});
  const auto without = generated(rich_plan(), 9, std::chrono::days{5});
  ASSERT_EQ(all.arrivals.size(), without.arrivals.size() + 100);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(all.arrivals[i].when, 0s);
    EXPECT_EQ(all.names.models.name(all.arrivals[i].model), "P100");
  }
  EXPECT_EQ(all.arrivals.back().when, without.arrivals.back().when) << "the others come as before";
}

TEST(Generator, ChangesOneThingAtATime) {
  const auto before = generated(rich_plan(), 8, std::chrono::days{10});
  auto plan = rich_plan();
  plan.lifetimes[0].family = constant_lifetime{5};
  const auto after = generated(plan, 8, std::chrono::days{10});
  ASSERT_EQ(after.arrivals.size(), before.arrivals.size());
  for (std::size_t i = 0; i < after.arrivals.size(); ++i) {
    auto expected = before.arrivals[i];
    if (expected.gpus == 1) { // those of the first shape
      expected.lifetime = 5s;
    }
    ASSERT_EQ(after.arrivals[i], expected);
  }
}

TEST(Generator, RefusesPlansThatAreNotSound) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  struct unsound {
    std::string_view message;
    void (*spoil)(demand_plan&);
  };
  const std::vector<unsound> table{
      {"arrivals per hour", [](demand_plan& plan) { plan.arrivals_per_hour = 0; }},
      {"arrivals per hour", [](demand_plan& plan) { plan.arrivals_per_hour = nan; }},
      {"growth per month", [](demand_plan& plan) { plan.growth_per_month = -1; }},
      {"shorten it", [](demand_plan& plan) { plan.growth_per_month = 10; }},
      {"weights of hours", [](demand_plan& plan) { plan.hour_weights[3] = -1; }},
      {"weights of hours", [](demand_plan& plan) { plan.weekday_weights[3] = nan; }},
      {"bursts need", [](demand_plan& plan) { plan.bursts->mean_burst_s = 0; }},
      {"bursts need", [](demand_plan& plan) { plan.bursts->quiet_rate = 1.1; }},
      {"within a week", [](demand_plan& plan) { plan.week_offset = std::chrono::weeks{1}; }},
      {"shapes must have", [](demand_plan& plan) { plan.shapes[0].weight = nan; }},
      {"shapes must have", [](demand_plan& plan) { plan.shapes[0].gpus = 5'000; }},
      {"refer to lifetime 9", [](demand_plan& plan) { plan.shapes[0].lifetime = 9; }},
      {"nothing that could arrive after second 0", [](demand_plan& plan) { plan.shapes.clear(); }},
      {"after second 86400",
       [](demand_plan& plan) {
         for (auto& shape : plan.shapes) {
           shape.until = std::chrono::days{1};
         }
       }},
      {"standing servers need", [](demand_plan& plan) { plan.standing = 1; }},
      {"projects must have", [](demand_plan& plan) { plan.projects[0].weight = 0; }},
      {"exponential lifetime",
       [](demand_plan& plan) { plan.lifetimes[0].family = exponential_lifetime{-1}; }},
  };
  for (const auto& [message, spoil] : table) {
    auto plan = rich_plan();
    spoil(plan);
    const auto made = demand_generator::make(plan, 1, std::chrono::days{3'650});
    ASSERT_FALSE(made.has_value()) << message;
    EXPECT_THAT(made.error().message, HasSubstr(message));
  }
  EXPECT_FALSE(demand_generator::make(rich_plan(), 1, -1s).has_value());
  EXPECT_TRUE(demand_generator::make(rich_plan(), 1, 0s).has_value());
}

TEST(DailySwing, PeaksWhenItShould) {
  const auto weights = daily_swing(0.5, 14.5);
  EXPECT_DOUBLE_EQ(weights[14], 1.5);
  EXPECT_DOUBLE_EQ(weights[2], 0.5);
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 24, 1e-12);
}

} // namespace
} // namespace berth::sim
