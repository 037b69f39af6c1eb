#include "sim/fleet/names.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/random.hpp"
#include "sim/demand/generator.hpp"
#include "tests/sim/fleet/runs.hpp"

namespace berth::sim {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(FleetRun, WhatFreesComesBeforeWhatTakes) {
  scenario what;
  what.hosts = {hosts(1, 2)};
  const auto result = played(what, demand_of({{0, 1, 10}, {5, 2, 10}, {10, 2, 5}, {20, 2, 0}}));
  EXPECT_EQ(result.arrived, 4U);
  EXPECT_EQ(result.placed, 3U);
  EXPECT_EQ(result.refused_by, (std::map<std::string, std::uint64_t>{{"devices", 1}}));
  EXPECT_EQ(result.ended, 2U);
  EXPECT_EQ(result.living, 1U);
  EXPECT_EQ(result.gpus_asked, 7);
  EXPECT_EQ(result.gpus_refused, 2);
  EXPECT_EQ(result.span, seconds{20});
  EXPECT_EQ(only(result), (model_figures{.gpus = 2, .gpu_seconds = 40, .held_seconds = 20}));
  EXPECT_EQ(result.sizes.at(2).arrived, 3U);
  EXPECT_EQ(result.sizes.at(2).placed, 2U);
  expect_conserved(result);
}

TEST(FleetRun, ADeviceIsFreeWhenItsTurnoverIsOver) {
  scenario what;
  what.hosts = {hosts(1, 2)};
  what.turnover.least = seconds{3};
  const auto result = played(what, demand_of({{0, 2, 10}, {12, 1, 10}, {13, 1, 10}}));
  EXPECT_EQ(result.placed, 2U);
  EXPECT_EQ(only(result).cleaned_seconds, 6);
  expect_conserved(result);
}

TEST(FleetRun, TheHorizonEndsItAndPurchasesComeOnTheirDate) {
  scenario what;
  what.hosts = {hosts(1, 1), hosts(1, 1)};
  what.hosts[1].from = seconds{50};
  what.horizon = seconds{100};
  const auto result =
      played(what, demand_of({{0, 1, 0}, {49, 1, 0}, {50, 1, 0}, {99, 1, 0}, {100, 1, 0}}));
  EXPECT_EQ(result.arrived, 4U) << "what arrives at the horizon is another run's";
  EXPECT_EQ(result.placed, 2U);
  EXPECT_EQ(only(result).gpu_seconds, 150);
  EXPECT_EQ(result.span, seconds{100});
}

TEST(FleetRun, AModelIsAskedForByNameOrAlternatives) {
  scenario what;
  what.hosts = {hosts(1, 1, "H100"), hosts(1, 1, "A100")};
  EXPECT_EQ(played(what, demand_of({{0, 1, 0}, {1, 1, 0}}, "A100")).placed, 1U);
  EXPECT_EQ(played(what, demand_of({{0, 1, 0}, {1, 1, 0}, {2, 1, 0}}, "A100|H100")).placed, 2U);
}

TEST(FleetRun, TopologyIsAskedForAsInProduction) {
  scenario what;
  what.hosts = {hosts(1, 8)}; // two NUMA nodes of four
  auto all = demand_of({{0, 8, 10}, {20, 4, 10}, {21, 4, 10}, {40, 8, 10}});
  for (std::size_t i = 0; i < 3; ++i)
    all.arrivals[i].topology = packed_topology{{.numa = model::wish::require,
                                                .pcie_root = model::wish::none,
                                                .pcie_switch = model::wish::none,
                                                .fabric = model::wish::none}};
  const auto result = played(what, all);
  EXPECT_EQ(result.placed, 3U) << "eight GPUs are on no one node";
  EXPECT_EQ(result.refused_by, (std::map<std::string, std::uint64_t>{{"topology", 1}}));
}

TEST(FleetRun, WhatCannotBeIsRefused) {
  const auto refused = [](const scenario& what) {
    const demand none;
    demand_source source{none};
    const auto result = run(what, source, 1);
    return result ? std::string{} : result.error().message;
  };
  EXPECT_THAT(refused({}), HasSubstr("no hosts"));
  scenario what;
  what.hosts = {hosts(1, 1)};
  EXPECT_EQ(refused(what), "") << "a demand may be empty";
  what.quarantine_probability = 1.5;
  EXPECT_THAT(refused(what), HasSubstr("from 0 to 1"));
  what.quarantine_probability = 0;
  what.turnover.least = seconds{-1};
  EXPECT_THAT(refused(what), HasSubstr("negative"));
  what.turnover.least = {};
  what.hosts[0].from = seconds{-1};
  EXPECT_THAT(refused(what), HasSubstr("before the start"));
  what.hosts[0].from = {};
  what.standing = {{.host = 1, .devices = {}, .amount = {}, .ends = {}}};
  EXPECT_THAT(refused(what), HasSubstr("standing server 1 is on host 1: there are 1"));
  what.standing = {{.host = 0, .devices = {1}, .amount = {}, .ends = {}}};
  EXPECT_THAT(refused(what), HasSubstr("holds device 1: its host has 1"));
  what.standing = {{.host = 0, .devices = {0}, .amount = {}, .ends = {}},
                   {.host = 0, .devices = {0}, .amount = {}, .ends = {}}};
  EXPECT_THAT(refused(what),
              HasSubstr("standing server 2 holds device 0 of host 0, which another"));
  what.standing.clear();
  what.maintenance = {{.group = "elsewhere", .from = {}, .lasts = hours{1}, .drain = {}}};
  EXPECT_THAT(refused(what), HasSubstr("maintenance of elsewhere: there are no hosts"));
  what.maintenance = {{.group = "", .from = {}, .lasts = {}, .drain = {}}};
  EXPECT_THAT(refused(what), HasSubstr("longer than 0"));
}

/// Servers on one pool of GPUs, second by second: where no host can be the wrong one.
run_result reference(int gpus, int turnover_s, const std::vector<asked>& list) {
  run_result result;
  std::vector<int> free_from(static_cast<std::size_t>(gpus), 0); ///< of each GPU
  for (const auto& one : list) {
    ++result.arrived;
    std::ranges::sort(free_from);
    const auto last = static_cast<std::size_t>(one.gpus) - 1;
    if (one.gpus > gpus || free_from[last] > one.at_s) {
      ++result.refused;
      continue;
    }
    ++result.placed;
    for (std::size_t i = 0; i <= last; ++i)
      free_from[i] = one.at_s + one.lifetime_s + turnover_s;
  }
  return result;
}

TEST(FleetRunProperty, AgreesWithAPoolWhereNoHostCanBeTheWrongOne) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    model::random dice{seed};
    const bool one_host = dice.chance(0.5); // else servers of one GPU each
    const auto count = one_host ? 1 : static_cast<int>(1 + dice.below(6));
    const auto each = static_cast<int>(1 + dice.below(8));
    const auto turnover = static_cast<int>(dice.below(4));
    std::vector<asked> list;
    int now = 0;
    for (int i = 0; i < 200; ++i) {
      now += static_cast<int>(dice.below(4));
      list.push_back({now, one_host ? static_cast<int>(1 + dice.below(8)) : 1,
                      static_cast<int>(1 + dice.below(60))});
    }
    scenario what;
    what.hosts = {hosts(static_cast<std::uint32_t>(count), each)};
    what.turnover.least = seconds{turnover};
    const auto names = scheduler::policy_names();
    what.policy = scheduler::find_policy(names[dice.below(names.size())]);
    const auto expected = reference(count * each, turnover, list);
    const auto result = played(what, demand_of(list), seed);
    ASSERT_EQ(result.placed, expected.placed);
    ASSERT_EQ(result.refused, expected.refused);
    expect_conserved(result);
  }
}

TEST(FleetRunProperty, FailuresTakeTheirShareAndNothingIsLost) {
  double broken = 0;
  double all = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    auto source = demand_generator::make(busy(), seed, days{30}).value();
    const auto result = run(failing(), source, seed).value();
    expect_conserved(result);
    EXPECT_GT(result.failed, 0U);
    broken += only(result).broken_seconds;
    all += only(result).gpu_seconds;
  }
  // A device is down by itself for 12 h in 20.5 days, with its host for 6 h in 10.25 days.
  const double expected = 1 - (20.0 / 20.5) * (10.0 / 10.25);
  EXPECT_NEAR(broken / all, expected, 0.15 * expected);
}

TEST(FleetRun, OneSeedOneResultOnEveryMachine) {
  const auto play = [](std::uint64_t seed) {
    auto source = demand_generator::make(busy(), seed, days{30}).value();
    return run(failing(), source, seed).value();
  };
  const auto result = play(7);
  EXPECT_EQ(result, play(7));
  EXPECT_NE(result, play(8));
  // These figures were computed once, and must come out wherever this runs.
  EXPECT_EQ(result.arrived, 21786U);
  EXPECT_EQ(result.placed, 18474U);
  EXPECT_EQ(result.failed, 151U);
  EXPECT_EQ(result.events, 81454U);
}

// --- What befalls hosts

TEST(FleetRun, MaintenanceClosesAHostThenEvictsAndGivesItBack) {
  scenario what;
  what.hosts = {hosts(2, 1)};
  what.horizon = hours{10};
  what.maintenance = {{.group = "H100", .from = hours{4}, .lasts = hours{2}, .drain = hours{1}}};
  // At 3 h the first host closes, at 5 h the second: the first is gone from 4 h to 6 h, the second
  // from 6 h to 8 h.
  const auto at = [](double hour) { return static_cast<int>(hour * 3600); };
  const auto result = played(what, demand_of({{at(3.5), 1, 0}, // on the second, evicted at 6 h
                                              {at(3.6), 1, 60},
                                              {at(5.5), 1, 60},
                                              {at(6.5), 1, 60}})); // on the first
  expect_conserved(result);
  EXPECT_EQ(result.placed, 2U);
  EXPECT_EQ(result.evicted, 1U);
  EXPECT_EQ(only(result).broken_seconds, 2 * 2 * 3600);
  EXPECT_EQ(only(result).held_seconds, 2.5 * 3600 + 60);
}

TEST(FleetRun, MaintenanceGivesBackTheHostsThatItTookWhoeverCameMeanwhile) {
  scenario what;
  what.hosts = {hosts(1, 1), hosts(1, 1)};
  what.hosts[0].name = "bought";
  what.hosts[0].from = hours{5};
  what.horizon = hours{20};
  what.maintenance = {{.group = "", .from = hours{4}, .lasts = hours{4}, .drain = hours{1}}};
  // The old host is gone from 4 h to 8 h, the one that came at 5 h from 8 h to 12 h.
  const auto result = played(what, demand_of({{13 * 3600, 1, 60}, {13 * 3600, 1, 60}}));
  expect_conserved(result);
  EXPECT_EQ(result.placed, 2U) << "both are open again";
  EXPECT_EQ(only(result).broken_seconds, 2 * 4 * 3600);
}

TEST(FleetRun, TwoPlansOfMaintenanceKeepAHostUntilBothAreDone) {
  scenario what;
  what.hosts = {hosts(1, 1)};
  what.horizon = hours{20};
  what.maintenance = {{.group = "", .from = hours{2}, .lasts = hours{4}, .drain = {}},
                      {.group = "", .from = hours{4}, .lasts = hours{4}, .drain = {}}};
  EXPECT_EQ(only(played(what, demand_of({}))).broken_seconds, 6 * 3600);
}

TEST(FleetRun, WhatHardlyEverFailsDoesNotFailAtTheStart) {
  // A time that does not fit into 64 bits of nanoseconds is one that never comes.
  scenario what;
  what.hosts = {hosts(200, 8)};
  what.hosts[0].hosts_per_rack = 1;
  what.horizon = days{1};
  what.devices = what.machines = what.racks = {days{36'500}, days{36'500}};
  const auto result = played(what, demand_of({{0, 1, 0}}));
  EXPECT_LT(only(result).broken_seconds, 0.01 * only(result).gpu_seconds);
  EXPECT_EQ(result.span, model::duration{days{1}});
}

TEST(FleetRun, ATimeThatIsDrawnIsNeverNegative) {
  model::random dice{1};
  std::int64_t longest = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto time = drawn(dice, days{36'500});
    ASSERT_GE(time, 0);
    longest = std::max(longest, time);
  }
  EXPECT_EQ(longest, never);
}

TEST(FleetRun, MomentsAreAsManyAsMayBe) {
  scenario what;
  what.hosts = {hosts(1, 1)};
  for (const auto length : {days{10}, days{30}, days{365}}) {
    what.horizon = length;
    const auto series = played(what, demand_of({})).series;
    EXPECT_GT(series.size(), moments_max - 3);
    EXPECT_LE(series.size(), moments_max);
    EXPECT_EQ(series.front().at, model::duration{});
    EXPECT_GT(series.back().at, length * 99 / 100);
  }
}

TEST(FleetRun, TheHostsOfARackFailTogether) {
  scenario what;
  what.hosts = {hosts(8, 1)};
  what.hosts[0].hosts_per_rack = 4;
  what.racks = {days{5}, hours{12}};
  what.horizon = days{100};
  const auto result = played(what, demand_of({}));
  EXPECT_GT(only(result).broken_seconds, 0);
  for (const auto& one : result.series)
    EXPECT_EQ(one.hosts_down % 4, 0U);
}

TEST(FleetRun, ServersThatStandHoldTheirDevicesUntilTheyEnd) {
  scenario what;
  what.hosts = {hosts(2, 2)};
  what.horizon = hours{1};
  what.standing = {{.host = 0, .devices = {0, 1}, .amount = {1, 1, 0}, .ends = seconds{100}},
                   {.host = 1, .devices = {1}, .amount = {1, 1, 0}, .ends = {}}};
  const auto result = played(what, demand_of({{10, 2, 10}, {20, 1, 0}, {150, 2, 10}}));
  expect_conserved(result);
  EXPECT_EQ(result.standing, 2U);
  EXPECT_EQ(result.placed, 2U) << "one GPU of the second host at once, both of the first later";
  EXPECT_EQ(result.living, 2U);
}

// --- Common random numbers

TEST(FleetRun, OneSeedIsOneFateWhateverThePolicy) {
  // Devices fail and hosts go at the same times whoever is on them: GPUs that are out of service
  // add up to the same, but for turnovers that come to other ends.
  auto what = failing();
  what.quarantine_probability = 0;
  const auto broken = [&](const char* policy, std::uint64_t seed) {
    what.policy = scheduler::find_policy(policy);
    auto source = demand_generator::make(busy(), seed, days{30}).value();
    return only(run(what, source, seed).value()).broken_seconds;
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    EXPECT_EQ(broken("best-fit", seed), broken("spread", seed)) << "seed " << seed;
}

/// Writes down what it is told.
struct notes final : observer {
  struct place {
    std::uint32_t host = 0;
    std::vector<std::uint32_t> devices;
    friend bool operator==(const place&, const place&) = default;
  };
  void placed(model::duration, std::uint64_t arrival, std::uint32_t host,
              std::span<const std::uint32_t> devices) override {
    EXPECT_TRUE(placements.emplace(arrival, place{host, {devices.begin(), devices.end()}}).second);
  }
  void refused(model::duration, std::uint64_t arrival, std::string_view rule) override {
    EXPECT_TRUE(refusals.emplace(arrival, rule).second);
  }
  void ended(model::duration now, std::uint64_t arrival) override {
    EXPECT_TRUE(ends.emplace(arrival, now).second);
  }
  void failed(model::duration now, std::uint64_t arrival) override {
    EXPECT_TRUE(ends.emplace(arrival, now).second);
    ++failures;
  }

  std::map<std::uint64_t, place> placements;
  std::map<std::uint64_t, std::string> refusals;
  std::map<std::uint64_t, model::duration> ends;
  std::uint64_t failures = 0;
};

TEST(FleetRun, AnObserverIsToldWhereEachServerWentAndWhenItEnded) {
  scenario what;
  what.hosts = {hosts(1, 2), hosts(1, 4, "A100")};
  const auto all = demand_of({{.at_s = 0, .gpus = 4, .lifetime_s = 10},
                              {.at_s = 1, .gpus = 2},
                              {.at_s = 2, .gpus = 1},
                              {.at_s = 20, .gpus = 3}});
  notes seen;
  demand_source source{all};
  const auto result = run(what, source, 1, {.decisions = &seen}).value();
  EXPECT_EQ(result, played(what, all)) << "being watched changes the run";
  using place = notes::place;
  auto placements = seen.placements;
  for (auto& [arrival, where] : placements)
    std::ranges::sort(where.devices);
  ASSERT_EQ(placements.size(), 3U);
  EXPECT_EQ(placements.at(0), (place{1, {0, 1, 2, 3}}));
  EXPECT_EQ(placements.at(1), (place{0, {0, 1}}));
  EXPECT_EQ(placements.at(3).host, 1U);
  EXPECT_EQ(seen.refusals, (std::map<std::uint64_t, std::string>{{2, "devices"}}));
  EXPECT_EQ(seen.ends, (std::map<std::uint64_t, model::duration>{{0, seconds{10}}}));
}

TEST(FleetRun, AnObserverIsToldOfEveryArrivalOnce) {
  auto source = demand_generator::make(busy(), 7, days{30}).value();
  notes seen;
  const auto result = run(failing(), source, 7, {.decisions = &seen}).value();
  EXPECT_EQ(seen.placements.size(), result.placed);
  EXPECT_EQ(seen.refusals.size(), result.refused);
  EXPECT_EQ(seen.failures, result.failed);
  EXPECT_EQ(seen.ends.size(), result.ended + result.failed);
  for (const auto& [arrival, when] : seen.ends)
    EXPECT_TRUE(seen.placements.contains(arrival));
}

} // namespace
} // namespace berth::sim
