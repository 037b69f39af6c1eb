#include "sim/demand/readers.hpp"

#include <chrono>
#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/demand/helpers.hpp"

namespace berth::sim {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view pods_header = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,"
                                         "pod_phase,creation_time,deletion_time,scheduled_time\n";

TEST(BerthReader, ReadsEveryColumn) {
  const auto read = read_text(trace_format::berth,
                              "arrive_s,lifetime_s,gpus,model,vcpus,memory_mib,project,patience_s,"
                              "count,parts\n"
                              "0.5,3600,4,\"H100|A100\",96,524288,\"a, b\",60,1,3\n"
                              "1,forever,0,,2,1024,,forever,,\n"
                              "2,,1,H100,,,,,2,\n");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_EQ(read->arrivals.size(), 4U);
  const auto& full = read->arrivals[0];
  EXPECT_EQ(full, (arrival{std::chrono::milliseconds{500}, seconds(3600), seconds(60), 96, 524'288,
                           1, 1, 4, 3}));
  EXPECT_EQ(read->names.models.name(full.model), "H100|A100");
  EXPECT_EQ(read->names.projects.name(full.project), "a, b");
  EXPECT_EQ(read->arrivals[1], (arrival{seconds(1), endless, endless, 2, 1024, 0, 0, 0, 1}));
  EXPECT_EQ(read->arrivals[2], (arrival{seconds(2), endless, unstated, 8, 32'768, 2, 0, 1, 2}));
  EXPECT_EQ(read->arrivals[3], read->arrivals[2]);
  EXPECT_EQ(read->report, (read_report{"table", 3, 0, {}, 0, {}}));
}

TEST(BerthReader, ReadsTheExampleOfItsDocument) {
  std::ifstream document{std::string{BERTH_SOURCE_DIR} + "/docs/sim-formats.md"};
  std::string example;
  for (std::string line; std::getline(document, line);) {
    if (line.starts_with("    ")) {
      example += line.substr(4) + "\n";
    }
  }
  const auto read = read_text(trace_format::berth, example, {.strict = true});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->arrivals.size(), 6U);
  EXPECT_THAT(read->report.remarks, IsEmpty());
}

TEST(BerthReader, FindsColumnsByNameAndFillsInDefaults) {
  read_options options;
  options.defaults = {.vcpus_per_gpu = 12,
                      .memory_mib_per_gpu = 100,
                      .vcpus_without_gpu = 1,
                      .memory_mib_without_gpu = 50,
                      .gpu_model = "T4"};
  const auto read =
      read_text(trace_format::berth, "gpus,note,arrive_s,lifetime_s\n2,x,5,1\n0,,6,1\n", options);
  ASSERT_TRUE(read.has_value());
  EXPECT_THAT(read->arrivals,
              ElementsAre(arrival{seconds(5), seconds(1), unstated, 24, 200, 1, 0, 2, 1},
                          arrival{seconds(6), seconds(1), unstated, 1, 50, 0, 0, 0, 1}));
  EXPECT_EQ(read->names.models.name(1), "T4");
  EXPECT_THAT(read->report.remarks, ElementsAre("the column 'note' is not used"));
}

TEST(BerthReader, ReadsWishesAndSaysWhatIsNone) {
  const auto read = read_text(trace_format::berth, "arrive_s,lifetime_s,gpus,topology,priority\n"
                                                   "1,1,4,numa=require fabric=none,7\n"
                                                   "2,1,4,,\n"
                                                   "3,1,4,numa,\n"
                                                   "4,1,4,numa=most,\n"
                                                   "5,1,4,cpu=require,\n"
                                                   "6,1,4,,101\n");
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->arrivals.size(), 2U);
  using enum model::wish;
  EXPECT_EQ(read->arrivals[0].topology.wishes(),
            (model::topology_wishes{require, prefer, prefer, none}));
  EXPECT_EQ(read->arrivals[0].priority, 7);
  EXPECT_EQ(read->arrivals[1].topology.wishes(), model::topology_wishes{});
  EXPECT_EQ(read->arrivals[1].priority, 0);
  ASSERT_EQ(read->report.reasons.size(), 2U);
  EXPECT_EQ(read->report.reasons[0].first_lines, (std::vector<std::uint64_t>{4, 5, 6}));
  EXPECT_EQ(read->report.reasons[0].rule,
            "topology must be wishes such as numa=require fabric=none (numa, pcie_root, "
            "pcie_switch, fabric; none, prefer, require)");
  EXPECT_EQ(read->report.reasons[1].rule, "priority must be a whole number from 0 to 100");
}

TEST(BerthReader, NamesTheNearestColumn) {
  const auto missing = read_text(trace_format::berth, "arrive,lifetime_s,gpus\n");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().message, "table has no column arrive_s, but one called 'arrive'");
  const auto unknown =
      read_text(trace_format::berth, "arrive_s,lifetime_s,gpus,patiense_s\n1,1,1,1\n");
  ASSERT_TRUE(unknown.has_value());
  EXPECT_THAT(unknown->report.remarks,
              ElementsAre("the column 'patiense_s' is not used; did you mean patience_s?"));
}

TEST(BerthReader, LeavesBadRowsOutAndSaysWhy) {
  const std::string text = "arrive_s,lifetime_s,gpus,vcpus,model,count\n"
                           "1,1,1,1,A,1\n"
                           "-1,1,1,1,A,1\n"  // 3
                           "nan,1,1,1,A,1\n" // 4
                           "1,inf,1,1,A,1\n"
                           "1,1,4097,1,A,1\n"
                           "1,1,1,0,A,1\n"
                           "1,1,1,1,\x01,1\n"
                           "1,1,1,1,A,10001\n"
                           "1,1,1\n" // 10
                           "99999999999999999999,1,1,1,A,1\n"
                           ",1,1,1,A,1\n"
                           "2,1,1,1,A,1\n";
  const auto read = read_text(trace_format::berth, text);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->arrivals.size(), 2U);
  EXPECT_EQ(read->report.rows, 12U);
  EXPECT_EQ(read->report.skipped, 10U);
  const std::vector<skipped_rows> expected{
      {"arrive_s must be seconds from 0 to 3155760000", 4, {3, 4, 11, 12}, "'-1'"},
      {"lifetime_s must be seconds from 0 to 3155760000", 1, {5}, "'inf'"},
      {"gpus must be a whole number from 0 to 4096", 1, {6}, "'4097'"},
      {"vcpus must be a whole number from 1 to 1000000", 1, {7}, "'0'"},
      {"model must be a name of at most 128 printable characters", 1, {8}, "'?'"},
      {"count must be a whole number from 1 to 10000", 1, {9}, "'10001'"},
      {"the row has another number of fields than the header", 1, {10}, "3 instead of 6"},
  };
  EXPECT_EQ(read->report.reasons, expected);
  EXPECT_THAT(read->names.models.all(), ElementsAre("", "A"));
}

TEST(BerthReader, StopsAtTheFirstBadRowIfStrict) {
  const std::string header = "arrive_s,lifetime_s,gpus\n1,1,1\n";
  const read_options strict{.strict = true};
  EXPECT_EQ(read_text(trace_format::berth, header + "1,x,1\n-1,1,1\n", strict).error().message,
            "table line 3: lifetime_s is 'x': must be seconds from 0 to 3155760000");
  EXPECT_EQ(read_text(trace_format::berth, header + "\n1,1\n", strict).error().message,
            "table line 4: the row has another number of fields than the header (2 instead of 3)");
  EXPECT_TRUE(read_text(trace_format::berth, header, strict).has_value());
}

TEST(BerthReader, SortsAndSaysSo) {
  const auto read =
      read_text(trace_format::berth, "arrive_s,lifetime_s,gpus\n5,1,1\n3,1,1\n5,1,2\n3,1,2\n");
  ASSERT_TRUE(read.has_value());
  std::vector<std::pair<model::duration, int>> order;
  for (const auto& one : read->arrivals) {
    order.emplace_back(one.when, one.gpus);
  }
  EXPECT_THAT(order, ElementsAre(std::pair{seconds(3), 1}, std::pair{seconds(3), 2},
                                 std::pair{seconds(5), 1}, std::pair{seconds(5), 2}));
  EXPECT_EQ(read->report.out_of_order, 2U);
}

TEST(BerthReader, HoldsLimits) {
  const auto rows =
      read_text(trace_format::berth, "arrive_s,lifetime_s,gpus,count\n1,1,1,5\n1,1,1,6\n",
                {.arrivals_max = 10});
  ASSERT_FALSE(rows.has_value());
  EXPECT_EQ(rows.error().message, "table line 3: these are more than 10 arrivals");
}

TEST(AlibabaReader, RoundsToWholeCpusAndGpus) {
  read_options options;
  options.rename_model = [](std::string_view word) {
    return word == "V100M16" ? "Tesla V100" : std::string{word};
  };
  const auto text = std::string{pods_header} +
                    "p0,12001,16384,1,460,V100M16||T4,LS,Running,0,100,10\n"
                    "p1,0,0,0,0,,BE,Failed,5,,\n"
                    "p2,1000,1024,2,1000,T4,BE,Pending,7,17,\n";
  const auto read = read_text(trace_format::alibaba_pods, text, options);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_THAT(read->arrivals,
              ElementsAre(arrival{seconds(0), seconds(90), unstated, 13, 16'384, 1, 0, 1, 1},
                          arrival{seconds(5), endless, unstated, 1, 1, 0, 0, 0, 1},
                          arrival{seconds(7), seconds(10), unstated, 1, 1024, 2, 0, 2, 1}));
  EXPECT_THAT(read->names.models.all(), ElementsAre("", "Tesla V100|T4", "T4"));
  EXPECT_THAT(read->report.remarks,
              ElementsAre("1 pods ask for a fraction of a GPU: each counts as a whole one"));
}

TEST(AlibabaReader, LeavesBadRowsOut) {
  const auto text = std::string{pods_header} + "p0,x,1,1,1000,,,,0,1,0\n"
                                               "p1,1,1,1,1001,,,,0,1,0\n"
                                               "p2,1,1,1,1000,,,,9,8,\n"
                                               "p3,1,1,1,1000,,,,0,8,9\n"
                                               "p4,1,1,1,1000,,,,,8,9\n";
  const auto read = read_text(trace_format::alibaba_pods, text);
  ASSERT_TRUE(read.has_value());
  EXPECT_THAT(read->arrivals, IsEmpty());
  ASSERT_EQ(read->report.reasons.size(), 4U);
  EXPECT_THAT(read->report.reasons[2].rule, HasSubstr("deletion_time must not be before"));
  EXPECT_THAT(read->report.reasons[2].first_lines, ElementsAre(4, 5));
}

TEST(AlibabaReader, NeedsAGapWhereThereAreNoTimes) {
  constexpr std::string_view text = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n"
                                    "p0,1000,1,1,1000\np1,x,1,1,1000\np2,1000,1,1,1000\n";
  const auto refused = read_text(trace_format::alibaba_pods, text);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("has no column creation_time"));
  const auto read = read_text(trace_format::alibaba_pods, text, {.untimed_gap = seconds(30)});
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->arrivals.size(), 2U);
  EXPECT_EQ(read->arrivals[1].when, seconds(30));
  EXPECT_EQ(read->arrivals[1].lifetime, endless);
  const auto slow =
      read_text(trace_format::alibaba_pods, text, {.untimed_gap = seconds(seconds_max + 1)});
  ASSERT_TRUE(slow.has_value());
  EXPECT_EQ(slow->arrivals.size(), 1U);
  EXPECT_EQ(slow->report.skipped, 2U);
}

TEST(PhillyReader, CountsFromTheFirstJob) {
  const auto read =
      read_text(trace_format::philly_jobs, "timestamp,duration,num_gpus,gpu_time,cluster\n"
                                           "2017-10-09 07:01:55,66.0,1,66.0,b\n"
                                           "2017-10-09 07:00:55,1.5,8,12,a\n"
                                           "yesterday,1,1,1,a\n"
                                           "2017-10-09 07:01:55,1,0,0,a\n");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_THAT(read->arrivals,
              ElementsAre(arrival{seconds(0), std::chrono::milliseconds{1'500}, unstated, 64,
                                  262'144, 0, 2, 8, 1},
                          arrival{seconds(60), seconds(66), unstated, 8, 32'768, 0, 1, 1, 1}));
  EXPECT_EQ(read->start->time_since_epoch(), seconds(1'507'532'455));
  EXPECT_THAT(read->names.projects.all(), ElementsAre("", "b", "a"));
  EXPECT_EQ(read->report.skipped, 2U);
}

TEST(PhillyReader, KeepsLeavesOutOrSplitsLargeJobs) {
  constexpr std::string_view text = "timestamp,duration,num_gpus\n"
                                    "2017-10-09 07:00:00,10,17\n"
                                    "2017-10-09 07:00:01,10,8\n";
  const auto gpus_of = [](const model::result<demand>& read) {
    std::vector<int> gpus;
    for (const auto& one : read->arrivals) {
      gpus.push_back(one.gpus);
    }
    return gpus;
  };
  EXPECT_THAT(gpus_of(read_text(trace_format::philly_jobs, text)), ElementsAre(17, 8));
  const auto fewer = read_text(trace_format::philly_jobs, text, {.large = large_jobs::leave_out});
  EXPECT_THAT(gpus_of(fewer), ElementsAre(8));
  EXPECT_EQ(fewer->report.reasons.front().rule,
            "num_gpus must be no more than one server has here, 8");
  const auto split = read_text(trace_format::philly_jobs, text, {.large = large_jobs::split});
  EXPECT_THAT(gpus_of(split), ElementsAre(8, 8, 1, 8));
  EXPECT_EQ(split->arrivals[2].parts, 3);
  EXPECT_EQ(split->arrivals[2].vcpus, 8U);
  EXPECT_EQ(split->arrivals[3].parts, 1);
  EXPECT_THAT(split->report.remarks,
              Contains("1 jobs of more than 8 GPUs became several servers each"));
}

TEST(BerthReader, SplitsCpusAndMemoryWithTheGpus) {
  const auto read = read_text(trace_format::berth,
                              "arrive_s,lifetime_s,gpus,vcpus,memory_mib,count\n0,1,6,10,60,2\n",
                              {.gpus_per_server_max = 4, .large = large_jobs::split});
  ASSERT_TRUE(read.has_value());
  EXPECT_THAT(read->arrivals,
              ElementsAre(arrival{seconds(0), seconds(1), unstated, 7, 40, 0, 0, 4, 4},
                          arrival{seconds(0), seconds(1), unstated, 7, 40, 0, 0, 4, 4},
                          arrival{seconds(0), seconds(1), unstated, 4, 20, 0, 0, 2, 4},
                          arrival{seconds(0), seconds(1), unstated, 4, 20, 0, 0, 2, 4}));
  const auto bomb =
      read_text(trace_format::berth, "arrive_s,lifetime_s,gpus,count\n0,1,4096,10000\n",
                {.gpus_per_server_max = 1, .large = large_jobs::split});
  EXPECT_EQ(bomb->report.reasons.at(0).rule, "gpus must not make more servers of a row than 10000");
}

TEST(PackingReader, ReadsArrivalsAndDepartures) {
  const auto read = read_text(trace_format::packing_timeline,
                              "arrive_s,depart_s,gpus\n0,134,1\n5,5,2\n6,,4\n7,6,1\n7,8,0\n");
  ASSERT_TRUE(read.has_value());
  EXPECT_THAT(read->arrivals,
              ElementsAre(arrival{seconds(0), seconds(134), unstated, 8, 32'768, 0, 0, 1, 1},
                          arrival{seconds(5), seconds(0), unstated, 16, 65'536, 0, 0, 2, 1},
                          arrival{seconds(6), endless, unstated, 32, 131'072, 0, 0, 4, 1}));
  EXPECT_EQ(read->report.skipped, 2U);
  EXPECT_EQ(read->report.reasons[0].rule, "depart_s must not be before arrive_s");
}

TEST(Readers, TakeGzipAndCrlf) {
  const auto packed = compressed("\xef\xbb\xbf\"arrive_s\",depart_s,gpus\r\n0,1,\"1\"\r\n");
  const auto read = read_text(trace_format::packing_timeline, packed);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->arrivals.size(), 1U);
}

TEST(Readers, FailOnEmptyAndForeignFiles) {
  for (const auto format : {trace_format::berth, trace_format::alibaba_pods,
                            trace_format::philly_jobs, trace_format::packing_timeline}) {
    EXPECT_FALSE(read_text(format, "").has_value());
    EXPECT_FALSE(read_text(format, "\x7f"
                                   "ELF")
                     .has_value());
    EXPECT_FALSE(read_demand_file(format, "/nowhere.csv").has_value());
    EXPECT_EQ(trace_format_from(to_string(format)), format);
  }
  EXPECT_EQ(trace_format_from("csv"), std::nullopt);
}

} // namespace
} // namespace berth::sim
