#include "apps/sim_play.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sim/study/scenario_file.hpp"
#include "tests/golden.hpp"

namespace berth::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A demand of one day for one machine, in a file.
class SimRun : public ::testing::Test {
protected:
  SimRun() {
    std::filesystem::create_directories(directory_);
    std::ofstream file{demand_};
    file << "arrive_s,lifetime_s,gpus,model\n";
    for (int hour = 0; hour < 24; ++hour)
      file << hour * 3600 << ",7200," << (hour % 4 == 3 ? 8 : hour % 3 + 1) << ",H100\n";
  }
  ~SimRun() override { std::filesystem::remove_all(directory_); }

  int run(std::vector<std::string> words) {
    out_.str({});
    err_.str({});
    return run_scenario(words, out_, err_);
  }
  std::vector<std::string> one_machine(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"--hosts", "1x" BERTH_SOURCE_DIR "/machines/hgx-h100.yaml",
                                   "--demand", demand_};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::string json() {
    std::ifstream in{json_};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("berth-sim-run-" + std::to_string(getpid()));
  const std::string demand_ = directory_ / "demand.csv";
  const std::string json_ = directory_ / "result.json";
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(SimRun, SaysWhatFitsAndWhatDoesNotUnderEachPolicy) {
  ASSERT_EQ(run(one_machine({"--policy", "best-fit", "--policy", "spread", "--json", json_})), 0)
      << err_.str();
  EXPECT_TRUE(testing::matches_file(out_.str(), "tests/apps/sim/day.txt"));
  EXPECT_EQ(err_.str(), "");
  const auto all = nlohmann::json::parse(json())["variants"];
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1]["name"], "spread");
  const auto& result = all[0]["runs"][0]["result"];
  EXPECT_EQ(result["refused_by"], (nlohmann::json{{"devices", 6}, {"units", 6}}));
  EXPECT_EQ(result["sizes"][3]["gpus"], 8);
  EXPECT_EQ(result["sizes"][3]["arrived"], 6);
  EXPECT_EQ(result["sizes"][3]["placed"], 0);
  EXPECT_EQ(result["models"][0]["gpu_seconds"], 8 * 23 * 3600.0);
  EXPECT_EQ(result["series"].back()["models"][0]["gpus"], 8);
}

TEST_F(SimRun, SeveralSeedsGiveAMeanWhateverTheirOrder) {
  const std::vector<std::string> failing{"--host-mtbf", "8h", "--host-mttr", "1h",
                                         "--seeds",     "20", "--json",      json_};
  ASSERT_EQ(run(one_machine(failing)), 0) << err_.str();
  const auto text = out_.str();
  EXPECT_THAT(text, HasSubstr("±"));
  const auto all = nlohmann::json::parse(json())["variants"][0]["runs"];
  ASSERT_EQ(all.size(), 20U);
  EXPECT_EQ(all[19]["seed"], 20);
  auto alone = failing;
  alone.insert(alone.end(), {"--jobs", "1"});
  ASSERT_EQ(run(one_machine(alone)), 0);
  EXPECT_EQ(out_.str(), text);
}

TEST_F(SimRun, DrawsTheLikeOfWhatWasSeenForEachSeed) {
  ASSERT_EQ(run(one_machine({"--draw", "--horizon", "10d", "--seeds", "5", "--json", json_})), 0)
      << err_.str();
  EXPECT_THAT(err_.str(), HasSubstr("arrivals")) << "what was fitted is said";
  const auto all = nlohmann::json::parse(json())["variants"][0]["runs"];
  ASSERT_EQ(all.size(), 5U);
  double arrived = 0;
  for (const auto& one : all)
    arrived += one["result"]["arrived"].get<double>();
  EXPECT_NEAR(arrived / 5, 250, 60) << "24 in 23 hours were seen";
  EXPECT_NE(all[0]["result"], all[1]["result"]);
  ASSERT_EQ(run(one_machine({"--draw", "--horizon", "90d", "--growth", "100", "--json", json_})),
            0);
  const auto grown =
      nlohmann::json::parse(json())["variants"][0]["runs"][0]["result"]["arrived"].get<double>();
  EXPECT_GT(grown, 2 * 90 * 24) << "four times as many in the third month";
}

TEST_F(SimRun, WrongCommandLinesAndFilesAreNamed) {
  const auto refused = [&](std::vector<std::string> words, int status) {
    EXPECT_EQ(run(std::move(words)), status);
    EXPECT_EQ(out_.str(), "");
    return err_.str();
  };
  EXPECT_THAT(refused({}, 2), HasSubstr("inventory is empty: must list hosts"));
  EXPECT_THAT(refused({"--nonsense"}, 2), HasSubstr("there is no flag --nonsense"));
  for (const auto* hosts : {"x", "hgx-h100", "0xhgx-h100", "-1xhgx-h100", "2000000xhgx-h100"})
    EXPECT_THAT(refused({"--hosts", hosts, "--demand", demand_}, 2), HasSubstr("20xhgx-h100"));
  EXPECT_THAT(refused({"--hosts", "1x/no/machine.yaml", "--demand", demand_}, 2),
              HasSubstr("/no/machine.yaml"));
  EXPECT_THAT(refused(one_machine({"--policy", "luck"}), 2), HasSubstr("must be one of best-fit"));
  EXPECT_THAT(refused(one_machine({"--format", "xls"}), 2), HasSubstr("philly-jobs"));
  EXPECT_THAT(refused(one_machine({"--horizon", "soon"}), 2), HasSubstr("30d"));
  EXPECT_THAT(refused(one_machine({"--seeds", "0"}), 2), HasSubstr("--seeds"));
  for (const auto* jobs : {"0", "-1", "4294967295"})
    EXPECT_THAT(refused(one_machine({"--jobs", jobs}), 2),
                HasSubstr("--jobs is \"" + std::string{jobs} +
                          "\": must be a whole number from 1 to 1024"));
  EXPECT_THAT(refused(one_machine({"--draw"}), 2), HasSubstr("--horizon"));
  EXPECT_THAT(refused(one_machine({"--growth", "5"}), 2), HasSubstr("--draw"));
  EXPECT_EQ(run(one_machine({"--json", "/no/where.json"})), 1);
  EXPECT_THAT(out_.str(), HasSubstr("best-fit")) << "what was found is shown all the same";
  EXPECT_THAT(err_.str(), HasSubstr("/no/where.json: cannot be written"));
}

TEST_F(SimRun, AScenarioOfAFilePlaysLikeFlags) {
  ASSERT_EQ(run(one_machine({"--policy", "best-fit", "--policy", "spread"})), 0) << err_.str();
  const auto from_flags = out_.str();
  const auto scenario = (directory_ / "s.yaml").string();
  std::ofstream{scenario} << "inventory: 1x" BERTH_SOURCE_DIR "/machines/hgx-h100.yaml\n"
                          << "demand: {trace: demand.csv}\n"
                          << "policy: [best-fit, spread]\n";
  ASSERT_EQ(run({scenario}), 0) << err_.str();
  EXPECT_EQ(out_.str(), from_flags);
  ASSERT_EQ(run({"--strict", scenario, "--policy", "spread"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), Not(HasSubstr("best-fit"))) << "a flag wins";
  EXPECT_EQ(run({scenario, scenario}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("second scenario"));
  std::ofstream{scenario} << "inventory: 1xhgx-h100\npolcy: x\n";
  EXPECT_EQ(run({scenario}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("s.yaml:2: there is no key polcy: the nearest is policy"));
}

TEST_F(SimRun, HelpHasEveryFlag) {
  ASSERT_EQ(run({"--help"}), 0);
  for (const auto& flag : sim::scenario_flags())
    EXPECT_THAT(out_.str(), HasSubstr("\n  --" + flag.name));
}

TEST_F(SimRun, AnEmptyDemandIsAMistake) {
  std::ofstream{demand_} << "arrive_s,lifetime_s,gpus\n";
  EXPECT_EQ(run(one_machine()), 2);
  EXPECT_THAT(err_.str(), HasSubstr("has no arrivals"));
}

TEST_F(SimRun, AModelThatNoHostHasIsAMistake) {
  std::ofstream{demand_} << "arrive_s,lifetime_s,gpus,model\n0,60,1,H10O\n";
  EXPECT_EQ(run(one_machine()), 2);
  EXPECT_THAT(err_.str(), HasSubstr("H10O"));
}

} // namespace
} // namespace berth::apps
