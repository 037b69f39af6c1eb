#include "apps/sim_actors.hpp"
#include "apps/sim_files.hpp"
#include "apps/sim_plan.hpp"
#include "apps/sim_play.hpp"
#include "apps/sim_replay.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "store/sqlite_store.hpp"
#include "tests/sim/replay/traffic.hpp"

namespace berth::apps {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

/// A controller's store, with what some users did in it.
class SimReplay : public ::testing::Test {
protected:
  SimReplay() {
    std::filesystem::create_directories(directory_);
    sim::testing::traffic users{11};
    users.run(60);
    log_ = users.log();
    store::sqlite_options options;
    options.path = store_;
    options.version = "test";
    auto opened = store::sqlite_store::open(options);
    EXPECT_TRUE(opened && (*opened)->append(log_));
  }
  ~SimReplay() override { std::filesystem::remove_all(directory_); }

  int run(std::vector<std::string> words) {
    out_.str({});
    err_.str({});
    return replay_store(words, out_, err_);
  }
  [[nodiscard]] json told() const {
    std::ifstream in{json_};
    return json::parse(in, nullptr, false);
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("berth-sim-replay-" + std::to_string(getpid()));
  const std::string store_ = directory_ / "controller.db";
  const std::string json_ = directory_ / "replay.json";
  std::vector<model::log_record> log_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(SimReplay, AStoreIsMadeAgainAndToldAsTextAndJson) {
  ASSERT_EQ(run({"--store", store_, "--json", json_}), 0) << err_.str() << out_.str();
  EXPECT_THAT(out_.str(), HasSubstr("100.00 % of the decisions are the same"));
  EXPECT_THAT(out_.str(), HasSubstr("requests planned by best-fit"));
  const auto all = told();
  EXPECT_EQ(all["version"], 1);
  EXPECT_EQ(all["replay"]["last"], log_.back().sequence);
  EXPECT_EQ(all["replay"]["decisions"]["differs"], 0);
  EXPECT_GT(all["replay"]["by_decision"]["creation"]["same"], 20);
  EXPECT_TRUE(all["other_policy"].is_null());
  EXPECT_FALSE(std::filesystem::exists(json_ + ".new-" + std::to_string(getpid())));
}

TEST_F(SimReplay, TheFolderWillDo) {
  EXPECT_EQ(run({"--store", directory_}), 0) << err_.str();
}

TEST_F(SimReplay, AnotherPolicyIsPlayedBeside) {
  ASSERT_EQ(run({"--store", store_, "--policy", "spread", "--rows", "3", "--json", json_}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("With spread instead"));
  const auto other = told()["other_policy"];
  EXPECT_EQ(other["policy"], "spread");
  EXPECT_GT(other["servers"]["elsewhere"], 0);
  EXPECT_GT(other["gpu_hours_happened"], 0);
  EXPECT_FALSE(other["differences"].empty());
}

TEST_F(SimReplay, ARangeIsTaken) {
  const auto last = std::to_string(log_.size() / 2);
  ASSERT_EQ(run({"--store", store_, "--to", last, "--json", json_}), 0);
  EXPECT_EQ(told()["replay"]["last"], log_.size() / 2);
}

TEST_F(SimReplay, AChangedDecisionEndsWithOne) {
  auto log = log_;
  for (auto& record : log)
    if (auto* created = std::get_if<model::server_created>(&record.what);
        created != nullptr && created->server.attachments.size() > 1) {
      std::swap(created->server.attachments[0], created->server.attachments[1]);
      break;
    }
  store::sqlite_options options;
  options.path = directory_ / "changed.db";
  options.version = "test";
  {
    auto opened = store::sqlite_store::open(options);
    ASSERT_TRUE(opened && (*opened)->append(log));
  }
  EXPECT_EQ(run({"--store", options.path}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("differs"));
}

TEST_F(SimReplay, TheStoreIsATraceForEveryStudy) {
  const auto csv = directory_ / "jobs.csv";
  ASSERT_TRUE(write_demand_of(store_, csv, err_));
  const auto played = [&](const std::string& trace, const std::string& format) {
    const auto rc =
        run_scenario({"--name", "log", "--hosts", "4x" BERTH_SOURCE_DIR "/machines/hgx-h100.yaml",
                      "--demand", trace, "--format", format, "--json", json_},
                     out_, err_);
    EXPECT_EQ(rc, 0) << err_.str();
    return told();
  };
  const auto from_store = played(store_, "controller-log");
  EXPECT_GT(from_store["variants"][0]["runs"][0]["result"]["arrived"], 20);
  EXPECT_EQ(from_store, played(csv, "berth"));

  const auto forecast = forecast_capacity(
      {"--hosts", "4x" BERTH_SOURCE_DIR "/machines/hgx-h100.yaml", "--demand", store_, "--format",
       "controller-log", "--draw", "--growth", "40", "--horizon", "60d", "--shape", "8xH100"},
      out_, err_);
  EXPECT_EQ(forecast, 0) << err_.str();
  const auto plan = directory_ / "plan.yaml";
  EXPECT_EQ(fit_plan({"--demand", store_, "--format", "controller-log", "--out", plan}, out_, err_),
            0)
      << err_.str();
  EXPECT_GT(std::filesystem::file_size(plan), 100U);
}

TEST_F(SimReplay, TheActorsPlayALogToo) {
  const auto played = [&](const std::vector<std::string>& trace) {
    std::vector<std::string> words{"--hosts", "4x" BERTH_SOURCE_DIR "/machines/hgx-h100.yaml",
                                   "--wait",  "1h",
                                   "--json",  json_};
    words.insert(words.end(), trace.begin(), trace.end());
    EXPECT_EQ(run_actors_simulation(words, out_, err_), 0) << err_.str() << out_.str();
    return told();
  };
  const auto log = played({"--demand", directory_, "--format", "controller-log"});
  EXPECT_GT(log["arrived"], 20);
  const auto csv = directory_ / "demand.csv";
  ASSERT_TRUE(write_demand_of(store_, csv, err_));
  EXPECT_EQ(log["trace_hash"], played({"--demand", csv})["trace_hash"]);
  EXPECT_EQ(run_actors_simulation({"--hosts", "1x" BERTH_SOURCE_DIR "/machines/hgx-h100.yaml",
                                   "--demand", csv, "--format", "csv"},
                                  out_, err_),
            2);
  EXPECT_THAT(err_.str(), HasSubstr("--format is \"csv\": must be one of berth, "));
}

TEST_F(SimReplay, AStrictStudyTakesNoServerLess) {
  err_.str({});
  const std::vector<std::string> words{"--hosts",  "4x" BERTH_SOURCE_DIR "/machines/hgx-h100.yaml",
                                       "--demand", store_,
                                       "--format", "controller-log",
                                       "--strict"};
  EXPECT_EQ(run_scenario(words, out_, err_), 2);
  EXPECT_THAT(err_.str(), HasSubstr("controller.db event "));
  EXPECT_THAT(err_.str(), HasSubstr("must ask for GPUs of one kind by their model alone"));
}

TEST_F(SimReplay, MistakesAreExplained) {
  EXPECT_EQ(run({}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("--store is needed"));
  EXPECT_EQ(run({"--store", store_, "--policy", "worst"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("best-fit"));
  EXPECT_EQ(run({"--store", store_, "--from", "9", "--to", "3"}), 2);
  EXPECT_EQ(run({"--store", store_, "--frm", "9"}), 2);
  EXPECT_EQ(run({"--store", directory_ / "nothing.db"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("nothing.db"));
  EXPECT_EQ(run({"--store", store_, "--json", "/nowhere/at/all"}), 1);
  EXPECT_EQ(run({"--help"}), 0);
}

} // namespace
} // namespace berth::apps
