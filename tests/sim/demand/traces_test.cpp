// Facts of the real traces; where they are not present, the tests skip.

#include <array>
#include <chrono>
#include <map>

#include <gtest/gtest.h>

#include "tests/sim/demand/helpers.hpp"
#include "tests/sim/demand/traces.hpp"

namespace berth::sim {
namespace {

std::map<int, int> servers_by_gpus(const demand& from) {
  std::map<int, int> counts;
  for (const auto& one : from.arrivals) {
    ++counts[one.gpus];
  }
  return counts;
}

TEST(Traces, AlibabaPods) {
  SKIP_WITHOUT(alibaba_default);
  const auto read =
      read_demand_file(trace_format::alibaba_pods, trace_path(alibaba_default), {.strict = true});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(totals_of(*read).servers, 8'152U);
  EXPECT_EQ(totals_of(*read).gpus, 7'433);
  EXPECT_EQ(servers_by_gpus(*read),
            (std::map<int, int>{{0, 1'088}, {1, 6'989}, {2, 16}, {4, 15}, {8, 44}}));
  EXPECT_EQ(read->report.out_of_order, 0U);
  ASSERT_EQ(read->report.remarks.size(), 1U);
  EXPECT_EQ(read->report.remarks[0],
            "3078 pods ask for a fraction of a GPU: each counts as a whole one");
  EXPECT_EQ(read->arrivals.front().lifetime, seconds(12'537'496));
  EXPECT_EQ(read->arrivals.back(),
            (arrival{seconds(12'901'761), seconds(30), unstated, 4, 5'600, 0, 0, 1, 1}));
}

TEST(Traces, AlibabaListsWithoutTimes) {
  const std::array<std::tuple<const char*, std::size_t, std::int64_t>, 3> lists{{
      {"alibaba-2023/openb_pod_list_multigpu20.csv", 8'324, 8'433},
      {"alibaba-2023/openb_pod_list_multigpu50.csv", 9'061, 12'705},
      {"alibaba-2023/arrivals_wholemulti50_seed42.csv", 4'075, 8'075},
  }};
  for (const auto& [file, servers, gpus] : lists) {
    SKIP_WITHOUT(file);
    const auto read = read_demand_file(trace_format::alibaba_pods, trace_path(file),
                                       {.strict = true, .untimed_gap = seconds(60)});
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(totals_of(*read).servers, servers) << file;
    EXPECT_EQ(totals_of(*read).gpus, gpus) << file;
    EXPECT_EQ(read->arrivals.back().when, seconds(60) * (servers - 1));
  }
}

TEST(Traces, PhillyJobs) {
  SKIP_WITHOUT(philly);
  const auto read =
      read_demand_file(trace_format::philly_jobs, trace_path(philly), {.strict = true});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  const auto sum = totals_of(*read);
  EXPECT_EQ(sum.servers, 82'247U);
  EXPECT_EQ(sum.gpus, 107'235);
  EXPECT_DOUBLE_EQ(sum.gpu_seconds, 3'521'082'502.0);
  EXPECT_EQ(servers_by_gpus(*read)[16], 199);
  EXPECT_EQ(read->names.projects.size(), 1U + 15U);
  EXPECT_GT(read->report.out_of_order, 40'000U) << "the file is not in the order of time";
  EXPECT_EQ(read->start->time_since_epoch(), seconds(1'504'521'041)) << "2017-09-04 10:30:41";
  EXPECT_EQ(read->arrivals.back().when, seconds(9'408'690));

  const auto split = read_demand_file(trace_format::philly_jobs, trace_path(philly),
                                      {.strict = true, .large = large_jobs::split});
  ASSERT_TRUE(split.has_value());
  EXPECT_EQ(totals_of(*split).gpus, sum.gpus);
  EXPECT_DOUBLE_EQ(totals_of(*split).gpu_seconds, sum.gpu_seconds);
  EXPECT_EQ(totals_of(*split).servers, 82'755U);
  EXPECT_EQ(servers_by_gpus(*split).rbegin()->first, 8);
}

TEST(Traces, AzurePackingTimeline) {
  SKIP_WITHOUT(azure_packing);
  const auto read =
      read_demand_file(trace_format::packing_timeline, trace_path(azure_packing), {.strict = true});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  const auto sum = totals_of(*read);
  EXPECT_EQ(sum.servers, 52'314U);
  EXPECT_EQ(sum.gpus, 111'432);
  EXPECT_DOUBLE_EQ(sum.gpu_seconds, 96'496'837'375.0);
  EXPECT_EQ(servers_by_gpus(*read),
            (std::map<int, int>{{1, 32'242}, {2, 7'691}, {4, 8'810}, {8, 3'571}}));
  EXPECT_EQ(read->report.out_of_order, 0U);
}

} // namespace
} // namespace berth::sim
