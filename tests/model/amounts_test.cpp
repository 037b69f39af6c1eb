#include "model/amounts.hpp"

#include <gtest/gtest.h>

namespace berth::model {
namespace {

TEST(Amounts, Sizes) {
  EXPECT_EQ(parse_size_mib("512"), 512);
  EXPECT_EQ(parse_size_mib("512m"), 512);
  EXPECT_EQ(parse_size_mib("4g"), 4096);
  EXPECT_EQ(parse_size_mib("4GiB"), 4096);
  EXPECT_EQ(parse_size_mib("4GB"), 4096);
  EXPECT_EQ(parse_size_mib("2T"), 2'097'152);
  for (const auto* bad : {"", "g", "0", "-1", "4x", "1.5g", "4 g", "9999999999999999999t", "b",
                          "9223372036854775807g"})
    EXPECT_EQ(parse_size_mib(bad), std::nullopt) << bad;
}

TEST(Amounts, Durations) {
  using std::chrono::milliseconds;
  EXPECT_EQ(parse_duration("90"), milliseconds{90'000});
  EXPECT_EQ(parse_duration("90s"), milliseconds{90'000});
  EXPECT_EQ(parse_duration("500ms"), milliseconds{500});
  EXPECT_EQ(parse_duration("10m"), milliseconds{600'000});
  EXPECT_EQ(parse_duration("1h"), milliseconds{3'600'000});
  EXPECT_EQ(parse_duration("2d"), milliseconds{172'800'000});
  for (const auto* bad : {"", "s", "-1s", "1w", "9223372036854775807h", "9223372036854775807ms"})
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
}

TEST(Amounts, DurationsAreWrittenAsTheyAreRead) {
  using std::chrono::milliseconds;
  EXPECT_EQ(duration_text(milliseconds{0}), "0s");
  EXPECT_EQ(duration_text(milliseconds{1'500}), "1500ms");
  EXPECT_EQ(duration_text(milliseconds{90'000}), "90s");
  EXPECT_EQ(duration_text(milliseconds{7'200'000}), "2h");
  EXPECT_EQ(duration_text(milliseconds{2'592'000'000}), "30d");
  for (const std::int64_t ms : {1LL, 999LL, 60'000LL, 61'000LL, 86'400'000LL, 3'153'600'000'000LL})
    EXPECT_EQ(parse_duration(duration_text(milliseconds{ms})), milliseconds{ms});
}

} // namespace
} // namespace berth::model
