#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "apps/sim_plan.hpp"
#include "apps/sim_play.hpp"

namespace berth::apps {
namespace {

using ::testing::HasSubstr;
using strings = std::vector<std::string>;

const std::filesystem::path scenarios{BERTH_SOURCE_DIR "/scenarios"};

/// Commands of berth-sim, with their outputs in a directory of the test.
class Scenarios : public ::testing::Test {
protected:
  Scenarios() { std::filesystem::current_path(BERTH_SOURCE_DIR); } // where machines/ is
  ~Scenarios() override { std::filesystem::remove_all(directory_); }

  using command = int (*)(const strings&, std::ostream&, std::ostream&);
  int run(command what, strings words) {
    out_.str({});
    err_.str({});
    words.emplace_back("--quiet");
    return what(words, out_, err_);
  }
  /// Every file below a directory, with its name.
  static std::string bytes_of(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> files;
    for (const auto& each : std::filesystem::recursive_directory_iterator{directory})
      files.push_back(each.path());
    std::ranges::sort(files);
    std::string all;
    for (const auto& file : files) {
      std::ifstream in{file, std::ios::binary};
      all += file.filename().string() + "\n" + std::string{std::istreambuf_iterator<char>{in}, {}};
    }
    return all;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("berth-scenarios-" + std::to_string(getpid()));
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(Scenarios, EachThatIsShippedGivesTheSameBytesTwice) {
  std::vector<std::filesystem::path> found;
  for (const auto& each : std::filesystem::directory_iterator{scenarios})
    if (std::ifstream in{each.path()}; each.path().extension() == ".yaml") {
      const std::string text{std::istreambuf_iterator<char>{in}, {}};
      if (text.find("\ninventory:") != std::string::npos) // the others are parts of scenarios
        found.push_back(each.path());
    }
  std::ranges::sort(found);
  ASSERT_EQ(found.size(), 4U);
  for (const auto& path : found) {
    SCOPED_TRACE(path.string());
    strings told;
    strings written;
    for (const auto* time : {"first", "second"}) {
      ASSERT_EQ(run(run_scenario, {path.string(), "--seeds", "2", "--horizon", "2d", "--out",
                                   (directory_ / time).string(), "--jobs",
                                   std::string{time} == "first" ? "1" : "2"}),
                0)
          << err_.str();
      told.push_back(out_.str());
      written.push_back(bytes_of(directory_ / time));
    }
    EXPECT_EQ(told[0], told[1]);
    EXPECT_TRUE(written[0] == written[1]) << "the files of " << directory_;
    std::filesystem::remove_all(directory_);
  }
}

TEST_F(Scenarios, ThoseOfOneDemandAreCompared) {
  ASSERT_EQ(
      run(compare_scenarios, {scenarios / "eight-gpu-hosts.yaml", scenarios / "four-gpu-hosts.yaml",
                              "--seeds", "3", "--horizon", "3d", "--out", directory_.string()}),
      0)
      << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("| four-gpu-hosts"));
  EXPECT_THAT(out_.str(), HasSubstr("| servers arrived"));
  EXPECT_THAT(out_.str(), HasSubstr("| the same ")) << "the arrivals are";
  EXPECT_THAT(out_.str(), HasSubstr("| more ")) << "those of eight GPUs are refused";
  EXPECT_TRUE(std::filesystem::exists(directory_ / "report.html"));
}

TEST_F(Scenarios, OneAloneIsNotCompared) {
  EXPECT_EQ(run(compare_scenarios, {scenarios / "eight-gpu-hosts.yaml"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("nothing to compare"));
  EXPECT_EQ(run(compare_scenarios, {}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("at least one scenario"));
}

TEST_F(Scenarios, APurchaseIsFoundAndItsPageHasTheFrontier) {
  ASSERT_EQ(run(plan_purchase,
                {scenarios / "next-quarter.yaml", "--seeds", "2", "--horizon", "4d",
                 "--refused-max", "50%", "--wait-p95-max", "10d", "--out", directory_.string()}),
            0)
      << err_.str() << out_.str();
  EXPECT_THAT(out_.str(), HasSubstr("buy: nothing, for 0"));
  EXPECT_THAT(bytes_of(directory_), HasSubstr("12 x hgx-h100"));
}

TEST_F(Scenarios, AGoalThatNothingMeetsIsNoSuccess) {
  EXPECT_EQ(run(plan_purchase, {scenarios / "four-gpu-hosts.yaml", "--seeds", "2", "--horizon",
                                "2d", "--refused-max", "1%", "--offer", "l40s-4:1000:2"}),
            1)
      << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("impossible: with everything on offer at least"));
  EXPECT_THAT(out_.str(), HasSubstr("by servers that no host holds even when it is empty"));
  EXPECT_EQ(run(plan_purchase, {scenarios / "policies.yaml", "--horizon", "1d"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("nothing is on offer"));
}

TEST_F(Scenarios, AForecastSaysWhenShapesRunOut) {
  ASSERT_EQ(run(forecast_capacity,
                {scenarios / "next-quarter.yaml", "--seeds", "2", "--horizon", "3d", "--hosts",
                 "1xhgx-h100", "--shape", "8xH100", "--shape", "1xH100", "--lasting", "6h"}),
            0)
      << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("| 8 x H100 | 2 of 2 fates |"));
  EXPECT_EQ(run(forecast_capacity, {scenarios / "next-quarter.yaml", "--lasting", "soon"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("--lasting soon is no time"));
}

TEST_F(Scenarios, RunsThatWereKeptAreNotPlayedAgain) {
  const auto kept = (directory_ / "kept").string();
  std::filesystem::create_directories(directory_);
  const strings words{scenarios / "eight-gpu-hosts.yaml", "--horizon", "1d", "--resume", kept};
  const auto with = [&words](const char* seeds) {
    auto all = words;
    all.insert(all.end(), {"--seeds", seeds});
    return all;
  };
  ASSERT_EQ(run(run_scenario, with("2")), 0) << err_.str();
  ASSERT_EQ(run(run_scenario, with("3")), 0) << err_.str();
  EXPECT_THAT(err_.str(), HasSubstr("2 runs are there already"));
  const auto went_on = out_.str();
  ASSERT_EQ(
      run(run_scenario, {scenarios / "eight-gpu-hosts.yaml", "--horizon", "1d", "--seeds", "3"}),
      0);
  EXPECT_EQ(went_on, out_.str());
}

TEST_F(Scenarios, AMistakeIsNamed) {
  EXPECT_EQ(run(run_scenario, {scenarios / "eight-gpu-hosts.yaml", "--out", directory_.string(),
                               "--horizon", "1h", "--metrics-start", "yesterday"}),
            2);
  EXPECT_THAT(err_.str(), HasSubstr("--metrics-start yesterday is no date such as 2026-01-31"));
  EXPECT_EQ(run(run_scenario, {scenarios / "eight-gpu-hosts.yaml", "--polcy", "spread"}), 2);
  EXPECT_THAT(err_.str(), HasSubstr("the nearest is --policy"));
  EXPECT_EQ(run(run_scenario, {scenarios / "nowhere.yaml"}), 1);
}

} // namespace
} // namespace berth::apps
