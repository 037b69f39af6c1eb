#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/system/processes.hpp"

namespace berth::system_tests {
namespace {

using ::testing::HasSubstr;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(SimInterrupt, EndsWithWhatThereIsAndGoesOnLater) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("berth-interrupt-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  const auto kept = directory / "kept";
  const auto start = [&](const std::string& seeds, const std::string& out) {
    return process{"berth-sim",
                   {"run", BERTH_SOURCE_DIR "/scenarios/eight-gpu-hosts.yaml", "--horizon", "1d",
                    "--seeds", seeds, "--resume", kept.string(), "--out",
                    (directory / out).string()},
                   directory / (out + ".log")};
  };
  {
    auto played = start("10000", "first");
    const auto has_run = [&] {
      std::error_code none;
      return std::filesystem::exists(kept, none) && std::filesystem::file_size(kept, none) > 1000;
    };
    ASSERT_TRUE(eventually(has_run));
    played.signal(SIGINT);
    EXPECT_EQ(played.wait(), 130);
  }
  EXPECT_THAT(text_of(directory / "first" / "report.html"), HasSubstr("<strong>Partial.</strong>"));
  EXPECT_THAT(text_of(directory / "first" / "result.json"), HasSubstr("\"partial\":true"));
  {
    auto played = start("1", "second");
    EXPECT_EQ(played.wait(), 0);
  }
  EXPECT_THAT(text_of(directory / "second.log"), HasSubstr("runs are there already"));
  EXPECT_THAT(text_of(directory / "second" / "result.json"), HasSubstr("\"partial\":false"));
  std::filesystem::remove_all(directory);
}

} // namespace
} // namespace berth::system_tests
