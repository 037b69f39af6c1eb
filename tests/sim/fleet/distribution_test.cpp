#include "sim/fleet/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "model/random.hpp"

namespace berth::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Distribution, OfNothingIsZero) {
  const distribution none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.mean(), model::duration{});
  EXPECT_EQ(none.quantile(0.95), model::duration{});
  EXPECT_TRUE(none.buckets().empty());
}

TEST(Distribution, QuantilesAreNeverBelowAndLessThanOnePercentAbove) {
  model::random dice{7};
  for (int round = 0; round < 50; ++round) {
    distribution all;
    std::vector<model::duration> exact;
    for (int i = 0; i < 500; ++i) {
      const auto bits = dice.below(52);
      const model::duration time{static_cast<std::int64_t>(dice.below(std::uint64_t{1} << bits))};
      exact.push_back(time);
      all.add(time);
    }
    std::ranges::sort(exact);
    for (const double share : {0.01, 0.5, 0.9, 0.95, 0.99, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(share * 500))) - 1;
      EXPECT_GE(all.quantile(share), exact[rank]);
      EXPECT_LE(all.quantile(share).count(),
                std::max<std::int64_t>(exact[rank].count() + exact[rank].count() / 100,
                                       exact[rank].count() + 1'000'000));
    }
    EXPECT_EQ(all.quantile(1), exact.back());
    EXPECT_EQ(all.max(), exact.back());
  }
}

TEST(Distribution, SeveralTogetherAreAsIfTheyWereOne) {
  distribution one;
  distribution other;
  distribution both;
  for (int i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? one : other).add(milliseconds{i * i});
    both.add(milliseconds{i * i});
  }
  one.add(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max(), both.max());
  EXPECT_EQ(one.quantile(0.7), both.quantile(0.7));
  std::uint64_t count = 0;
  model::duration before{-1};
  for (const auto& bucket : one.buckets()) {
    EXPECT_GT(bucket.up_to, before);
    EXPECT_GT(bucket.count, 0U);
    before = bucket.up_to;
    count += bucket.count;
  }
  EXPECT_EQ(count, one.count());
}

TEST(Distribution, ShortTimesAreExact) {
  distribution all;
  all.add(milliseconds{3}, 2);
  all.add(milliseconds{100});
  EXPECT_EQ(all.quantile(0.5), milliseconds{3});
  EXPECT_EQ(all.quantile(0.9), milliseconds{100});
  EXPECT_NEAR(std::chrono::duration<double>(all.mean()).count(), 0.106 / 3, 1e-9);
}

} // namespace
} // namespace berth::sim
