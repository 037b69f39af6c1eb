#include "apps/sim_files.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "apps/sim_options.hpp"
#include "sim/study/plan_file.hpp"
#include "tests/golden.hpp"

namespace berth::apps {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class SimFiles : public ::testing::Test {
protected:
  using program = int (*)(const std::vector<std::string>&, std::ostream&, std::ostream&);

  SimFiles() { std::filesystem::create_directories(directory_); }
  ~SimFiles() override { std::filesystem::remove_all(directory_); }

  int run(program what, const std::vector<std::string>& words) {
    out_.str({});
    err_.str({});
    return what(words, out_, err_);
  }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }
  static std::string read(const std::string& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / ("berth-sim-files-" + std::to_string(getpid()));
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(SimFiles, InitWritesAScenarioAndOverwritesNone) {
  ASSERT_EQ(run(init_scenario, {path("s.yaml")}), 0) << err_.str();
  EXPECT_TRUE(testing::matches_file(read(path("s.yaml")), "tests/sim/study/sample.yaml"));
  EXPECT_THAT(err_.str(), HasSubstr("berth-sim run "));
  std::ofstream{path("s.yaml")} << "mine";
  EXPECT_EQ(run(init_scenario, {path("s.yaml")}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("is there already: name another file, or overwrite it with"));
  EXPECT_EQ(read(path("s.yaml")), "mine");
  EXPECT_EQ(run(init_scenario, {"--force", path("s.yaml")}), 0);
  EXPECT_THAT(read(path("s.yaml")), StartsWith("# A scenario"));
  EXPECT_EQ(run(init_scenario, {"/no/such/s.yaml"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("/no/such/s.yaml: cannot be written"));
  ASSERT_EQ(run(init_scenario, {"-"}), 0);
  EXPECT_THAT(out_.str(), StartsWith("# A scenario"));
}

TEST_F(SimFiles, APlanIsFittedToWhatAPlanGenerated) {
  std::ofstream{path("plan.yaml")}
      << "arrivals_per_hour: 20\n"
         "lifetimes: [{name: a, law: lognormal, median: 2h, sigma: 1}]\n"
         "shapes: [{gpus: 1, weight: 3}, {gpus: 8}]\n";
  const std::vector<std::string> words{"--plan", path("plan.yaml"), "--seed",     "7", "--horizon",
                                       "30d",    "--out",           path("d.csv")};
  ASSERT_EQ(run(generate_demand, words), 0) << err_.str();
  EXPECT_THAT(err_.str(), HasSubstr("servers written"));
  const auto drawn = read(path("d.csv"));
  ASSERT_EQ(run(generate_demand, words), 0);
  EXPECT_EQ(read(path("d.csv")), drawn) << "one seed, the same bytes";
  ASSERT_EQ(run(fit_plan, {"--demand", path("d.csv"), "--out", path("fitted.yaml")}), 0)
      << err_.str();
  EXPECT_THAT(err_.str(), HasSubstr("per hour, 2 kinds of servers"));
  const auto fitted = sim::load_plan(path("fitted.yaml"));
  ASSERT_TRUE(fitted) << fitted.error().message;
  EXPECT_NEAR(fitted->arrivals_per_hour, 20, 1);
  ASSERT_EQ(fitted->lifetimes.size(), 2U) << "one for each number of GPUs";
  EXPECT_EQ(sim::family_name(fitted->lifetimes[0]), "lognormal");
  ASSERT_EQ(run(fit_plan, {"--demand", path("d.csv"), "--out", "-"}), 0);
  EXPECT_EQ(out_.str(), read(path("fitted.yaml")));
}

TEST_F(SimFiles, MistakesAreNamed) {
  const auto refused = [&](program what, const std::vector<std::string>& words, int status) {
    EXPECT_EQ(run(what, words), status);
    EXPECT_EQ(out_.str(), "");
    return err_.str();
  };
  EXPECT_THAT(refused(init_scenario, {"a", "b"}, 2), HasSubstr("b is no flag"));
  EXPECT_THAT(refused(init_scenario, {"--forse"}, 2), HasSubstr("the nearest is --force"));
  EXPECT_THAT(refused(fit_plan, {}, 2), HasSubstr("--demand is missing"));
  EXPECT_THAT(refused(fit_plan, {"--demand"}, 2), HasSubstr("--demand needs a value"));
  EXPECT_THAT(refused(fit_plan, {"--demand", "x", "--out", "y", "--horizon", "1d"}, 2),
              HasSubstr("there is no flag --horizon"));
  EXPECT_THAT(refused(fit_plan, {"--demand", "/no/such.csv", "--out", path("y")}, 1),
              HasSubstr("/no/such.csv"));
  EXPECT_THAT(refused(fit_plan, {"--demand", "x", "--format", "xls", "--out", path("y")}, 1),
              HasSubstr("--format is \"xls\": must be one of berth"));
  const auto generate = [&](const std::string& key, const std::string& value) {
    std::ofstream{path("p.yaml")} << "arrivals_per_hour: 1\n";
    std::vector<std::string> words;
    for (const auto& [name, text] : {std::pair<std::string, std::string>{"--plan", path("p.yaml")},
                                     {"--horizon", "1d"},
                                     {"--out", path("d.csv")}}) {
      words.push_back(name);
      words.push_back(name == key ? value : text);
    }
    if (key == "--seed")
      words.insert(words.end(), {key, value});
    return refused(generate_demand, words, 1);
  };
  EXPECT_THAT(generate("--horizon", "soon"), HasSubstr("--horizon is \"soon\": must be a time"));
  EXPECT_THAT(generate("--seed", "-1"), HasSubstr("--seed is \"-1\": must be a whole number"));
  EXPECT_THAT(generate("--plan", "/no/plan.yaml"), HasSubstr("cannot read /no/plan.yaml"));
  EXPECT_THAT(generate("--out", "/no/d.csv"), HasSubstr("/no/d.csv"));
  EXPECT_FALSE(std::filesystem::exists(path("d.csv")));
}

TEST_F(SimFiles, HelpSaysWhatThereIs) {
  std::string all;
  for (const auto what : {init_scenario, fit_plan, generate_demand}) {
    ASSERT_EQ(run(what, {"--help"}), 0);
    all += out_.str() + "\n";
  }
  EXPECT_TRUE(testing::matches_file(all, "tests/apps/sim/files-help.txt"));
  EXPECT_TRUE(testing::matches_file(sim_help({}, {}, sim::scenario_flags()),
                                    "tests/apps/sim/scenario-help.txt"));
}

} // namespace
} // namespace berth::apps
