#include <string>

#include <gtest/gtest.h>

#include "model/failure.hpp"
#include "tests/golden.hpp"

namespace berth::model {
namespace {

std::string render_errors() {
  std::string page = "# Errors\n\n"
                     "Generated from `model/error_codes.def` by a test; `UPDATE_GOLDEN=1` rewrites "
                     "it. Numbers are never reused.\n\n"
                     "An error answer of the API carries the HTTP status as `code`, the name as "
                     "`class`, a message that names\nthe thing, and details. *Retry* says whether "
                     "the same request may succeed later.\n";
  int hundreds = 0;
  for (const auto& line : error_catalogue()) {
    const int number = static_cast<int>(line.code);
    if (number / 100 != hundreds) {
      hundreds = number / 100;
      constexpr const char* titles[] = {"", "The request is wrong",
                                        "The request conflicts with the state of the cluster",
                                        "The cluster cannot do it now", "A host or its hardware"};
      page += "\n## " + std::to_string(hundreds) + "xx: " + titles[hundreds] + "\n\n" +
              "| number | class | HTTP | retry | what it means | what to do |\n" +
              "|---|---|---|---|---|---|\n";
    }
    page += "| " + std::to_string(number) + " | `" + std::string{line.name} + "` | " +
            std::to_string(line.http_status) + " | " + (line.retryable ? "yes" : "no") + " | " +
            std::string{line.meaning} + " | " + std::string{line.remedy} + " |\n";
  }
  return page;
}

TEST(ErrorsDoc, IsWhatTheCatalogueSays) {
  EXPECT_TRUE(berth::testing::matches_file(render_errors(), "docs/errors.md"));
}

} // namespace
} // namespace berth::model
