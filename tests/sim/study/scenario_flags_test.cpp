#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/study/study_text.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

constexpr const char* everything = R"(
name: all
inventory:
  - {machine: hgx-h100, count: 3, name: hall, from: 1d, hosts_per_rack: 2}
  - {machine: l40s-4, count: 2}
cpu_overcommit: 4
memory_overcommit: 1.5
hosts_per_rack: 8
demand:
  trace: /d/jobs.csv
  format: philly-jobs
  strict: true
  split: true
  server_gpus_max: 4
  untimed_gap: 30s
  defaults: {vcpus_per_gpu: 16, memory_per_gpu: 64g, vcpus_without_gpu: 2, memory_without_gpu: 8g, gpu_model: H100}
  draw: true
  growth: 5%
policy: [spread, best-fit]
tell_lifetimes: true
patience: 1h
reserve_after: 3m
reserve_priority: 60
reservations: 2
horizon: 30d
turnover: {least: 90s, mean_rest: 30s}
quarantine: {probability: 0.5%, mean: 12h}
failures:
  device: {mtbf: 365d, mttr: 2d}
  host: {mtbf: 100d, mttr: 1d}
  rack: {mtbf: 500d, mttr: 3h}
maintenance: [{from: 7d, lasts: 4h}, {group: hall, from: 9d, lasts: 1h, at_once: 2}]
shapes: [{model: H100, gpus: 8}, {model: L40S, gpus: 2}]
goal:
  refused_max: 2%
  wait_p95_max: 10m
  from: 10d
  offers: [{machine: hgx-h100, price: 300000, max: 16}, {machine: l40s-4, price: 9, name: cheap}]
seeds: 20
jobs: 4
confidence: 99%
)";

const std::vector<given_flag> everything_as_flags{
    {"name", "all"},
    {"hosts", "3xhgx-h100,name=hall,from=1d,hosts_per_rack=2"},
    {"hosts", "2xl40s-4"},
    {"cpu-overcommit", "4"},
    {"reserve-after", "3m"},
    {"reserve-priority", "60"},
    {"reservations", "2"},
    {"memory-overcommit", "1.5"},
    {"hosts-per-rack", "8"},
    {"demand", "/d/jobs.csv"},
    {"format", "philly-jobs"},
    {"strict", "true"},
    {"split", "true"},
    {"server-gpus-max", "4"},
    {"untimed-gap", "30s"},
    {"vcpus-per-gpu", "16"},
    {"memory-per-gpu", "64g"},
    {"vcpus-without-gpu", "2"},
    {"memory-without-gpu", "8g"},
    {"gpu-model", "H100"},
    {"draw", "true"},
    {"growth", "5"},
    {"policy", "spread"},
    {"policy", "best-fit"},
    {"tell-lifetimes", "true"},
    {"patience", "1h"},
    {"horizon", "30d"},
    {"turnover", "90s"},
    {"turnover-mean-rest", "30s"},
    {"quarantine", "0.5%:12h"},
    {"device-mtbf", "365d"},
    {"device-mttr", "2d"},
    {"host-mtbf", "100d"},
    {"host-mttr", "1d"},
    {"rack-mtbf", "500d"},
    {"rack-mttr", "3h"},
    {"maintenance", "from=7d,lasts=4h"},
    {"maintenance", "group=hall,from=9d,lasts=1h,at_once=2"},
    {"shape", "8xH100"},
    {"shape", "2xL40S"},
    {"refused-max", "2%"},
    {"wait-p95-max", "10m"},
    {"goal-from", "10d"},
    {"offer", "hgx-h100:300000:16"},
    {"offer", "l40s-4:9,name=cheap"},
    {"seeds", "20"},
    {"jobs", "4"},
    {"confidence", "99%"}};

TEST(ScenarioFlags, SayWhatAFileSays) {
  const auto from_flags = load_scenario("", source_surroundings(), everything_as_flags);
  ASSERT_TRUE(from_flags) << from_flags.error().message;
  EXPECT_EQ(text_of(*from_flags), text_of(good_scenario(everything)));
  std::set<std::string> tried{"plan", "alibaba-nodes", "snapshot"}; // have tests of their own
  for (const auto& one : everything_as_flags)
    tried.insert(one.name);
  for (const auto& flag : scenario_flags())
    EXPECT_TRUE(tried.contains(flag.name)) << flag.name;
}

TEST(ScenarioFlags, WinOverTheFile) {
  const auto what = good_scenario(everything, {{"seeds", "7"},
                                               {"hosts", "1xdgx-a100,hosts_per_rack=1"},
                                               {"device-mttr", "5d"},
                                               {"maintenance", "from=1d,lasts=1h"},
                                               {"shape", "1xA100"},
                                               {"strict", "false"}});
  EXPECT_EQ(what.seeds, 7U);
  ASSERT_EQ(what.base.hosts.size(), 1U) << "a list takes the place of the file's";
  EXPECT_EQ(what.base.hosts[0].name, "dgx-a100");
  EXPECT_EQ(what.base.devices.mean_repair, std::chrono::hours{120});
  EXPECT_EQ(what.base.devices.mean_between, std::chrono::hours{365 * 24}) << "as in the file";
  EXPECT_EQ(what.base.shapes, (std::vector<capacity_shape>{{"A100", 1}}));
  EXPECT_FALSE(what.demand.reading.strict);
}

TEST(ScenarioFlags, ADemandTakesThePlaceOfTheFilesDemand) {
  const auto traced = good_scenario(smallest, {{"demand", "jobs.csv"}});
  EXPECT_FALSE(traced.demand.plan);
  EXPECT_EQ(traced.demand.trace, "jobs.csv") << "relative to the current directory";
  const auto planned = scenario_of("inventory: 1xhgx-h100\nhorizon: 1d\n"
                                   "demand: {trace: jobs.csv, draw: true}\n",
                                   {{"plan", "/no/plan.yaml"}});
  ASSERT_FALSE(planned);
  EXPECT_THAT(planned.error().message,
              HasSubstr("--plan cannot be read: cannot read /no/plan.yaml"));
}

TEST(ScenarioFlags, GrowthMayBeGivenToAPlan) {
  const auto what = good_scenario(smallest, {{"growth", "7%"}});
  ASSERT_TRUE(what.demand.plan);
  EXPECT_EQ(what.demand.plan->growth_per_month, 0.07);
}

TEST(ScenarioFlags, MistakesNameTheFlag) {
  struct row {
    std::vector<given_flag> flags;
    const char* message;
  };
  const row rows[] = {
      {{{"seeds", "0"}}, "--seeds is \"0\": must be a whole number from 1 to 10000"},
      {{{"seeds", "1"}, {"seeds", "2"}}, "--seeds is given twice: keep one"},
      {{{"seed", "1"}}, "there is no flag --seed"},
      {{{"turnover", "x"}}, "--turnover is \"x\": must be a time"},
      {{{"hosts", "hgx-h100"}},
       "--hosts: count is \"hg\": must be a whole number from 1 to 1000000; "
       "write it as COUNTxMACHINE, such as 20xhgx-h100"},
      {{{"hosts", "x"}}, "--hosts is \"x\": write it as COUNTxMACHINE, such as 20xhgx-h100"},
      {{{"hosts", "1xhgx-h10"}}, "--hosts: machine is \"hgx-h10\""},
      {{{"offer", "hgx-h100"}}, "--offer is \"hgx-h100\": write it as MACHINE:PRICE[:MAX]"},
      {{{"offer", "hgx-h100:x"}}, "--offer: price is \"x\": must be a number"},
      {{{"maintenance", "from=1d"}}, "--maintenance must have lasts"},
      {{{"rack-mtbf", "1d"}, {"rack-mttr", "1d"}}, "--rack-mtbf is given and no host is in a rack"},
      {{{"device-mtbf", "1d"}}, "--device-mtbf stands alone: must have an mttr"},
      {{{"growth", "x"}}, "--growth is \"x%\": must be a share"},
      {{{"policy", "luck"}}, "--policy is \"luck\": must be one of best-fit"},
  };
  for (const auto& row : rows) {
    const auto read = scenario_of(smallest, row.flags);
    ASSERT_FALSE(read) << row.message;
    EXPECT_THAT(read.error().message, HasSubstr(row.message));
  }
}

} // namespace
} // namespace berth::sim
