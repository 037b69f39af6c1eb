#include "model/failure.hpp"

#include <cctype>
#include <set>

#include <gtest/gtest.h>

namespace berth::model {
namespace {

TEST(Failure, EveryCodeOfTheCatalogueIsWhole) {
  std::set<errc> codes;
  std::set<std::string_view> names;
  errc last{};
  for (const auto& line : error_catalogue()) {
    EXPECT_TRUE(codes.insert(line.code).second) << line.name;
    EXPECT_TRUE(names.insert(line.name).second) << line.name;
    EXPECT_LT(last, line.code) << "numbers rise: " << line.name;
    last = line.code;
    EXPECT_GE(line.http_status, 400) << line.name;
    EXPECT_LT(line.http_status, 600) << line.name;
    for (const auto text : {line.meaning, line.remedy}) {
      ASSERT_FALSE(text.empty()) << line.name;
      EXPECT_TRUE(std::islower(static_cast<unsigned char>(text.front()))) << text;
      EXPECT_NE(text.back(), '.') << text;
    }
    EXPECT_EQ(&describe(line.code), &line);
    EXPECT_EQ(to_string(line.code), line.name);
    EXPECT_EQ(errc_from_number(static_cast<std::uint16_t>(line.code)), line.code);
  }
  EXPECT_FALSE(codes.empty());
}

TEST(Failure, UnknownNumbersAreNoCode) {
  EXPECT_FALSE(errc_from_number(0).has_value());
  EXPECT_FALSE(errc_from_number(1).has_value());
  EXPECT_FALSE(errc_from_number(65535).has_value());
}

TEST(Failure, FailCarriesItsDetails) {
  const result<int> failed = fail(errc::device_in_use, "device x is owned", {{"owner", "y"}});
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error(), (failure{errc::device_in_use, "device x is owned", {{"owner", "y"}}}));
}

} // namespace
} // namespace berth::model
