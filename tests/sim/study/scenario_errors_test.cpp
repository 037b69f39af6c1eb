// Every way in which a scenario can be wrong, and what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/study/study_text.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

struct mistake {
  const char* yaml;    ///< after the smallest scenario, which has three lines
  const char* message; ///< a part of it
};

void PrintTo(const mistake& one, std::ostream* out) {
  *out << one.yaml;
}

class Mistakes : public ::testing::TestWithParam<mistake> {};

TEST_P(Mistakes, AreNamedWithTheirPlace) {
  const auto read = scenario_of(std::string{smallest} + GetParam().yaml);
  ASSERT_FALSE(read) << "was accepted";
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Values, Mistakes,
    ::testing::Values(
        mistake{"seed: 4", "s.yaml:4: there is no key seed: the nearest is seeds"},
        mistake{"frobnicate: 4", "s.yaml:4: there is no key frobnicate: known are name, inventory"},
        mistake{"failures: {device: {mtbv: 1d}}",
                "s.yaml:4: there is no key failures.device.mtbv: the nearest is mtbf"},
        mistake{"horizon: 2d", "s.yaml:4: horizon is given twice, first in line 3: keep one"},
        mistake{"seeds: 0", "s.yaml:4: seeds is \"0\": must be a whole number from 1 to 10000"},
        mistake{"seeds: -1", "seeds is \"-1\""}, mistake{"seeds: 1.5", "seeds is \"1.5\""},
        mistake{"seeds: 99999999999999999999", "must be a whole number"},
        mistake{"seeds:", "s.yaml:4: seeds has no value: must be a whole number"},
        mistake{"seeds: [1]", "s.yaml:4: seeds is a list: must be a whole number"},
        mistake{"seeds: {a: 1}", "s.yaml:4: seeds is a section: must be a whole number"},
        mistake{"jobs: 2000", "must be a whole number from 1 to 1024"},
        mistake{"confidence: 95",
                "s.yaml:4: confidence is \"95\": must be a share from 50% to 99.99%"},
        mistake{"confidence: nan", "confidence is \"nan\""},
        mistake{"patience: soon", "patience is \"soon\": must be a time from 0s to 36500d, such as "
                                  "30s, 10m, 12h or 30d, or forever"},
        mistake{"patience: -1s", "patience is \"-1s\""},
        mistake{"patience: 9223372036854775807d", "must be a time"},
        mistake{"tell_lifetimes: maybe", "is \"maybe\": must be true or false"},
        mistake{"policy: luck", "s.yaml:4: policy is \"luck\": must be one of best-fit"},
        mistake{"policy: [best-fit, best-fit]", "names best-fit twice"},
        mistake{"policy: []", "s.yaml:4: policy is empty: must name a policy"},
        mistake{"name: ''", "must be a text of 1 to 128 bytes"},
        mistake{"name: \"a\\nb\"", "without control characters"},
        mistake{"turnover: {least: 1d, most: 2d}", "there is no key turnover.most"},
        mistake{"turnover: [1d]", "s.yaml:4: turnover must be a section: its keys go below it, "
                                  "indented: write it as TIME, such as 90s"},
        mistake{"quarantine: {probability: 1%}",
                "s.yaml:4: quarantine has a probability: must have a mean time too"},
        mistake{"quarantine: {probability: 2}", "must be a share from 0% to 100%, as 5% or 0.05"},
        mistake{"quarantine: 1%", "is \"1%\": write it as PROBABILITY:MEAN, such as 0.5%:12h"},
        mistake{"failures: {device: {mtbf: 1d}}",
                "s.yaml:4: failures.device.mtbf stands alone: must have an mttr beside it"},
        mistake{"failures: {host: {mttr: 1d}}", "must have an mtbf beside it"},
        mistake{"failures:\n  rack: {mtbf: 1d, mttr: 1h}",
                "s.yaml:5: failures.rack.mtbf is given and no host is in a rack: must have "
                "hosts_per_rack"},
        mistake{"failures: 7", "s.yaml:4: failures must be a section"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, Mistakes,
    ::testing::Values(
        mistake{"maintenance: [{from: 1d}]",
                "s.yaml:4: maintenance[1] must have lasts, the time of a batch"},
        mistake{"maintenance:\n- {from: 1h, lasts: 1h, drain: 2h}",
                "s.yaml:5: maintenance[1] has a drain that is longer than from"},
        mistake{"maintenance: [{lasts: 1h, group: hgx-h10}]",
                "maintenance[1].group is \"hgx-h10\": must be a group's name, the nearest is "
                "hgx-h100"},
        mistake{"maintenance: [{lasts: 0s}]", "must be a time from 1ms"},
        mistake{"maintenance: [hall]", "no key=value: write it as KEY=VALUE,..., such as from=7d"},
        mistake{"maintenance: {lasts: 1h}",
                "s.yaml:4: maintenance is a section: must be a list, its items after dashes"},
        mistake{"shapes: [{gpus: 3}]", "s.yaml:4: shapes[1] must have a model"},
        mistake{"shapes: [{model: A100}]",
                "shapes[1].model is \"A100\", which no host has: must be one of H100 80GB HBM3"},
        mistake{"shapes: [1xH100, 1xH100]", "shapes[2] is there twice"},
        mistake{"shapes: [H100]", "write it as GPUSxMODEL, such as 8xH100"},
        mistake{"shapes: [0xH100]",
                "shapes[1].gpus is \"0\": must be a whole number from 1 to 4096; "
                "write it as GPUSxMODEL, such as 8xH100"},
        mistake{"goal: {refused_max: 3}", "as 5% or 0.05"},
        mistake{"goal: {offers: [{machine: hgx-h100}]}", "goal.offers[1] must have a price"},
        mistake{"goal: {offers: [{price: 5}]}", "goal.offers[1] must have a machine"},
        mistake{"goal: {offers: [{machine: hgx-h200, price: 5}]}",
                "goal.offers[1].machine is \"hgx-h200\": must be a machine of the collection, the "
                "nearest is hgx-h100, or a description's path"},
        mistake{"goal: {offers: [{machine: hgx-h100, price: -5}]}", "must be a number from 0"},
        mistake{"goal: {offers: [{machine: hgx-h100, price: inf}]}", "price is \"inf\""},
        mistake{"goal: {offers: [hgx-h100:5, hgx-h100:6]}",
                "goal.offers[2] is called hgx-h100 like one before"},
        mistake{"goal: {offers: [hgx-h100]}", "MACHINE:PRICE[:MAX], such as hgx-h100:300000:16"},
        mistake{"&a seeds: 3", "anchors are not accepted"}, mistake{"a: !x b", "tags are not"},
        mistake{"---\nname: x", "more than one document"}, mistake{"name: [", "not valid YAML"}));

struct whole_mistake {
  const char* yaml;
  const char* message;
};

TEST(ScenarioErrors, OfTheInventory) {
  const std::string demand = "\ndemand: {plan: {arrivals_per_hour: 2}}\nhorizon: 1d\n";
  const whole_mistake all[] = {
      {"name: x", "inventory is empty: must list hosts"},
      {"inventory:", "s.yaml:1: inventory is empty: must list hosts"},
      {"inventory: []", "s.yaml:1: inventory is empty"},
      {"inventory: [{count: 3}]", "s.yaml:1: inventory[1] must have machine or alibaba_nodes"},
      {"inventory: [{machine: hgx-h10}]", "inventory[1].machine is \"hgx-h10\": must be a machine "
                                          "of the collection, the nearest is hgx-h100"},
      {"inventory: [{machine: qqqqqqqqqqq}]", "must be one of desktop, dgx-a100"},
      {"inventory: [{machine: ./none.yaml}]", "none.yaml, and there is no such file"},
      {"inventory: [{machine: ./CMakeLists.yaml}]", "there is no such file"},
      {"inventory: [{machine: hgx-h100, count: 1000001}]",
       "must be a whole number from 1 to 1000000"},
      {"inventory: [1000000xhgx-h100, 1xhgx-h100]",
       "s.yaml:1: inventory[2] makes more than 1000000 hosts: must be fewer"},
      {"inventory: [{machine: hgx-h100, name: a}, {machine: l40s-4, name: a}]",
       "inventory[2].name is a, like one before: must be a name of its own"},
      {"inventory: [{machine: hgx-h100, alibaba_nodes: n.csv}]",
       "inventory[1].alibaba_nodes stands beside machine: keep one of the two"},
      {"inventory: [{alibaba_nodes: n.csv, count: 3}]", "inventory[1].count goes with machine"},
      {"inventory: [{alibaba_nodes: n.csv}]", "inventory[1].alibaba_nodes cannot be read"},
      {"inventory: [{machine: hgx-h100, storage: 1t}]", "inventory[1].storage is the machine's"},
      {"inventory: [{machine: hgx-h100, cpu_overcommit: 0}]", "must be a number from 0.1 to 100"},
      {"inventory: [hgx-h100]", "inventory[1].count is \"hg\": must be a whole number from 1 to "
                                "1000000; write it as COUNTxMACHINE, such as 20xhgx-h100"},
      {"inventory: [0xhgx-h100]", "inventory[1].count is \"0\""},
      {"inventory: ['1xhgx-h100,cuont=2']",
       "there is no key inventory[1].cuont: the nearest is count"},
      {"inventory: ['1xhgx-h100,count=2']", "says count twice"},
      {"inventory: ['1xhgx-h100,from']", "\"from\" is no key=value"},
      {"inventory: {machine: hgx-h100}", "inventory is a section: must be a list"},
      {"- inventory", "s.yaml:1: must be a map of keys and values"},
      {"", "empty"},
  };
  for (const auto& one : all) {
    const auto read =
        scenario_of(one.yaml[0] == '\0' || one.yaml[0] == '-' ? one.yaml : one.yaml + demand);
    ASSERT_FALSE(read) << one.yaml;
    EXPECT_THAT(read.error().message, HasSubstr(one.message)) << one.yaml;
  }
}

TEST(ScenarioErrors, OfTheDemand) {
  const whole_mistake all[] = {
      {"", "demand says nothing of what arrives: must have trace or plan"},
      {"demand: {}", "s.yaml:2: demand says nothing"},
      {"demand: {trace: a.csv, plan: b.yaml}", "s.yaml:2: demand has a trace and a plan: keep one"},
      {"demand: {trace: a.csv, format: xls}", "must be one of berth, alibaba-pods, philly-jobs"},
      {"demand: {trace: \"-\", format: controller-log}", "demand.trace is standard input"},
      {"demand: {trace: a.db, format: controller-log, defaults: {gpu_model: H100}}",
       "demand.defaults is for tables"},
      {"demand: {trace: a.db, format: controller-log, server_gpus_max: 4}",
       "demand.server_gpus_max is for tables"},
      {"demand: {trace: a.db, format: controller-log, split: true}", "demand.split is for tables"},
      {"demand: {trace: a.db, format: controller-log, untimed_gap: 1s}",
       "demand.untimed_gap is for tables"},
      {"demand: {trace: a.csv, draw: true}", "demand.draw needs a horizon, as 30d"},
      {"demand: {plan: {arrivals_per_hour: 1}}", "demand.plan needs a horizon"},
      {"demand: {trace: a.csv, growth: 5%}", "demand.growth needs draw or a plan"},
      {"demand: {trace: a.csv, growth: 5}", "demand.growth is \"5\": must be a share from -99% to "
                                            "1000%, as 5% or 0.05"},
      {"horizon: 1d\ndemand: {draw: true, plan: {}}", "demand.draw stands beside a plan"},
      {"horizon: 1d\ndemand: {plan: no.yaml}", "s.yaml:3: demand.plan cannot be read: cannot read"},
      {"horizon: 1d\ndemand: {plan: [a]}", "demand.plan must be a section"},
      {"horizon: 1d\ndemand: {plan: {arrivals_per_hour: 0}}", "must be a number from 1e-06"},
      {"horizon: 1d\ndemand: {plan: {hours: [1, 2]}}",
       "s.yaml:3: demand.plan.hours has 2 numbers: must have 24"},
      {"horizon: 1d\ndemand: {plan: {weekdays: [1, 2, 3, 4, 5, 6, 7, 8]}}", "at most 7"},
      {"horizon: 1d\ndemand: {plan: {weekdays: [1, 2, 3, x, 5, 6, 7]}}",
       "demand.plan.weekdays is \"x\": must be a number"},
      {"horizon: 1d\ndemand: {plan: {weekdays: [1, 1, 1, 1, 1, 1, 1], hours: [1, 1, 1, 1, 1, 1, 1, "
       "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], daily_swing: {swing: 1}}}",
       "demand.plan.daily_swing stands beside hours: keep one of the two"},
      {"horizon: 1d\ndemand: {plan: {shapes: [{gpus: 1, lifetime: lng}], lifetimes: [{name: long, "
       "mean: 1h}]}}",
       "demand.plan.shapes[1].lifetime is \"lng\": must be a name of lifetimes, the nearest is "
       "long"},
      {"horizon: 1d\ndemand: {plan: {shapes: [{gpus: 0, model: H100}]}}",
       "shapes[1].model is given without a GPU"},
      {"horizon: 1d\ndemand: {plan: {shapes: [{from: 2d, until: 1d}]}}",
       "until must be after from"},
      {"horizon: 9d\ndemand: {plan: {shapes: [{until: 1d}]}}",
       "demand.plan is not sound: the demand's shapes leave nothing that could arrive"},
      {"horizon: 1d\ndemand: {plan: {lifetimes: [{mean: 1h}]}}", "lifetimes[1] must have a name"},
      {"horizon: 1d\ndemand: {plan: {lifetimes: [{name: a, mean: 1h}, {name: a, mean: 2h}]}}",
       "lifetimes[2].name is \"a\", as of one before"},
      {"horizon: 1d\ndemand: {plan: {lifetimes: [{name: a}]}}",
       "lifetimes[1] is exponential: must have mean"},
      {"horizon: 1d\ndemand: {plan: {lifetimes: [{name: a, law: lognormal, median: 1h, mean: "
       "1h}]}}",
       "lifetimes[1].mean belongs to law exponential, and this one is lognormal"},
      {"horizon: 1d\ndemand: {plan: {lifetimes: [{name: a, law: normal}]}}",
       "must be one of constant"},
      {"horizon: 1d\ndemand: {plan: {lifetimes: [{name: a, law: empirical, values: []}]}}",
       "has 0 numbers: must have 1 or more"},
      {"horizon: 1d\ndemand: {plan: {standing: 3}}", "demand.plan.standing needs standing_shapes"},
      {"horizon: 1d\ndemand: {plan: {bursts: {quiet_rate: 2}}}", "must be a share from 0% to 100%"},
      {"horizon: 1d\ndemand: {plan: {shapes: [{model: H10O}]}}",
       "demand.plan does not go with the inventory: "},
  };
  for (const auto& one : all) {
    const auto read = scenario_of("inventory: 1xhgx-h100\n" + std::string{one.yaml});
    ASSERT_FALSE(read) << one.yaml;
    EXPECT_THAT(read.error().message, HasSubstr(one.message)) << one.yaml;
  }
}

TEST(ScenarioErrors, LimitsHold) {
  std::string many = "inventory:\n";
  for (int i = 0; i <= 1'000; ++i)
    many += "- 1xhgx-h100\n";
  const auto groups = scenario_of(many);
  ASSERT_FALSE(groups);
  EXPECT_THAT(groups.error().message,
              HasSubstr("inventory has 1001 items: at most 1000 are accepted"));
  EXPECT_EQ(groups.error().code, model::errc::too_large);
  const auto large = scenario_of("# " + std::string(1U << 20U, 'x'));
  ASSERT_FALSE(large);
  EXPECT_THAT(large.error().message, HasSubstr("larger than 1048576 bytes"));
}

TEST(ScenarioErrors, AFileThatIsNotThereIsNamed) {
  const auto read = load_scenario("/no/such.yaml", source_surroundings());
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("/no/such.yaml"));
}

} // namespace
} // namespace berth::sim
