#include "sim/report/outputs.hpp"

#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/report/commands.hpp"
#include "tests/sim/report/results.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& one : fs::directory_iterator{directory})
    names.insert(one.path().filename());
  return names;
}

TEST(Outputs, OnlyWhatIsWantedIsWritten) {
  const temporary_directory directory;
  const auto all = write_outputs(directory / "a/b", made_study(), {});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->size(), 14U);
  EXPECT_EQ(names_in(directory / "a/b").size(), 14U) << "and nothing half-written beside them";
  outputs only_json;
  only_json.html = only_json.csv = only_json.open_metrics = false;
  const auto one = write_outputs(directory / "c", made_study(), only_json);
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(names_in(directory / "c"), std::set<std::string>{"result.json"});
}

TEST(Outputs, WhatCannotBeWrittenIsNamedAndNothingAppears) {
  const temporary_directory directory;
  fs::create_directories(directory / "out/waits.csv.partial"); // in the way
  const auto failed = write_outputs(directory / "out", made_study(), {});
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("cannot write " + directory / "out/waits.csv"));
  EXPECT_EQ(names_in(directory / "out"), std::set<std::string>{"waits.csv.partial"});
  std::ofstream{directory / "file"} << "x";
  const auto no_directory = write_outputs(directory / "file", made_study(), {});
  ASSERT_FALSE(no_directory);
  EXPECT_THAT(no_directory.error().message, HasSubstr("file"));
}

} // namespace
} // namespace berth::sim
