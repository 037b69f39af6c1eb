#include "proto/snapshot_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proto/random_model.hpp"

namespace berth::proto {
namespace {

std::vector<model::snapshot_item> items_of(std::string_view chunk) {
  std::vector<model::snapshot_item> items;
  const auto read = decode_chunk(chunk, [&](model::snapshot_item&& item) -> model::result<void> {
    items.push_back(std::move(item));
    return {};
  });
  EXPECT_TRUE(read) << read.error().message;
  return items;
}

TEST(SnapshotCodec, EveryKindOfItemComesBackEqual) {
  model::random dice{11};
  std::vector<model::snapshot_item> items;
  std::string chunk;
  for (int round = 0; round < 100; ++round) {
    for (std::size_t kind = 0; kind < std::variant_size_v<model::snapshot_item>; ++kind) {
      items.push_back(proto_test::random_item(dice, kind));
      append_to_chunk(items.back(), chunk);
    }
  }
  EXPECT_EQ(items_of(chunk), items);
}

TEST(SnapshotCodec, ChunksMayBeJoined) {
  std::string first;
  std::string second;
  append_to_chunk(model::snapshot_meta{5, 2}, first);
  append_to_chunk(model::snapshot_answer{"key", 1, 200, "{}", {}}, second);
  EXPECT_EQ(items_of(first + second).size(), 2U);
}

TEST(SnapshotCodec, VisitorsFailureIsPassedOn) {
  std::string chunk;
  append_to_chunk(model::snapshot_meta{5, 2}, chunk);
  const auto read = decode_chunk(chunk, [](model::snapshot_item&&) -> model::result<void> {
    return model::fail(model::errc::internal, "told so");
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "told so");
}

TEST(SnapshotCodec, DamageIsNamed) {
  const auto visit = [](model::snapshot_item&&) -> model::result<void> { return {}; };
  auto read = decode_chunk({"\x0A\x02\x0A", 3}, visit);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, model::errc::store_corrupt);
  EXPECT_EQ(read.error().message, "item 1 of the chunk: the bytes are cut short");

  read = decode_chunk({"\x0A\x00", 2}, visit);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "item 1 of the chunk: snapshot item: item is missing");

  read = decode_chunk({"\x0A\x03\x9A\x06\x00", 5}, visit);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, model::errc::store_too_new);
}

} // namespace
} // namespace berth::proto
