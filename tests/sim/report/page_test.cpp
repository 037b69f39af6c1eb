#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/report/report_html.hpp"
#include "tests/golden.hpp"
#include "tests/sim/report/commands.hpp"
#include "tests/sim/report/results.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string page_of(const study_result& study, const frontier& purchases = {}) {
  std::ostringstream out;
  write_html(out, study, purchases);
  return out.str();
}

frontier made_frontier() {
  return {{"nothing", 0, {12.5, 1.5}, estimate{90'000, 3600}, false, false},
          {"2 x hgx-h100", 600'000, {0.8, 0.3}, estimate{1800, 600}, true, true},
          {"4 x dgx-a100", 900'000, {0.4, 0.2}, std::nullopt, true, false}};
}

struct named_page {
  const char* name;
  std::string text;
};
std::vector<named_page> pages() {
  auto partial = made_study(24, 5);
  partial.partial = true;
  partial.seeds_wanted = 20;
  auto alone = made_study(24, 1);
  alone.variants.resize(1);
  study_result nothing;
  nothing.scenario = "nothing played";
  nothing.variants.resize(1);
  auto hostile_purchases = made_frontier();
  hostile_purchases[1].label = hostile;
  return {{"two variants", page_of(partial, made_frontier())},
          {"one run", page_of(alone)},
          {"nothing", page_of(nothing)},
          {"hostile", page_of(hostile_study(), hostile_purchases)}};
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t times = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++times;
  return times;
}

TEST(Page, IsWhole) {
  EXPECT_TRUE(berth::testing::matches_file(page_of(made_study(3, 2), made_frontier()),
                                           "tests/sim/report/golden/report.html"));
}

TEST(Page, SaysThatItIsPartial) {
  const auto text = pages().front().text;
  EXPECT_THAT(text, HasSubstr("<strong>Partial.</strong>"));
  EXPECT_THAT(text, HasSubstr("5 of the 20 seeds wanted"));
}

TEST(Page, NamesCannotBreakOut) {
  const auto text = page_of(hostile_study());
  EXPECT_THAT(text, Not(HasSubstr("<img")));
  EXPECT_THAT(text, Not(HasSubstr("onerror=alert(1)>")));
  EXPECT_EQ(count(text, "</script>"), 1U);
}

TEST(Page, StaysSmall) {
  const auto text = page_of(made_study(static_cast<int>(moments_max) - 1, 20));
  EXPECT_LT(text.size(), 2'000'000U);
}

TEST(Page, IsWellFormedXml) {
  if (!is_installed("xmllint"))
    GTEST_SKIP() << "xmllint (Debian package libxml2-utils) is not installed";
  const temporary_directory directory;
  for (const auto& page : pages()) {
    std::ofstream{directory / "page.xhtml", std::ios::binary} << page.text;
    const auto [status, output] = shell("xmllint --noout --nonet " + directory / "page.xhtml");
    EXPECT_EQ(status, 0) << page.name << ": " << output;
    EXPECT_EQ(output, "") << page.name;
  }
}

/// What a browser made of a page.
struct shown_page {
  std::string dom;      ///< and what the browser said
  bool asked = false;   ///< it asked for something else
  bool is_fine = false; ///< the browser ended well
};
shown_page shown(const std::string& html) {
  const temporary_directory directory;
  std::ofstream{directory / "page.html", std::ios::binary} << html;
  const auto [status, output] =
      shell("timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage "
            "--disable-background-networking --disable-component-update --no-first-run "
            "--host-resolver-rules='MAP * ~NOTFOUND' --enable-logging=stderr --log-net-log=" +
            directory / "net.json" + " --user-data-dir=" + directory / "profile" +
            " --dump-dom file://" + directory / "page.html");
  std::ifstream in{directory / "net.json"};
  const std::string requests{std::istreambuf_iterator<char>{in}, {}};
  // The browser's own requests have no origin; those of a page from a file have an opaque one.
  return {output, requests.find("\"initiator\":\"null\"") != std::string::npos,
          status == 0 && !requests.empty()};
}

/// Without complaints of the script or of the content policy, and without asking anybody anything.
TEST(Page, ABrowserShowsIt) {
  if (!is_installed("chromium"))
    GTEST_SKIP() << "chromium is not installed";
  for (const auto& page : pages()) {
    SCOPED_TRACE(page.name);
    const auto seen = shown(page.text);
    ASSERT_TRUE(seen.is_fine) << seen.dom.substr(0, 4000);
    EXPECT_THAT(seen.dom, Not(HasSubstr("CONSOLE")));
    EXPECT_FALSE(seen.asked);
    EXPECT_EQ(count(seen.dom, "<svg class=\"chart"), count(page.text, "<svg class=\"chart"));
    EXPECT_EQ(count(seen.dom, "<section"), count(page.text, "<section"));
    if (page.text.find("<fieldset") != std::string::npos) {
      EXPECT_THAT(seen.dom, HasSubstr("<fieldset id=\"pick\">")) << "the script shows it";
    }
  }
}

/// The test above would notice.
TEST(Page, ABrowserThatComplainsOrAsksIsHeard) {
  if (!is_installed("chromium"))
    GTEST_SKIP() << "chromium is not installed";
  const auto seen =
      shown("<!DOCTYPE html><img src='http://127.0.0.1:9/x'><script>throw 1</script>");
  EXPECT_TRUE(seen.asked);
  EXPECT_THAT(seen.dom, HasSubstr("CONSOLE"));
}

} // namespace
} // namespace berth::sim
