#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/fleet/run.hpp"
#include "sim/study/offered_demand.hpp"
#include "sim/study/study_keys.hpp"
#include "tests/golden.hpp"
#include "tests/sim/study/study_text.hpp"

namespace berth::sim {
namespace {

TEST(ScenarioText, TheDocumentationIsWhatTheKeysSay) {
  EXPECT_TRUE(testing::matches_file(scenario_markdown(), "docs/scenario.md"));
}

TEST(ScenarioText, TheSampleIsAsItWas) {
  EXPECT_TRUE(testing::matches_file(sample_scenario(), "tests/sim/study/sample.yaml"));
}

TEST(ScenarioText, TheSamplePlays) {
  auto what = good_scenario(sample_scenario());
  const auto demand = offer(what);
  ASSERT_TRUE(demand) << demand.error().message;
  what.base.horizon = std::chrono::hours{48};
  what.base.shapes.clear();
  auto arrivals = demand->arrivals(1);
  ASSERT_TRUE(arrivals) << arrivals.error().message;
  const auto result = run(what.base, **arrivals, 1);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(result->placed, 50U);
}

/// Keys whose examples were tried, and that the default reads as what is not given.
class example_reader {
public:
  template <class Target> void section(const Target& standard) {
    for (const auto& one : keys_of<Target>()) {
      EXPECT_FALSE(one.is.help.empty()) << one.is.name;
      if (one.form != key_form::value && one.form != key_form::values)
        continue;
      reading context{"examples"};
      Target into = standard;
      ASSERT_FALSE(one.is.example.empty()) << one.is.name;
      const auto yaml = std::string{one.is.name} + ": " + std::string{one.is.example};
      const auto document = read_document(yaml, "examples", {});
      ASSERT_TRUE(document) << yaml;
      const auto read = read_section(context, *document, {}, into);
      EXPECT_TRUE(read) << (read ? "" : read.error().message);
      const auto is = one.write(one.is, standard, nullptr);
      if (is.is == document_node::form::nothing || one.form == key_form::values)
        continue;
      Target again = into;
      const auto given = one.read(context, one.is, is, "default", again);
      EXPECT_TRUE(given) << (given ? "" : given.error().message);
      EXPECT_EQ(one.write(one.is, again, &standard).is, document_node::form::nothing)
          << one.is.name << " " << is.text;
    }
  }
};

TEST(ScenarioText, EveryExampleAndEveryDefaultIsAValue) {
  example_reader all;
  all.section(study_draft{});
  all.section(host_entry{});
  all.section(offer_entry{});
  all.section(server_defaults{});
  all.section(random_time{});
  all.section(quarantine_entry{});
  all.section(failure_entry{});
  all.section(maintenance_entry{});
  all.section(capacity_entry{});
  all.section(goal_entry{});
  all.section(demand_entry{});
  all.section(plan_entry{});
  all.section(day_swing{});
  all.section(arrival_bursts{});
  all.section(shape_entry{});
  all.section(named_law{});
  all.section(project_share{});
}

} // namespace
} // namespace berth::sim
