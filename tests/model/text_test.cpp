#include "model/text.hpp"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace berth::model {
namespace {

TEST(Text, CaseDoesNotMatter) {
  EXPECT_TRUE(equals_ignoring_case("GeForce", "gEFORCE"));
  EXPECT_FALSE(equals_ignoring_case("GeForce", "GeForce "));
  EXPECT_TRUE(contains_ignoring_case("NVIDIA A100-SXM4-80GB", "a100"));
  EXPECT_TRUE(contains_ignoring_case("x", ""));
  EXPECT_TRUE(contains_ignoring_case("", ""));
  EXPECT_FALSE(contains_ignoring_case("A10", "A100"));
  EXPECT_EQ(to_lower("AbC-1"), "abc-1");
}

TEST(Text, NamesAreSafeEverywhere) {
  for (const auto* good : {"a", "vm-1", "a.b_c-D", "0"}) {
    EXPECT_TRUE(is_name(good)) << good;
  }
  for (const auto* bad : {"", "-a", ".a", "a b", "a/b", "a\n", "ä", "a%"}) {
    EXPECT_FALSE(is_name(bad)) << bad;
  }
  EXPECT_TRUE(is_name(std::string(128, 'a')));
  EXPECT_FALSE(is_name(std::string(129, 'a')));
  EXPECT_FALSE(is_name("abc", 2));
}

TEST(NearestName, FindsSlips) {
  constexpr std::array<std::string_view, 4> keys{"disable_gpu", "use_boot_vga", "name", "listen"};
  EXPECT_EQ(nearest_name("disabel_gpu", keys), "disable_gpu");
  EXPECT_EQ(nearest_name("disable-gpu", keys), "disable_gpu");
  EXPECT_EQ(nearest_name("LISTEN", keys), "listen");
  EXPECT_EQ(nearest_name("nmae", keys), "name") << "a swap is one edit";
  EXPECT_EQ(nearest_name("zebra", keys), std::nullopt);
  EXPECT_EQ(nearest_name("", keys), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(100'000, 'a'), keys), std::nullopt);
}

TEST(NearestName, FirstOfEqualsWins) {
  const std::vector<std::string> keys{"abd", "abe"};
  EXPECT_EQ(nearest_name("abc", keys), "abd");
}

} // namespace
} // namespace berth::model
