#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include "metrics/table.hpp"

namespace berth::metrics {
namespace {

struct query {
  std::string where; ///< panel or alert
  std::string text;
};

std::vector<query> dashboard_queries() {
  std::vector<query> found;
  for (const auto& file : std::filesystem::directory_iterator{BERTH_SOURCE_DIR "/dashboards"}) {
    if (file.path().extension() != ".json") {
      continue;
    }
    std::ifstream in{file.path()};
    const auto board = nlohmann::json::parse(in);
    for (const auto& panel : board.at("panels")) {
      for (const auto& target : panel.value("targets", nlohmann::json::array())) {
        found.push_back({panel.at("title"), target.at("expr")});
      }
    }
    for (const auto& variable : board.at("templating").at("list")) {
      if (variable.at("type") == "query") {
        found.push_back({variable.at("name"), variable.at("definition")});
      }
    }
  }
  return found;
}

std::vector<query> alert_queries() {
  std::vector<query> found;
  for (const auto& group : YAML::LoadFile(BERTH_SOURCE_DIR "/dashboards/alerts.yaml")["groups"]) {
    for (const auto& rule : group["rules"]) {
      found.push_back({rule["alert"].as<std::string>(), rule["expr"].as<std::string>()});
    }
  }
  return found;
}

std::vector<std::smatch> matches(const std::string& text, const std::regex& pattern) {
  return {std::sregex_iterator{text.begin(), text.end(), pattern}, {}};
}

/// The table's row of a name in a query; `_bucket`, `_sum` and `_count` lead to their histogram.
const metric_description* row_of(const std::string& name) {
  if (const auto id = find_metric(name)) {
    return &describe(*id);
  }
  for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
    if (name.ends_with(suffix)) {
      const auto id = find_metric(name.substr(0, name.size() - suffix.size()));
      return id && describe(*id).kind == metric_kind::histogram ? &describe(*id) : nullptr;
    }
  }
  return nullptr;
}

void check(const query& one) {
  static const std::regex series{R"((berth_[a-z0-9_]+)(\{[^}]*\})?)"};
  static const std::regex matcher{R"(([a-z_]+)\s*(=~|!~|!=|=))"};
  static const std::regex grouping{R"((?:by|on|group_left|without)\s*\(([^)]*)\))"};
  static const std::regex word{"[a-z_]+"};
  SCOPED_TRACE(one.where + ": " + one.text);
  std::set<std::string> labels{"le", "instance", "job"};
  const auto found = matches(one.text, series);
  EXPECT_FALSE(found.empty());
  for (const auto& match : found) {
    const auto* row = row_of(match[1]);
    ASSERT_NE(row, nullptr) << match[1] << " is not in metrics/table.def";
    EXPECT_NE(row->source, metric_source::later) << match[1] << " has no source yet";
    std::set<std::string> own;
    for (const auto& label : row->labels) {
      own.emplace(label.name);
    }
    labels.insert(own.begin(), own.end());
    const std::string matchers = match[2];
    for (const auto& label : matches(matchers, matcher)) {
      EXPECT_TRUE(own.contains(label[1])) << match[1] << " has no label " << label[1];
    }
  }
  for (const auto& group : matches(one.text, grouping)) {
    const std::string names = group[1];
    for (const auto& label : matches(names, word)) {
      EXPECT_TRUE(labels.contains(label[0])) << "no label " << label[0];
    }
  }
}

TEST(Dashboards, QueriesNameMetricsAndLabelsOfTheTable) {
  const auto queries = dashboard_queries();
  EXPECT_GT(queries.size(), 20U);
  for (const auto& one : queries) {
    check(one);
  }
}

TEST(Alerts, RulesNameMetricsAndLabelsOfTheTable) {
  for (const auto& one : alert_queries()) {
    check(one);
  }
}

TEST(Alerts, EachHasItsRunbook) {
  std::ifstream in{BERTH_SOURCE_DIR "/docs/alerts.md"};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  for (const auto& one : alert_queries()) {
    EXPECT_NE(text.find("\n## " + one.where + "\n"), std::string::npos) << one.where;
  }
}

TEST(Dashboards, PanelsAreWholeAndDoNotOverlap) {
  std::ifstream in{BERTH_SOURCE_DIR "/dashboards/berth.json"};
  const auto board = nlohmann::json::parse(in);
  std::set<int> ids;
  std::set<std::pair<int, int>> cells;
  for (const auto& panel : board.at("panels")) {
    SCOPED_TRACE(panel.at("title"));
    EXPECT_TRUE(ids.insert(panel.at("id").get<int>()).second);
    const auto& at = panel.at("gridPos");
    for (int x = at.at("x"); x < at.at("x").get<int>() + at.at("w").get<int>(); ++x) {
      EXPECT_LT(x, 24);
      for (int y = at.at("y"); y < at.at("y").get<int>() + at.at("h").get<int>(); ++y) {
        EXPECT_TRUE(cells.emplace(x, y).second);
      }
    }
    if (panel.at("type") == "row") {
      continue;
    }
    EXPECT_FALSE(panel.at("description").get<std::string>().empty());
    EXPECT_EQ(panel.at("datasource").at("uid"), "${datasource}");
  }
}

/// The queries, with Grafana's variables filled in, parse as PromQL.
TEST(Dashboards, QueriesParse) {
  char name[] = "/tmp/berth-queries-XXXXXX";
  const int fd = ::mkstemp(name);
  ASSERT_GE(fd, 0);
  ::close(fd);
  nlohmann::json rules = nlohmann::json::array();
  for (const auto& one : dashboard_queries()) {
    if (one.text.starts_with("label_values(")) {
      continue;
    }
    auto text = std::regex_replace(one.text, std::regex{R"(\$__rate_interval)"}, "5m");
    text = std::regex_replace(text, std::regex{R"(\$(host|model))"}, ".*");
    rules.push_back({{"record", "check:query" + std::to_string(rules.size())}, {"expr", text}});
  }
  const nlohmann::json file{{"groups", {{{"name", "queries"}, {"rules", rules}}}}};
  std::ofstream{name} << file.dump(); // JSON is YAML
  const auto status =
      std::system((std::string{"promtool check rules "} + name + " > /dev/null").c_str());
  std::filesystem::remove(name);
  EXPECT_EQ(status, 0);
}

} // namespace
} // namespace berth::metrics
