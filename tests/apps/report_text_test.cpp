#include "apps/report_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/golden.hpp"
#include "tests/sim/report/results.hpp"

namespace berth::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ReportText, IsWhole) {
  auto study = sim::made_study();
  study.partial = true;
  study.seeds_wanted = 20;
  EXPECT_TRUE(testing::matches_file(report_text(study), "tests/apps/sim/report.txt"));
}

TEST(ReportText, WhereNothingWaitedNothingIsSaidOfWaiting) {
  auto study = sim::made_study(3, 1);
  for (auto& variant : study.variants) {
    auto& run = variant.runs.front().result;
    run.waits = {};
    run.longest_queue = 0;
    run.refused = 0;
  }
  EXPECT_THAT(report_text(study), Not(HasSubstr("wait")));
  EXPECT_THAT(report_text(study), Not(HasSubstr("rule")));
  EXPECT_THAT(report_text(study), Not(HasSubstr("±"))) << "one seed has no interval";
}

TEST(ReportText, NamesCannotSteerATerminal) {
  EXPECT_THAT(report_text(sim::hostile_study()), Not(HasSubstr("\x01")));
}

TEST(ReportText, OfNothingPlayedThereIsAHead) {
  sim::study_result none;
  none.scenario = "none";
  none.variants.resize(1);
  EXPECT_EQ(report_text(none), "none: nothing was played\n");
}

} // namespace
} // namespace berth::apps
