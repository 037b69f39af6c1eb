#include "model/plan.hpp"

#include <gtest/gtest.h>

namespace berth::model {
namespace {

rule_verdict verdict(const char* rule, std::int64_t hosts) {
  rule_verdict made;
  made.rule = rule;
  made.hosts_excluded = hosts;
  return made;
}

TEST(Summary, SaysTheMostFrequentReasonFirst) {
  const refusal why{4, {verdict("host_enabled", 1), verdict("devices", 3)}, {}};
  EXPECT_EQ(summary(why), "no host fits: 3 lack devices, 1 is disabled");
}

TEST(Summary, KnowsOneAndManyAndUnknownRules) {
  EXPECT_EQ(summary({1, {verdict("memory", 1)}, {}}), "no host fits: 1 lacks memory");
  EXPECT_EQ(summary({4, {verdict("cpu", 2), verdict("quota", 1), verdict("moon", 1)}, {}}),
            "no host fits: 2 lack CPUs, 1 fails quota, 1 fails moon");
  EXPECT_EQ(summary({0, {}, {}}), "no host fits: there are no hosts");
}

TEST(DecidingRule, IsTheLastThatExcludedAHost) {
  EXPECT_EQ(deciding_rule({4, {verdict("host_enabled", 3), verdict("cpu", 1)}, {}}), "cpu");
  EXPECT_EQ(deciding_rule({0, {}, {}}), "no_hosts");
}

} // namespace
} // namespace berth::model
