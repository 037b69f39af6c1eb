#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "hostbackend/simulated/machine.hpp"
#include "sim/demand/generator.hpp"
#include "sim/fleet/run.hpp"
#include "sim/report/report_csv.hpp"
#include "sim/report/report_json.hpp"
#include "sim/report/report_openmetrics.hpp"
#include "tests/golden.hpp"
#include "tests/sim/report/commands.hpp"
#include "tests/sim/report/results.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

template <class Write> std::string written(Write write) {
  std::ostringstream out;
  write(out);
  return out.str();
}

std::string json_of(const study_result& study) {
  return written([&](std::ostream& out) { write_json(out, study); });
}
std::string metrics_of(const study_result& study, const metrics_options& options = {}) {
  return written([&](std::ostream& out) { write_open_metrics(out, study, options); });
}
std::string csv_of(const csv_table& table, const study_result& study) {
  return written([&](std::ostream& out) { table.write(out, study); });
}

::testing::AssertionResult is_golden(const std::string& text, const std::string& name) {
  return berth::testing::matches_file(text, "tests/sim/report/golden/" + name);
}

/// Cell by cell, with quotes undone; empty if a line has another number of cells than the header.
std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows{{""}};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"')
      rows.back().back() += text[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      rows.back().emplace_back();
    else if (c == '\n' && !quoted)
      rows.push_back({""});
    else
      rows.back().back() += c;
  }
  rows.pop_back();
  for (const auto& row : rows)
    if (row.size() != rows.front().size())
      return {};
  return rows;
}

TEST(ReportJson, IsWhole) {
  const auto study = made_study(3, 2);
  EXPECT_TRUE(is_golden(json_of(study), "result.json"));
  const auto all = nlohmann::json::parse(json_of(study));
  EXPECT_EQ(all["variants"].size(), 2U);
  const auto& result = all["variants"][1]["runs"][0]["result"];
  EXPECT_EQ(result["refused_by"], (nlohmann::json{{"devices", 5}, {"memory", 3}}));
  EXPECT_EQ(result["series"][0]["rows_held_permille"][1], nullptr);
  EXPECT_EQ(all["partial"], false);
}

TEST(ReportJson, HostileNamesAndPartialStudiesAreSaid) {
  auto study = hostile_study();
  study.partial = true;
  const auto all = nlohmann::json::parse(json_of(study));
  EXPECT_EQ(all["partial"], true);
  EXPECT_THAT(all["scenario"].get<std::string>(), HasSubstr("</script>"));
}

TEST(ReportJson, NothingPlayedIsADocumentToo) {
  study_result none;
  none.variants.resize(1);
  EXPECT_EQ(nlohmann::json::parse(json_of(none))["variants"][0]["runs"].size(), 0U);
}

TEST(ReportCsv, TablesAreWhole) {
  const auto study = made_study(3, 2);
  for (const auto& table : csv_tables()) {
    const auto text = csv_of(table, study);
    EXPECT_TRUE(is_golden(text, std::string{table.file}));
    EXPECT_GT(rows_of(text).size(), 1U) << table.file;
  }
}

TEST(ReportCsv, HostileNamesStayInTheirCells) {
  const auto study = hostile_study();
  for (const auto& table : csv_tables()) {
    const auto rows = rows_of(csv_of(table, study));
    ASSERT_GT(rows.size(), 1U) << table.file;
    bool found = false;
    for (const auto& cell : rows[1])
      found = found || cell.find(hostile) != std::string::npos;
    EXPECT_TRUE(found) << table.file;
  }
}

TEST(ReportOpenMetrics, IsWhole) {
  EXPECT_TRUE(is_golden(metrics_of(made_study(3, 2)), "metrics.om"));
}

TEST(ReportOpenMetrics, StartsWhenItIsToldAndTakesTheRunsItIsTold) {
  const auto text = metrics_of(made_study(3, 2), {model::timestamp{}, 2});
  EXPECT_THAT(text, HasSubstr("berth_requests_pending{reason=\"waiting\",scenario=\"spring\","
                              "run=\"spread/2\"} 1 0\n"));
  auto partial = made_study(3, 1);
  partial.partial = true;
  EXPECT_THAT(metrics_of(partial), HasSubstr("scenario=\"spring (partial)\""));
}

TEST(ReportOpenMetrics, TheEndKnowsOfAllWhoWerePlaced) {
  study_result study;
  study.scenario = "short";
  run_result run;
  run.span = std::chrono::seconds{30};
  run.series.resize(1);
  wait_record waits;
  waits.add(4, std::chrono::seconds{20});
  run.waits_by_class = waits.by_class();
  study.variants.push_back({"one", {{1, run}}});
  const auto text = metrics_of(study, {model::timestamp{}, 1});
  EXPECT_THAT(text, HasSubstr("berth_request_wait_seconds_bucket{gpus=\"4\",le=\"60\","
                              "scenario=\"short\",run=\"one/1\"} 0 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_request_wait_seconds_bucket{gpus=\"4\",le=\"60\","
                              "scenario=\"short\",run=\"one/1\"} 1 30\n"));
}

TEST(ReportOpenMetrics, PromtoolMakesBlocksAndFindsEverySampleInThem) {
  if (!is_installed("promtool"))
    GTEST_SKIP() << "promtool (Debian package prometheus) is not installed";
  for (const auto& study : {made_study(), hostile_study()}) {
    const temporary_directory directory;
    const auto text = metrics_of(study, {metrics_start, 3});
    std::ofstream{directory / "metrics.om", std::ios::binary} << text;
    const auto [status, output] = shell("promtool tsdb create-blocks-from openmetrics " +
                                        directory / "metrics.om" + " " + directory / "blocks");
    ASSERT_EQ(status, 0) << output;
    std::filesystem::create_directories(directory / "blocks/wal"); // promtool wants one
    const auto [dumped, samples] = shell("promtool tsdb dump " + directory / "blocks");
    ASSERT_EQ(dumped, 0) << samples;
    const auto lines = [](const std::string& of, char first) {
      std::size_t count = 0;
      std::istringstream in{of};
      for (std::string line; std::getline(in, line);)
        count += line.front() == first ? 1U : 0U;
      return count;
    };
    EXPECT_EQ(lines(samples, '{'), lines(text, 'b')) << samples.substr(0, 2000);
  }
}

/// A day of one machine, really played.
study_result played_study() {
  namespace simulated = hostbackend::simulated;
  host_group group;
  group.name = "rack";
  const auto kind = simulated::generic_machine(4, "H100").value();
  group.machine = simulated::describe(simulated::make_host("H100", kind), "1");
  group.machine.capacity = {1'000'000, 1'000'000'000, 1'000'000'000};
  group.count = 2;
  scenario what;
  what.hosts = {group};
  what.horizon = std::chrono::hours{24};
  what.machines = {std::chrono::hours{8}, std::chrono::hours{1}};
  demand all;
  for (int hour = 0; hour < 24; ++hour) {
    arrival one;
    one.when = std::chrono::hours{hour};
    one.lifetime = std::chrono::hours{3};
    one.vcpus = 1;
    one.memory_mib = 1;
    one.gpus = hour % 3 == 0 ? 4 : 2;
    one.model = all.names.models.number_of("H100");
    all.arrivals.push_back(one);
  }
  study_result study;
  study.scenario = "played";
  study.seeds_wanted = 2;
  study.variants.resize(1);
  study.variants[0].name = "best-fit";
  for (const std::uint64_t seed : {1U, 2U}) {
    demand_source source{all};
    study.variants[0].runs.push_back({seed, run(what, source, seed).value()});
  }
  return study;
}

TEST(Report, ARealRunTellsItsHostsAndServers) {
  const auto study = played_study();
  bool down = false;
  for (const auto& [seed, run] : study.variants[0].runs)
    for (const auto& at : run.series) {
      EXPECT_EQ(at.hosts, 2U);
      EXPECT_LE(at.living, at.placed);
      down = down || at.hosts_down > 0;
    }
  EXPECT_TRUE(down) << "hosts fail every eight hours";
  EXPECT_EQ(json_of(study), json_of(played_study())) << "the same bytes for the same input";
  EXPECT_EQ(metrics_of(study), metrics_of(played_study()));
  for (const auto& table : csv_tables())
    EXPECT_FALSE(rows_of(csv_of(table, study)).empty()) << table.file;
}

} // namespace
} // namespace berth::sim
