#include "sim/report/figures.hpp"

#include <gtest/gtest.h>

#include "sim/report/chart.hpp"
#include "sim/report/text.hpp"
#include "sim/report/timeline.hpp"
#include "tests/sim/report/results.hpp"

namespace berth::sim {
namespace {

using std::chrono::hours;

TEST(Figures, CapacityIsSaidOfModelsThatAreFollowed) {
  run_result run;
  run.models["A100"] = {};
  run.models["H100 80GB"] = {};
  run.shapes = {{"h100", 8}};
  moment at;
  at.models = {{.gpus = 4}, {.gpus = 20, .held = 4, .stranded = 2, .fragmentation = 0.5}};
  const auto followed = state_of(run, at, 1);
  EXPECT_EQ(followed.fragmentation, 0.5);
  EXPECT_EQ(followed.stranded, 2);
  const auto other = state_of(run, at, 0);
  EXPECT_EQ(other.fragmentation, std::nullopt) << "none of its shapes is followed";
  EXPECT_EQ(other.stranded, std::nullopt);
}

TEST(Figures, DifferencesAreOfTheSeedsThatBothHavePlayed) {
  auto study = made_study();
  study.variants[1].runs.erase(study.variants[1].runs.begin());
  const auto more =
      difference_over(study.variants[1], study.variants[0], 0.95, figure_named("placed").of);
  EXPECT_EQ(more, (estimate{4, 0.0}));
}

TEST(Figures, EveryKeyIsThereOnce) {
  std::set<std::string_view> keys;
  for (const auto& figure : run_figures())
    EXPECT_TRUE(keys.insert(figure.key).second) << figure.key;
}

TEST(Timeline, RunsOfDifferentLengthAreTakenAsFarAsTheyGo) {
  variant two;
  for (const int last : {2, 4}) {
    run_result run;
    run.span = hours{last};
    for (int hour = 0; hour <= last; hour += last / 2) {
      moment at;
      at.at = hours{hour};
      at.waiting = static_cast<std::uint64_t>(10 * last + hour);
      run.series.push_back(at);
    }
    two.runs.push_back({static_cast<std::uint64_t>(last), run});
  }
  study_result study;
  study.variants = {two};
  const auto grid = grid_of(study);
  EXPECT_EQ(grid, (time_grid{0, 7200, 14'400}));
  const auto seen =
      band_over(two, grid, [](const run_result&, const moment& at) -> std::optional<double> {
        return static_cast<double>(at.waiting);
      });
  EXPECT_EQ(seen.mean, (std::vector<double>{30, 32, 44}));
  EXPECT_EQ(seen.least, (std::vector<double>{20, 22, 44}));
  EXPECT_EQ(seen.most, (std::vector<double>{40, 42, 44}));
}

TEST(Text, NumbersAreReadable) {
  EXPECT_EQ(to_text(0.0, 2), "0.00");
  EXPECT_EQ(to_text(-0.001, 2), "0.00");
  EXPECT_EQ(to_text(999.0, 0), "999");
  EXPECT_EQ(to_text(-1234567.891, 1), "-1\u202f234\u202f567.9");
  EXPECT_EQ(time_text(0), "0 s");
  EXPECT_EQ(time_text(90), "90.0 s");
  EXPECT_EQ(time_text(11'520), "3.2 h");
  EXPECT_EQ(to_text({17, std::nullopt}, figure_unit::servers), "17");
  EXPECT_EQ(to_text({17, 0.0}, figure_unit::servers), "17");
  EXPECT_EQ(to_text({17, 2.5}, figure_unit::servers), "17.0 ± 2.5");
  EXPECT_EQ(to_text({12.345, 0.567}, figure_unit::percent), "12.35 ± 0.57 %");
  EXPECT_EQ(to_text({14'400, 1440}, figure_unit::seconds), "4.0 ± 0.4 h");
  EXPECT_EQ(difference_text({-3, std::nullopt}, figure_unit::servers), "-3");
  EXPECT_EQ(difference_text({3, std::nullopt}, figure_unit::servers), "+3");
}

TEST(Text, WhatIsNoTextBecomesAReplacement) {
  EXPECT_EQ(clean_utf8("a\xff\xc3\xa9"), "a\uFFFDé");
  EXPECT_EQ(escape_html("<a href='\"'>&\x01"), "&lt;a href=&#39;&quot;&#39;&gt;&amp;\uFFFD");
}

std::string texts(const axis& of) {
  std::string all;
  for (const auto& one : of.ticks)
    all += (all.empty() ? "" : " ") + one.text;
  return all;
}

TEST(Axis, MarksAreRound) {
  EXPECT_EQ(texts(amount_axis(0, "")), "0 1");
  EXPECT_EQ(texts(amount_axis(3, "")), "0 1 2 3");
  EXPECT_EQ(texts(amount_axis(17, "")), "0 5 10 15 20");
  EXPECT_EQ(texts(amount_axis(0.23, "", false)), "0.00 0.05 0.10 0.15 0.20 0.25");
  EXPECT_EQ(texts(amount_axis(1000, "")), "0 200 400 600 800 1\u202f000");
  EXPECT_EQ(texts(time_axis(23 * 3600)), "0 3 6 9 12 15 18 21");
  EXPECT_EQ(time_axis(23 * 3600).title, "hours since the start");
  EXPECT_EQ(texts(time_axis(30 * 86'400)), "0 5 10 15 20 25 30");
  EXPECT_EQ(texts(time_axis(365 * 86'400)), "0 60 120 180 240 300 360");
  EXPECT_EQ(texts(log_time_axis(1, 1e5)), "1 s 10 s 1 min 10 min 1 h 6 h 1 d");
}

} // namespace
} // namespace berth::sim
