#include "sim/demand/fields.hpp"

#include <array>
#include <chrono>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

#include "model/random.hpp"
#include "sim/demand/arrival.hpp"

namespace berth::sim {
namespace {

using std::chrono::nanoseconds;

TEST(ParseSeconds, IsExact) {
  const std::array<std::pair<std::string_view, std::int64_t>, 12> table{{
      {"0", 0},
      {"66.0", 66'000'000'000},
      {"66.", -1},
      {"0.000000001", 1},
      {"0.1", 100'000'000},
      {"1.2345678901234567890", 1'234'567'890},
      {"0007", 7'000'000'000},
      {"1.5e3", 1'500'000'000'000},
      {"1E-9", 1},
      {"3155760000", 3'155'760'000'000'000'000},
      {"3155760000.000000001", -1},
      {"3155760001", -1},
  }};
  for (const auto& [text, expected] : table) {
    const auto parsed = parse_seconds(text);
    EXPECT_EQ(parsed ? parsed->count() : -1, expected) << text;
  }
}

TEST(ParseSeconds, TakesNothingElse) {
  for (const std::string_view text :
       {"",      "-1",   "+1", "-0", " 1",   "1 ",   "nan", "NaN", "inf",   "-inf",
        "1e400", "1e10", "e5", "1e", "1e5x", "0x10", ".5",  "1,5", "1.5.5", "99999999999999999999",
        "1_000"}) {
    EXPECT_EQ(parse_seconds(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_seconds(std::string_view{"1\0", 2}), std::nullopt);
}

TEST(ParseSeconds, GivesBackWhatWasWritten) {
  model::random dice{1};
  for (int i = 0; i < 20'000; ++i) {
    const auto most = std::uint64_t{1} << dice.below(62);
    const nanoseconds time{static_cast<std::int64_t>(
        dice.below(std::min<std::uint64_t>(most, 3'155'760'000'000'000'000)))};
    std::string text;
    append_seconds(text, time);
    ASSERT_EQ(parse_seconds(text), time) << text;
  }
}

TEST(ParseWhole, TakesWholeNumbersInRange) {
  EXPECT_EQ(parse_whole("0", 8), 0);
  EXPECT_EQ(parse_whole("8", 8), 8);
  EXPECT_EQ(parse_whole("8.0", 8), 8);
  EXPECT_EQ(parse_whole("9223372036854775807", std::numeric_limits<std::int32_t>::max()),
            std::nullopt);
  for (const std::string_view text :
       {"", "9", "8.5", "-1", "+1", " 1", "1 ", "x", "nan", "1e0", "99999999999999999999", "8."}) {
    EXPECT_EQ(parse_whole(text, 8), std::nullopt) << text;
  }
}

TEST(ParseMoment, TakesDatesWithTimes) {
  constexpr std::int64_t expected = 1'507'532'515;
  for (const std::string_view text : {"2017-10-09 07:01:55", "2017-10-09T07:01:55",
                                      "2017-10-09T07:01:55Z", "2017-10-09 07:01:55.000"}) {
    const auto parsed = parse_moment(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->time_since_epoch(), std::chrono::seconds{expected}) << text;
  }
  EXPECT_EQ(parse_moment("1970-01-01 00:00:00.5")->time_since_epoch().count(), 500'000'000);
  EXPECT_TRUE(parse_moment("2016-02-29 00:00:00").has_value());
}

TEST(ParseMoment, TakesNothingElse) {
  for (const std::string_view text :
       {"", "2017-10-09", "2017-13-09 07:01:55", "2017-02-29 00:00:00", "2017-10-09 24:00:00",
        "2017-10-09 07:60:00", "2017-10-09 07:01:60", "1969-12-31 23:59:59", "2200-01-01 00:00:00",
        "17-10-09 07:01:55", "2017-1-09 07:01:55", "2017-10-09 07:01:55+01", "2017-10-09x07:01:55",
        "2017-10-09 7:01:55", "2017-10-0 07:01:555", "-017-10-09 07:01:55",
        "2017-10-09 07:01:55."}) {
    EXPECT_EQ(parse_moment(text), std::nullopt) << text;
  }
}

} // namespace
} // namespace berth::sim
