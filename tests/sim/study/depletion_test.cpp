#include "sim/study/depletion.hpp"

#include <gtest/gtest.h>

namespace berth::sim {
namespace {

using std::chrono::hours;

/// Hour by hour, how many servers still fit.
run_result run_of(const std::vector<std::int64_t>& fitting) {
  run_result run;
  run.shapes = {{"H100", 8}};
  for (std::size_t i = 0; i < fitting.size(); ++i) {
    auto& at = run.series.emplace_back();
    at.at = hours{i};
    at.placeable = {fitting[i]};
  }
  return run;
}
depletion of(const std::vector<std::vector<std::int64_t>>& fates, model::duration lasting,
             double confidence = 0.5) {
  variant all;
  for (std::size_t i = 0; i < fates.size(); ++i)
    all.runs.push_back({i + 1, run_of(fates[i])});
  return depletions_of(all, lasting, confidence).at(0);
}

TEST(Depletion, CountsFromTheBeginningOfTheTimeInWhichNothingFits) {
  EXPECT_EQ(of({{3, 1, 0, 0, 0}}, hours{2}).median, hours{2});
  EXPECT_EQ(of({{3, 0, 1, 0, 0, 0}}, hours{2}).median, hours{3}) << "once is not for good";
  EXPECT_EQ(of({{3, 1, 0, 0}}, hours{2}).median, std::nullopt) << "the end came before";
  EXPECT_EQ(of({{0}}, hours{0}).median, hours{0});
}

TEST(Depletion, FatesThatDoNotRunOutAreLaterThanAllOthers) {
  const auto seen = of({{1, 0}, {1, 1}, {0, 0}, {1, 1}, {1, 1}}, hours{0});
  EXPECT_EQ(seen.fates, 5U);
  EXPECT_EQ(seen.run_out, 2U);
  EXPECT_EQ(seen.median, std::nullopt);
  EXPECT_EQ(seen.earliest, hours{1}) << "a quarter lies below";
  EXPECT_EQ(seen.latest, std::nullopt);
  EXPECT_EQ(seen.shape, (capacity_shape{"H100", 8}));
}

} // namespace
} // namespace berth::sim
