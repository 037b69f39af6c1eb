#include "sim/study/scenario_file.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sim/study/offered_demand.hpp"
#include "tests/sim/study/study_text.hpp"

namespace berth::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

model::duration days(int count) {
  return hours{24 * count};
}

TEST(ScenarioFile, WhatIsNotSaidIsAsDocumented) {
  const auto what = good_scenario(smallest);
  EXPECT_EQ(what.name, "scenario");
  ASSERT_EQ(what.base.hosts.size(), 1U);
  const auto& hosts = what.base.hosts.front();
  EXPECT_EQ(hosts.name, "hgx-h100");
  EXPECT_EQ(hosts.count, 4U);
  EXPECT_EQ(hosts.machine.devices.size(), 8U);
  EXPECT_EQ(hosts.cpu_overcommit_milli, 1000);
  EXPECT_EQ(hosts.hosts_per_rack, 0U);
  EXPECT_EQ(what.base.turnover.least, seconds{3});
  EXPECT_EQ(what.base.patience.count(), 0);
  EXPECT_THAT(what.policies, ElementsAre(&scheduler::best_fit));
  EXPECT_EQ(what.seeds, 1U);
  EXPECT_EQ(what.jobs, 3U) << "as the surroundings say";
  EXPECT_EQ(what.confidence, 0.95);
  const std::string h100 = "H100 80GB HBM3";
  EXPECT_THAT(what.base.shapes, ElementsAre(capacity_shape{h100, 1}, capacity_shape{h100, 2},
                                            capacity_shape{h100, 4}, capacity_shape{h100, 8}));
}

TEST(ScenarioFile, ASnapshotsServersStandOnTheHostsBehindThoseBefore) {
  const auto what = good_scenario("inventory:\n"
                                  "  - 4xhgx-h100\n"
                                  "  - {machine: hgx-h100, count: 2, name: later, from: 3d}\n"
                                  "  - {snapshot: cluster.json}\n"
                                  "demand: {plan: {arrivals_per_hour: 2}}\n"
                                  "horizon: 1d\n");
  ASSERT_GE(what.base.hosts.size(), 3U);
  ASSERT_FALSE(what.base.standing.empty());
  EXPECT_EQ(what.base.standing.front().host, 4U) << "a purchase is not there yet";
  EXPECT_FALSE(what.remarks.empty()) << "a host in maintenance and a lost device are left out";
  EXPECT_THAT(what.remarks.front(), HasSubstr("cluster.json: "));
  ASSERT_EQ(what.waiting.size(), 1U);
  const auto first = offer(what).value().arrivals(1).value()->next();
  ASSERT_TRUE(first) << "who waits there arrives first";
  EXPECT_EQ(first->when, model::duration{});
  EXPECT_EQ(first->gpus, 2);
  EXPECT_EQ(first->patience, hours{2}) << "it has waited for an hour";
  const auto racks = good_scenario("inventory: [{snapshot: cluster.json, hosts_per_rack: 3}]\n"
                                   "demand: {plan: {arrivals_per_hour: 2}}\nhorizon: 1d\n");
  EXPECT_EQ(racks.base.hosts.front().hosts_per_rack, 3U);
  EXPECT_FALSE(scenario_of("inventory: [{snapshot: cluster.json, cpu_overcommit: 3}]\n"
                           "demand: {plan: {arrivals_per_hour: 2}}\nhorizon: 1d\n"));
  const auto refused = scenario_of("inventory: [{snapshot: cluster.json, count: 2}]\n"
                                   "demand: {plan: {arrivals_per_hour: 2}}\nhorizon: 1d\n");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("stands beside count, storage, from or name"));
  const auto missing = scenario_of("inventory: [{snapshot: nowhere.json}]\n"
                                   "demand: {plan: {arrivals_per_hour: 2}}\nhorizon: 1d\n");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("snapshot cannot be used: "));
}

TEST(ScenarioFile, EveryKeyGoesWhereItBelongs) {
  const auto what = good_scenario(R"(
name: all of it
inventory:
  - {machine: hgx-h100, count: 3, name: hall, cpu_overcommit: 2, memory_overcommit: 1.5, hosts_per_rack: 3}
  - {machine: ../../../machines/l40s-4.yaml, from: 90d}
cpu_overcommit: 4
memory_overcommit: 1.25
hosts_per_rack: 8
demand:
  trace: jobs.csv
  format: philly-jobs
  strict: true
  split: true
  server_gpus_max: 4
  untimed_gap: 30s
  defaults: {vcpus_per_gpu: 16, memory_per_gpu: 64g, vcpus_without_gpu: 2, memory_without_gpu: 512, gpu_model: H100}
  draw: true
  growth: 5%
policy: [spread, best-fit]
tell_lifetimes: true
patience: 1h
horizon: 30d
turnover: {least: 90s, mean_rest: 30s}
quarantine: {probability: 0.5%, mean: 12h}
failures:
  device: {mtbf: 365d, mttr: 2d}
  host: {mtbf: 100d, mttr: 1d}
  rack: {mtbf: 500d, mttr: 3h}
maintenance:
  - {group: hall, from: 7d, lasts: 4h, drain: 1d, at_once: 2}
shapes:
  - {model: H100, gpus: 8}
  - 2xL40S
goal:
  refused_max: 0.02
  wait_p95_max: 10m
  from: 10d
  offers:
    - {machine: hgx-h100, price: 300000, max: 16, name: new, hosts_per_rack: 2}
    - l40s-4:60000.5
seeds: 20
jobs: 4
confidence: 99%
)");
  const auto& base = what.base;
  EXPECT_EQ(what.name, "all of it");
  ASSERT_EQ(base.hosts.size(), 2U);
  EXPECT_EQ(base.hosts[0].name, "hall");
  EXPECT_EQ(base.hosts[0].cpu_overcommit_milli, 2000);
  EXPECT_EQ(base.hosts[0].memory_overcommit_milli, 1500);
  EXPECT_EQ(base.hosts[0].hosts_per_rack, 3U);
  EXPECT_EQ(base.hosts[1].name, "l40s-4");
  EXPECT_EQ(base.hosts[1].count, 1U);
  EXPECT_EQ(base.hosts[1].from, days(90));
  EXPECT_EQ(base.hosts[1].cpu_overcommit_milli, 4000);
  EXPECT_EQ(base.hosts[1].memory_overcommit_milli, 1250);
  EXPECT_EQ(base.hosts[1].hosts_per_rack, 8U);
  EXPECT_EQ(what.demand.trace, BERTH_SOURCE_DIR "/tests/sim/study/jobs.csv");
  EXPECT_EQ(what.demand.format, trace_format::philly_jobs);
  EXPECT_TRUE(what.demand.reading.strict);
  EXPECT_EQ(what.demand.reading.large, large_jobs::split);
  EXPECT_EQ(what.demand.reading.gpus_per_server_max, 4);
  EXPECT_EQ(what.demand.reading.untimed_gap, seconds{30});
  EXPECT_EQ(what.demand.reading.defaults.vcpus_per_gpu, 16U);
  EXPECT_EQ(what.demand.reading.defaults.memory_mib_per_gpu, 65'536U);
  EXPECT_EQ(what.demand.reading.defaults.vcpus_without_gpu, 2U);
  EXPECT_EQ(what.demand.reading.defaults.memory_mib_without_gpu, 512U);
  EXPECT_EQ(what.demand.reading.defaults.gpu_model, "H100");
  EXPECT_TRUE(what.demand.draw);
  EXPECT_EQ(what.demand.growth_per_month, 0.05);
  EXPECT_THAT(what.policies, ElementsAre(scheduler::find_policy("spread"), &scheduler::best_fit));
  EXPECT_EQ(base.policy, what.policies.front());
  EXPECT_TRUE(base.tell_lifetimes);
  EXPECT_EQ(base.patience, hours{1});
  EXPECT_EQ(base.horizon, days(30));
  EXPECT_EQ(base.turnover.least, seconds{90});
  EXPECT_EQ(base.turnover.mean_rest, seconds{30});
  EXPECT_EQ(base.quarantine_probability, 0.005);
  EXPECT_EQ(base.mean_quarantine, hours{12});
  EXPECT_EQ(base.devices.mean_between, days(365));
  EXPECT_EQ(base.devices.mean_repair, days(2));
  EXPECT_EQ(base.machines.mean_between, days(100));
  EXPECT_EQ(base.racks.mean_repair, hours{3});
  ASSERT_EQ(base.maintenance.size(), 1U);
  EXPECT_EQ(base.maintenance[0].group, "hall");
  EXPECT_EQ(base.maintenance[0].from, days(7));
  EXPECT_EQ(base.maintenance[0].lasts, hours{4});
  EXPECT_EQ(base.maintenance[0].drain, days(1));
  EXPECT_EQ(base.maintenance[0].at_once, 2U);
  EXPECT_THAT(base.shapes, ElementsAre(capacity_shape{"H100", 8}, capacity_shape{"L40S", 2}));
  EXPECT_EQ(what.goal.refused_max, 0.02);
  EXPECT_EQ(what.goal.wait_p95_max, minutes{10});
  EXPECT_EQ(what.goal.from, days(10));
  ASSERT_EQ(what.goal.offers.size(), 2U);
  EXPECT_EQ(what.goal.offers[0].hosts.name, "new");
  EXPECT_EQ(what.goal.offers[0].hosts.hosts_per_rack, 2U);
  EXPECT_EQ(what.goal.offers[0].hosts.machine.devices.size(), 8U);
  EXPECT_EQ(what.goal.offers[0].price, 300'000);
  EXPECT_EQ(what.goal.offers[0].max, 16U);
  EXPECT_EQ(what.goal.offers[1].price, 60'000.5);
  EXPECT_EQ(what.goal.offers[1].max, 1'000U);
  EXPECT_EQ(what.seeds, 20U);
  EXPECT_EQ(what.jobs, 4U);
  EXPECT_EQ(what.confidence, 0.99);
}

TEST(ScenarioFile, NoShapesAreFollowedIfItSaysSo) {
  EXPECT_TRUE(good_scenario(std::string{smallest} + "shapes: []\n").base.shapes.empty());
}

TEST(ScenarioFile, GroupsOfOneMachineGetNamesOfTheirOwn) {
  const auto what = good_scenario("inventory: [2xl40s-4, '1xl40s-4,from=30d']\n"
                                  "demand: {trace: jobs.csv}\n");
  ASSERT_EQ(what.base.hosts.size(), 2U);
  EXPECT_EQ(what.base.hosts[0].name, "l40s-4");
  EXPECT_EQ(what.base.hosts[1].name, "l40s-4-2");
  EXPECT_EQ(what.base.hosts[1].from, days(30));
}

/// Files beside a scenario.
class ScenarioFiles : public ::testing::Test {
protected:
  ScenarioFiles() { std::filesystem::create_directories(directory_); }
  ~ScenarioFiles() override { std::filesystem::remove_all(directory_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream{directory_ / name} << text;
    return (directory_ / name).string();
  }
  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("berth-scenario-" + std::to_string(getpid()));
};

TEST_F(ScenarioFiles, ANodeListBecomesGroupsOfEqualHosts) {
  write("nodes.csv", "sn,cpu_milli,memory_mib,gpu,model\n"
                     "a,96000,786432,8,V100M32\n"
                     "b,64000,262144,2,T4\n"
                     "c,96000,786432,8,V100M32\n"
                     "d,32000,131072,0,\n");
  const auto path =
      write("s.yaml", "inventory: [{alibaba_nodes: nodes.csv, name: ali, storage: 1t,"
                      " from: 1d}]\ndemand: {trace: pods.csv, format: alibaba-pods}\n");
  const auto what = load_scenario(path, source_surroundings());
  ASSERT_TRUE(what) << what.error().message;
  const auto& hosts = what->base.hosts;
  ASSERT_EQ(hosts.size(), 3U);
  EXPECT_EQ(hosts[0].name, "ali-8xV100M32-96c-786432m");
  EXPECT_EQ(hosts[0].count, 2U);
  EXPECT_EQ(hosts[0].from, days(1));
  EXPECT_EQ(hosts[0].machine.capacity, (model::resources{96, 786'432, 1'048'576}));
  EXPECT_EQ(hosts[0].machine.devices.size(), 8U);
  EXPECT_EQ(hosts[0].machine.devices[0].model, "Tesla V100-SXM2-32GB");
  EXPECT_EQ(hosts[1].name, "ali-2xT4-64c-262144m");
  EXPECT_EQ(hosts[2].name, "ali-32c-131072m");
  EXPECT_TRUE(hosts[2].machine.devices.empty());
  EXPECT_EQ(what->demand.trace, (directory_ / "pods.csv").string());
  ASSERT_TRUE(what->demand.reading.rename_model) << "the trace's words are others";
  EXPECT_EQ(what->demand.reading.rename_model("V100M32"), "Tesla V100-SXM2-32GB");
  write("nodes.csv", "sn,cpu_milli,memory_mib,gpu,model\na,96000,x,8,V100M32\n");
  const auto bad = load_scenario(path, source_surroundings());
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("s.yaml:1: inventory[1].alibaba_nodes"));
  EXPECT_THAT(bad.error().message, HasSubstr("nodes.csv:2: memory_mib"));
}

TEST_F(ScenarioFiles, APlanMayHaveAFileOfItsOwn) {
  write("plan.yaml", "arrivals_per_hour: 7\n");
  const auto path =
      write("s.yaml", "inventory: 1xhgx-h100\ndemand: {plan: plan.yaml}\nhorizon: 1d\n");
  const auto what = load_scenario(path, source_surroundings());
  ASSERT_TRUE(what) << what.error().message;
  ASSERT_TRUE(what->demand.plan);
  EXPECT_EQ(what->demand.plan->arrivals_per_hour, 7);
  write("plan.yaml", "arrivals_per_hour: 7\narivals: 3\n");
  const auto bad = load_scenario(path, source_surroundings());
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("plan.yaml:2: there is no key arivals"));
}

TEST_F(ScenarioFiles, RealNodesAreAnInventory) {
  const std::filesystem::path nodes =
      BERTH_SOURCE_DIR "/../shared/data/alibaba-2023/openb_node_list_all_node.csv";
  if (!std::filesystem::exists(nodes))
    GTEST_SKIP() << "needs " << nodes;
  const auto what = scenario_of("", {{"alibaba-nodes", nodes.string()}, {"demand", "pods.csv"}});
  EXPECT_FALSE(what) << "a file that is empty is none";
  const auto read = load_scenario(
      "", source_surroundings(),
      std::vector<given_flag>{{"alibaba-nodes", nodes.string()}, {"demand", "pods.csv"}});
  ASSERT_TRUE(read) << read.error().message;
  std::uint64_t hosts = 0;
  std::uint64_t gpus = 0;
  for (const auto& group : read->base.hosts) {
    hosts += group.count;
    gpus += group.count * group.machine.devices.size();
  }
  EXPECT_EQ(hosts, 1'523U);
  EXPECT_EQ(gpus, 6'212U);
  EXPECT_LT(read->base.hosts.size(), 50U);
}

} // namespace
} // namespace berth::sim
