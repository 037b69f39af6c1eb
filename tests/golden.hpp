#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace berth::testing {

/// Compares `actual` with the file at `path` (from the source root). With UPDATE_GOLDEN=1 in the
/// environment it writes the file instead, and the difference shows in version control.
[[nodiscard]] inline ::testing::AssertionResult matches_file(std::string_view actual,
                                                             const std::filesystem::path& path) {
  const std::filesystem::path file = std::filesystem::path{BERTH_SOURCE_DIR} / path;
  const char* const update = std::getenv("UPDATE_GOLDEN");
  if (update != nullptr && std::string_view{update} == "1") {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out{file, std::ios::binary};
    out << actual;
    return out.good() ? ::testing::AssertionSuccess()
                      : ::testing::AssertionFailure() << "cannot write " << file;
  }
  std::ifstream in{file, std::ios::binary};
  if (!in) {
    return ::testing::AssertionFailure()
           << file << " is missing; run again with UPDATE_GOLDEN=1 and look at it";
  }
  const std::string expected{std::istreambuf_iterator<char>{in}, {}};
  if (expected == actual) {
    return ::testing::AssertionSuccess();
  }
  std::size_t line = 1;
  std::size_t at = 0;
  while (at < expected.size() && at < actual.size() && expected[at] == actual[at]) {
    line += expected[at] == '\n' ? 1U : 0U;
    ++at;
  }
  const auto rest = [at](std::string_view text) {
    return std::string{text.substr(at, text.find('\n', at) - at)};
  };
  return ::testing::AssertionFailure()
         << path << " differs from line " << line << " on\n  file:   ..." << rest(expected)
         << "\n  actual: ..." << rest(actual) << "\nif the new text is right: UPDATE_GOLDEN=1";
}

/// As above, for files under tests/golden/.
[[nodiscard]] inline ::testing::AssertionResult matches_golden(std::string_view actual,
                                                               std::string_view name) {
  return matches_file(actual, std::filesystem::path{"tests/golden"} / name);
}

} // namespace berth::testing
