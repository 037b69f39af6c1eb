#include "sim/demand/berth_csv.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/random.hpp"
#include "tests/sim/demand/helpers.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// A file of this test that goes when the test does.
class temporary_file {
public:
  explicit temporary_file(const std::string& ending)
      : path_(fs::path{::testing::TempDir()} /
              ("berth-csv-" + std::to_string(::getpid()) + ending)) {}
  ~temporary_file() { fs::remove(path_); }

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string text() const {
    std::ifstream in{path_, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

private:
  fs::path path_;
};

model::duration some_time(model::random& dice) {
  const auto most = std::uint64_t{1} << dice.below(61);
  return model::duration{static_cast<std::int64_t>(dice.below(most))};
}

demand random_demand(model::random& dice) {
  const std::vector<std::string> names{"", "H100", "A|B", "with, comma", "\"quoted\"", "\xc3\xa4"};
  demand made;
  for (const auto& name : names) {
    made.names.models.number_of(name);
    made.names.projects.number_of(name);
  }
  model::duration now{};
  for (auto count = dice.below(50); count > 0; --count) {
    arrival one;
    now += dice.chance(0.3) ? model::duration{} : some_time(dice) / 100;
    one.when = now;
    one.lifetime = dice.chance(0.1) ? endless : some_time(dice);
    one.patience = dice.chance(0.3) ? unstated : dice.chance(0.3) ? endless : some_time(dice);
    one.vcpus = static_cast<std::uint32_t>(1 + dice.below(vcpus_max));
    one.memory_mib = static_cast<std::uint32_t>(1 + dice.below(memory_mib_max));
    one.gpus = static_cast<std::uint16_t>(dice.below(gpus_max + 1));
    one.model = one.gpus == 0 ? 0 : static_cast<std::uint32_t>(dice.below(names.size()));
    one.project = static_cast<std::uint32_t>(dice.below(names.size()));
    one.parts = static_cast<std::uint16_t>(1 + dice.below(4));
    const auto some_wish = [&dice] { return static_cast<model::wish>(dice.below(3)); };
    if (dice.chance(0.5))
      one.topology = packed_topology{{some_wish(), some_wish(), some_wish(), some_wish()}};
    one.priority = static_cast<std::uint8_t>(dice.below(priority_max + 1));
    made.arrivals.insert(made.arrivals.end(), 1 + dice.below(one.parts), one);
  }
  return made;
}

/// Numbers of names may differ: names count.
void expect_same(const demand& read, const demand& written) {
  ASSERT_EQ(read.arrivals.size(), written.arrivals.size());
  for (std::size_t i = 0; i < written.arrivals.size(); ++i) {
    auto a = read.arrivals[i];
    auto b = written.arrivals[i];
    EXPECT_EQ(read.names.models.name(a.model), written.names.models.name(b.model));
    EXPECT_EQ(read.names.projects.name(a.project), written.names.projects.name(b.project));
    a.model = b.model = a.project = b.project = 0;
    EXPECT_EQ(a, b) << i;
  }
}

TEST(BerthCsv, GivesBackWhatWasWritten) {
  const temporary_file plain{".csv"};
  const temporary_file packed{".csv.gz"};
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    model::random dice{seed};
    const auto made = random_demand(dice);
    for (const auto* file : {&plain, &packed}) {
      demand_source source{made};
      const auto written = write_berth_csv(source, file->path());
      ASSERT_TRUE(written.has_value()) << written.error().message;
      EXPECT_EQ(written->arrivals, made.arrivals.size());
      const auto read = read_demand_file(trace_format::berth, file->path(), {.strict = true});
      ASSERT_TRUE(read.has_value()) << read.error().message;
      EXPECT_EQ(read->report.rows, written->rows);
      EXPECT_EQ(read->report.out_of_order, 0U);
      expect_same(*read, made);
    }
  }
}

TEST(BerthCsv, PutsEqualPartsInOneRow) {
  const auto read = read_text(trace_format::philly_jobs,
                              "timestamp,duration,num_gpus,cluster\n"
                              "2017-10-09 07:00:00,10.25,17,c\n2017-10-09 07:01:00,1,1,c\n",
                              {.large = large_jobs::split});
  demand_source source{*read};
  const temporary_file file{".csv"};
  ASSERT_TRUE(write_berth_csv(source, file.path()).has_value());
  EXPECT_EQ(file.text(),
            "arrive_s,lifetime_s,gpus,model,vcpus,memory_mib,project,patience_s,count,parts,"
            "topology,priority\n"
            "0,10.25,8,,64,262144,c,,2,3,,\n"
            "0,10.25,1,,8,32768,c,,1,3,,\n"
            "60,1,1,,8,32768,c,,1,1,,\n");
}

TEST(BerthCsv, SaysWhatCannotBeWrittenAndLeavesNothingBehind) {
  const demand nothing;
  demand_source source{nothing};
  const auto written = write_berth_csv(source, "/nowhere/at-all.csv");
  ASSERT_FALSE(written.has_value());
  EXPECT_THAT(written.error().message, HasSubstr("cannot write /nowhere/at-all.csv: No such file"));
}

} // namespace
} // namespace berth::sim
