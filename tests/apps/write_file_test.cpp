#include "apps/write_file.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hostbackend/temporary_directory.hpp"

namespace berth::apps {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(WriteFile, AFileThatIsThereIsReplacedAndADeviceIsWrittenTo) {
  const hostbackend::testing::temporary_directory directory;
  const auto path = (directory / "file").string();
  std::ofstream{path} << "old and longer";
  ASSERT_TRUE(write_file(path, "new"));
  std::ifstream in{path};
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>{in}, {}}), "new");
  EXPECT_TRUE(write_file("/dev/null", "new"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const auto full = write_file("/dev/full", "new");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, model::errc::store_failed);
  EXPECT_THAT(full.error().message, HasSubstr("/dev/full: cannot be written: No space left"));
}

TEST(WriteFile, WhatCannotBeWrittenLeavesNothing) {
  const hostbackend::testing::temporary_directory directory;
  const auto path = (directory / "none/file").string();
  const auto failed = write_file(path, "new");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr(path + ": cannot be written: No such file"));
  EXPECT_TRUE(fs::is_empty(directory / ""));
}

} // namespace
} // namespace berth::apps
