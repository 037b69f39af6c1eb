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

TEST(WriteFile, ALinkStaysOne) {
  const hostbackend::testing::temporary_directory directory;
  std::ofstream{directory / "file"} << "old";
  fs::create_symlink(directory / "file", directory / "link");
  ASSERT_TRUE(write_file((directory / "link").string(), "new"));
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
  EXPECT_EQ(fs::file_size(directory / "file"), 3U);
}

TEST(WriteFile, WhatIsInTheWayStaysAndNothingHalfWrittenIsLeft) {
  const hostbackend::testing::temporary_directory directory;
  fs::create_directory(directory / "file.new");
  EXPECT_FALSE(write_file((directory / "file").string(), "new"));
  EXPECT_TRUE(fs::is_directory(directory / "file.new"));
  EXPECT_FALSE(fs::exists(directory / "file"));
}

TEST(WriteFile, WhatCannotBeWrittenIsNamed) {
  const hostbackend::testing::temporary_directory directory;
  const auto path = (directory / "none/file").string();
  const auto failed = write_file(path, "new");
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr(path + ": cannot be written: No such file"));
}

} // namespace
} // namespace berth::apps
