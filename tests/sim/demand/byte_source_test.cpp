#include "sim/demand/byte_source.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/demand/helpers.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

model::result<std::string> all_of(byte_source& source, std::size_t at_once) {
  std::string text;
  std::vector<char> piece(at_once);
  while (true) {
    const auto got = source.read(piece);
    if (!got) {
      return tl::unexpected{got.error()};
    }
    if (*got == 0) {
      return text;
    }
    text.append(piece.data(), *got);
  }
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 50'000; ++i) {
    text += std::to_string(i * 7919) + ",";
  }
  return text;
}

TEST(ByteSource, PassesPlainTextOn) {
  for (const std::string& text :
       {std::string{}, std::string{"x"}, std::string{"\x1f"}, long_text()}) {
    EXPECT_EQ(all_of(*bytes_of(text), 1'000), text);
  }
}

TEST(ByteSource, DecompressesGzip) {
  const auto text = long_text();
  const auto packed = compressed(text);
  EXPECT_EQ(all_of(*bytes_of(packed), 1'000), text);
  EXPECT_EQ(all_of(*bytes_of(compressed("")), 10), "");
  const auto two = compressed("one,") + compressed("two");
  EXPECT_EQ(all_of(*bytes_of(two), 3), "one,two") << "members follow each other";
}

TEST(ByteSource, SaysThatGzipIsDamaged) {
  const auto packed = compressed(long_text());
  for (const std::size_t length :
       {std::size_t{2}, std::size_t{9}, packed.size() / 2, packed.size() - 1}) {
    const auto cut = packed.substr(0, length);
    const auto read = all_of(*bytes_of(cut, "a.csv.gz"), 1'000);
    ASSERT_FALSE(read.has_value()) << length;
    EXPECT_THAT(read.error().message, HasSubstr("a.csv.gz is a damaged gzip file"));
    EXPECT_THAT(read.error().message, HasSubstr("ends in the middle"));
  }
  auto wrong = packed;
  wrong[packed.size() - 6] = static_cast<char>(wrong[packed.size() - 6] ^ 1); // of the checksum
  EXPECT_FALSE(all_of(*bytes_of(wrong), 1'000).has_value());
  const auto followed = packed + "more";
  EXPECT_FALSE(all_of(*bytes_of(followed), 1'000).has_value());
}

TEST(ByteSource, NamesTheFileThatCannotBeRead) {
  const auto missing = open_bytes("/nowhere/at-all.csv");
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error().message, HasSubstr("/nowhere/at-all.csv: No such file"));
  const auto folder = open_bytes("/");
  ASSERT_TRUE(folder.has_value());
  EXPECT_FALSE(all_of(**folder, 10).has_value());
}

} // namespace
} // namespace berth::sim
