#include "model/ids.hpp"

#include <unordered_set>

#include <gtest/gtest.h>

#include "model/random.hpp"

namespace berth::model {
namespace {

TEST(Uuid, ParsesAndPrintsTheOneForm) {
  const auto id = uuid::parse("0A1b2c3D-4e5f-6071-8293-a4b5c6d7e8F9");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->bytes()[0], 0x0a);
  EXPECT_EQ(id->bytes()[15], 0xf9);
  EXPECT_EQ(to_string(*id), "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9");
}

TEST(Uuid, RefusesEverythingElse) {
  for (const auto* text :
       {"", "0a1b2c3d", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f",
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9 ", "{0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9}",
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg",
        "0a1b2c3d-4e5f-6071-8293_a4b5c6d7e8f9", "0a1b2c3d44e5f-6071-8293-a4b5c6d7e8f9",
        "-a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"}) {
    EXPECT_FALSE(uuid::parse(text).has_value()) << text;
  }
}

TEST(Uuid, RoundTripsAnyValue) {
  random dice{7};
  for (int i = 0; i < 1000; ++i) {
    const auto id = uuid::from_random(dice.next(), dice.next());
    EXPECT_EQ(uuid::parse(to_string(id)), id);
    EXPECT_EQ(uuid::from_bytes(id.bytes()), id);
    EXPECT_EQ(id.bytes()[6] >> 4U, 4);
    EXPECT_EQ(id.bytes()[8] >> 6U, 2);
  }
}

TEST(Uuid, IsOrderedAsItsBytesAndItsText) {
  random dice{8};
  for (int i = 0; i < 1000; ++i) {
    // Few different values, so that ids share their beginnings.
    const uuid a{dice.below(3) << 62U, dice.below(3) << 56U};
    const uuid b{dice.below(3) << 62U, dice.below(3) << 56U};
    EXPECT_EQ(a < b, a.bytes() < b.bytes());
    EXPECT_EQ(a < b, to_string(a) < to_string(b));
    EXPECT_EQ(a == b, a.bytes() == b.bytes());
  }
}

TEST(Uuid, BytesAreInTheOrderOfTheText) {
  const auto id = *uuid::parse("00010203-0405-0607-0809-0a0b0c0d0e0f");
  const auto bytes = id.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(bytes[i], i);
  }
}

TEST(Uuid, DeriveIsStableAndSeparatesSpaces) {
  const auto space = *uuid::parse("00000000-0000-0000-0000-000000000001");
  const auto other = *uuid::parse("00000000-0000-0000-0000-000000000002");
  const auto a = uuid::derive(space, "0000:41:00.0");
  EXPECT_EQ(a, uuid::derive(space, "0000:41:00.0"));
  EXPECT_NE(a, uuid::derive(space, "0000:41:00.1"));
  EXPECT_NE(a, uuid::derive(other, "0000:41:00.0"));
  EXPECT_EQ(a.bytes()[6] >> 4U, 8);
  EXPECT_EQ(a.bytes()[8] >> 6U, 2);
  // Stores and tests hold derived ids: this answer must never change.
  EXPECT_EQ(to_string(a), "f9ddffbe-5c7d-8d31-8dce-34f5cd9586b1");
}

TEST(Uuid, DeriveKeepsManyNamesApart) {
  std::unordered_set<uuid> seen;
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_TRUE(seen.insert(uuid::derive(uuid{}, "host-" + std::to_string(i))).second) << i;
  }
}

TEST(StrongId, ParsesLikeUuid) {
  const auto id = server_id::parse("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9");
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(to_string(*id), "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9");
  EXPECT_FALSE(server_id::parse("x").has_value());
  EXPECT_TRUE(server_id{}.is_nil());
  EXPECT_FALSE(id->is_nil());
}

} // namespace
} // namespace berth::model
