#include "tests/sim/fleet/runs.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/random.hpp"
#include "sim/demand/generator.hpp"

namespace berth::sim {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(FleetRun, AServerWaitsUntilThereIsRoom) {
  scenario what;
  what.hosts = {hosts(1, 2)};
  what.turnover.least = seconds{3};
  what.patience = minutes{5};
  const auto all = demand_of({{0, 2, 100}, {10, 1, 50}, {20, 1, 10}, {30, 2, 60}});
  const auto short_run = played(what, all); // ends with the last arrival
  expect_conserved(short_run);
  EXPECT_EQ(short_run.placed, 1U);
  EXPECT_EQ(short_run.waiting, 3U);
  EXPECT_EQ(short_run.longest_queue, 3U);
  what.horizon = minutes{10};
  const auto result = played(what, all);
  expect_conserved(result);
  EXPECT_EQ(result.placed, 4U);
  EXPECT_EQ(result.waits.max(), seconds{103 + 50 + 3 - 30}) << "both GPUs are free then";
  EXPECT_EQ(result.sizes.at(1).waits.max(), seconds{93});
}

TEST(FleetRun, AMomentKnowsHowLongTheyWaitedSoFar) {
  scenario what;
  what.hosts = {hosts(1, 3)};
  what.patience = hours{3};
  what.horizon = hours{4};
  // 3 GPUs at once, one after 70 s, 3 again after two hours.
  const auto result = played(what, demand_of({{0, 3, 80}, {10, 1, 7110}, {20, 3, 9000}}));
  EXPECT_EQ(result.placed, 3U);
  const auto& at_last = result.series.back().waits;
  ASSERT_EQ(at_last.size(), wait_classes().size());
  const auto classed = [&](std::string_view name) -> const waits_so_far& {
    return at_last[static_cast<std::size_t>(std::ranges::find(wait_classes(), name) -
                                            wait_classes().begin())];
  };
  EXPECT_TRUE(classed("2").placed.empty());
  EXPECT_EQ(classed("1").placed, (std::vector<std::uint64_t>{0, 0, 0, 0, 0, 0, 1}))
      << "60 to 600 s";
  EXPECT_EQ(classed("1").sum_s, 70);
  EXPECT_EQ(classed("more").placed, (std::vector<std::uint64_t>{1, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_TRUE(std::ranges::any_of(result.series, [&](const moment& at) {
    return at.waits.size() == wait_classes().size() && at.waits.back().placed.size() == 1;
  })) << "before the second was placed";
}

TEST(FleetRun, OfThoseWhoWaitPriorityComesFirst) {
  scenario what;
  what.hosts = {hosts(1, 1)};
  what.patience = hours{1};
  what.horizon = minutes{10};
  auto all = demand_of({{0, 1, 60}, {10, 1, 60}, {20, 1, 60}});
  EXPECT_EQ(played(what, all).waits.max(), seconds{100}) << "60 to 120, then 20 to 120";
  all.arrivals[2].priority = 50;
  EXPECT_EQ(played(what, all).waits.max(), seconds{110}) << "the second from 10 to 120";
}

TEST(FleetRun, WhoHasWaitedInVainIsRefused) {
  scenario what;
  what.hosts = {hosts(1, 1)};
  what.horizon = minutes{10};
  auto all = demand_of({{0, 1, 0}, {10, 1, 10}, {20, 1, 10}});
  all.arrivals[1].patience = seconds{30};
  const auto result = played(what, all);
  expect_conserved(result);
  EXPECT_EQ(result.placed, 1U);
  EXPECT_EQ(result.gave_up, 1U);
  EXPECT_EQ(result.refused_by, (std::map<std::string, std::uint64_t>{{"devices", 2}}));
}

TEST(FleetRun, ForOneWhoHasWaitedLongAHostIsKept) {
  // Small servers come one after another, so that never eight GPUs of a host are free together.
  std::vector<asked> list;
  for (int second = 0; second < 4 * 3600; second += 60)
    list.push_back({second, 1, 16 * 60 + second % 7});
  auto all = demand_of(list);
  auto large = all.arrivals.front();
  large.when = minutes{30};
  large.gpus = 8;
  large.patience = endless;
  all.arrivals.insert(all.arrivals.begin() + 31, large);
  scenario what;
  what.hosts = {hosts(2, 8)};
  what.policy = scheduler::find_policy("spread");
  what.horizon = hours{4};
  const auto result = played(what, all);
  expect_conserved(result);
  EXPECT_EQ(result.sizes.at(8).placed, 1U);
  EXPECT_GT(result.waits.max(), minutes{10})
      << "none is kept before the server has waited for that";
  EXPECT_LT(result.waits.max(), minutes{30}) << "a host empties within a server's life";
}

/// The same pool with a line in front of it: the oldest first, as long as each has patience.
run_result reference_line(int gpus, int turnover_s, int patience_s,
                          const std::vector<asked>& list) {
  run_result result;
  std::vector<int> free_from(static_cast<std::size_t>(gpus), 0);
  std::vector<asked> line;
  const auto serve = [&](int now) {
    while (!line.empty()) {
      const auto first = std::ranges::min_element(free_from);
      if (*first > now)
        break;
      *first = now + line.front().lifetime_s + turnover_s;
      result.waits.add(seconds{now - line.front().at_s});
      ++result.placed;
      line.erase(line.begin());
    }
    const auto gone =
        std::erase_if(line, [&](const asked& one) { return one.at_s + patience_s <= now; });
    result.refused += gone;
    result.gave_up += gone;
  };
  std::size_t next = 0;
  for (int now = 0; now <= 3600; ++now) {
    serve(now);
    for (; next < list.size() && list[next].at_s == now; ++next) {
      line.push_back(list[next]);
      serve(now);
    }
  }
  return result;
}

TEST(FleetRunProperty, AgreesWithALineInFrontOfAPool) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    model::random dice{seed};
    const auto count = static_cast<int>(1 + dice.below(6));
    const auto each = static_cast<int>(1 + dice.below(8));
    const auto turnover = static_cast<int>(dice.below(4));
    const auto patience = static_cast<int>(1 + dice.below(300));
    std::vector<asked> list;
    for (int now = 0; list.size() < 200; now += static_cast<int>(dice.below(4)))
      list.push_back({now, 1, static_cast<int>(1 + dice.below(200))});
    scenario what;
    what.hosts = {hosts(static_cast<std::uint32_t>(count), each)};
    what.turnover.least = seconds{turnover};
    what.patience = seconds{patience};
    what.horizon = seconds{3601};
    const auto expected = reference_line(count * each, turnover, patience, list);
    const auto result = played(what, demand_of(list), seed);
    ASSERT_EQ(result.placed, expected.placed);
    ASSERT_EQ(result.gave_up, expected.gave_up);
    ASSERT_EQ(result.refused, expected.refused);
    ASSERT_EQ(result.waits, expected.waits);
    expect_conserved(result);
  }
}

TEST(FleetRunProperty, WhoWaitsIsServedWhateverFails) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    auto what = failing();
    what.horizon = days{3};
    what.patience = seed == 2 ? model::duration{endless} : hours{4};
    what.tell_lifetimes = seed % 2 == 0;
    what.hosts[0].hosts_per_rack = 4;
    what.racks = {days{30}, hours{2}};
    what.maintenance = {
        {.group = "", .from = days{1}, .lasts = hours{3}, .drain = hours{6}, .at_once = 2}};
    auto source = demand_generator::make(busy(), seed, what.horizon).value();
    const auto result = run(what, source, seed).value();
    expect_conserved(result);
    EXPECT_GT(result.waits.max(), minutes{1});
    EXPECT_GT(result.evicted + result.failed, 0U);
    for (const auto& one : result.series)
      EXPECT_LE(one.waiting, result.longest_queue);
  }
}

} // namespace
} // namespace berth::sim
