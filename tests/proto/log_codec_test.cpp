#include "proto/log_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proto/random_model.hpp"

namespace berth::proto {
namespace {

using model::errc;
using testing::HasSubstr;

constexpr std::size_t event_kinds = std::variant_size_v<model::event>;

TEST(LogCodec, EveryKindOfEventComesBackEqual) {
  model::random dice{20260101};
  for (std::size_t kind = 0; kind < event_kinds; ++kind) {
    for (int round = 0; round < 200; ++round) {
      model::log_record record = proto_test::random_record(dice, dice.next());
      record.what = proto_test::random_event(dice, kind);
      const auto back = decode_log_record(encode(record));
      ASSERT_TRUE(back) << back.error().message;
      ASSERT_EQ(*back, record) << "kind " << kind << ", round " << round;
    }
  }
}

TEST(LogCodec, TheSameRecordGivesTheSameBytes) {
  model::random dice{7};
  for (int round = 0; round < 300; ++round) {
    const auto record = proto_test::random_record(dice, dice.next());
    const std::string bytes = encode(record);
    EXPECT_EQ(encode(record), bytes);
    EXPECT_EQ(encode(*decode_log_record(bytes)), bytes);
  }
}

TEST(LogCodec, ALogOfBeforeSaysNothingOfItsSchedulersAndPlans) {
  // Sequence 1, at 0, controller_started of epoch 3 by "v": as written before there was more.
  const std::string started{"\x08\x01\x11\0\0\0\0\0\0\0\0\x1a\x05\x08\x03\x12\x01v", 18};
  const model::log_record older{1, {}, model::controller_started{3, "v"}};
  const auto back = decode_log_record(started);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, older);
  EXPECT_EQ(encode(older), started) << "nothing is written for what is not known";
}

TEST(LogCodec, TextThatIsNotUtf8SurvivesTheLog) {
  const model::log_record record{
      1, {}, model::device_state_reported{{}, model::device_state::lost, "\xFF\xFE", 0, "\x80"}};
  const auto back = decode_log_record(encode(record));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, record);
}

TEST(LogCodec, BatchGivesItsRecordsInOrderUntilTheVisitorStops) {
  model::random dice{3};
  std::vector<model::log_record> records;
  std::string batch;
  for (model::sequence_number i = 1; i <= 50; ++i) {
    records.push_back(proto_test::random_record(dice, i));
    append_to_batch(records.back(), batch);
  }
  std::vector<model::log_record> back;
  ASSERT_TRUE(decode_batch(batch, [&](model::log_record&& record) {
    back.push_back(std::move(record));
    return true;
  }));
  EXPECT_EQ(back, records);

  std::size_t seen = 0;
  ASSERT_TRUE(decode_batch(batch, [&](model::log_record&&) { return ++seen < 7; }));
  EXPECT_EQ(seen, 7U);
}

TEST(LogCodec, CutBatchNamesTheRecord) {
  std::string batch;
  append_to_batch({1, {}, model::server_removed{}}, batch);
  append_to_batch({2, {}, model::server_removed{}}, batch);
  batch.pop_back();
  const auto read = decode_batch(batch, [](model::log_record&&) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, errc::store_corrupt);
  EXPECT_EQ(read.error().message, "record 2 of the batch: the bytes are cut short");
}

model::failure refused(std::string_view bytes) {
  const auto record = decode_log_record(bytes);
  EXPECT_FALSE(record);
  return record ? model::failure{} : record.error();
}

TEST(LogCodec, EmptyRecordHasNoEvent) {
  const auto why = refused("");
  EXPECT_EQ(why.code, errc::store_corrupt);
  EXPECT_EQ(why.message, "log record: event is missing");
}

TEST(LogCodec, UnknownEventKindIsANewerVersion) {
  // Field 99, length 0: an event kind that does not exist yet.
  const auto why = refused({"\x08\x01\x9A\x06\x00", 5});
  EXPECT_EQ(why.code, errc::store_too_new);
  EXPECT_THAT(why.message, HasSubstr("a newer berth wrote it"));
}

TEST(LogCodec, UnknownFieldDeepInsideIsANewerVersion) {
  // host_removed (field 7) with field 2 besides its host.
  std::string body = "\x0A\x10" + std::string(16, 'h') + "\x10\x05";
  const auto why = refused("\x3A" + std::string(1, static_cast<char>(body.size())) + body);
  EXPECT_EQ(why.code, errc::store_too_new);
  EXPECT_THAT(why.message, HasSubstr("host_removed has a field"));
}

TEST(LogCodec, UnknownWordIsANewerVersion) {
  // host_status_changed (field 5): host, status = 9.
  std::string body = "\x0A\x10" + std::string(16, 'h') + "\x10\x09";
  const auto why = refused("\x2A" + std::string(1, static_cast<char>(body.size())) + body);
  EXPECT_EQ(why.code, errc::store_too_new);
  EXPECT_THAT(why.message, HasSubstr("host_status_changed.status has the value 9"));
}

TEST(LogCodec, MissingWordAndWrongIdentifierAreNamed) {
  std::string body = "\x0A\x10" + std::string(16, 'h');
  auto why = refused("\x2A" + std::string(1, static_cast<char>(body.size())) + body);
  EXPECT_EQ(why.code, errc::store_corrupt);
  EXPECT_EQ(why.message, "log record: host_status_changed.status is missing");

  why = refused(std::string("\x3A\x05\x0A\x03") + "abc");
  EXPECT_EQ(why.code, errc::store_corrupt);
  EXPECT_EQ(why.message, "log record: host_removed.host is an identifier of 3 bytes, must be 16");
}

TEST(LogCodec, NumberOutOfRangeIsNamed) {
  // request_answered (field 18): http_status = 65536.
  const auto why = refused({"\x92\x01\x04\x18\x80\x80\x04", 7});
  EXPECT_EQ(why.code, errc::store_corrupt);
  EXPECT_EQ(why.message,
            "log record: request_answered.http_status is 65536, must be at most 65535");
}

TEST(LogCodec, AnyBytesGiveAValueOrAFailure) {
  model::random dice{99};
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = encode(proto_test::random_record(dice, dice.next()));
    for (std::uint64_t flips = 1 + dice.below(3); flips > 0; --flips)
      bytes[dice.below(bytes.size())] ^= static_cast<char>(1U << dice.below(8));
    bytes.resize(bytes.size() - dice.below(std::min<std::uint64_t>(bytes.size(), 4)));
    if (const auto record = decode_log_record(bytes))
      EXPECT_EQ(*decode_log_record(encode(*record)), *record);
    else
      EXPECT_FALSE(record.error().message.empty());
  }
}

} // namespace
} // namespace berth::proto
