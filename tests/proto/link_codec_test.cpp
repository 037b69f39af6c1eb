#include "proto/link_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proto/random_model.hpp"

namespace berth::proto {
namespace {

using model::errc;
using testing::HasSubstr;
using to_host_frame = model::link_frame<model::to_host>;
using from_host_frame = model::link_frame<model::from_host>;

TEST(LinkCodec, EveryMessageToAHostComesBackEqual) {
  model::random dice{21};
  for (std::size_t kind = 0; kind < std::variant_size_v<model::to_host>; ++kind) {
    for (int round = 0; round < 100; ++round) {
      const to_host_frame frame{proto_test::random_header(dice),
                                proto_test::random_to_host(dice, kind)};
      const auto bytes = encode(frame);
      ASSERT_TRUE(bytes);
      const auto back = decode_to_host(*bytes);
      ASSERT_TRUE(back) << back.error().message;
      ASSERT_EQ(*back, frame) << "kind " << kind << ", round " << round;
    }
  }
}

TEST(LinkCodec, EveryMessageFromAHostComesBackEqual) {
  model::random dice{22};
  for (std::size_t kind = 0; kind < std::variant_size_v<model::from_host>; ++kind) {
    for (int round = 0; round < 100; ++round) {
      const from_host_frame frame{proto_test::random_header(dice),
                                  proto_test::random_from_host(dice, kind)};
      const auto bytes = encode(frame);
      ASSERT_TRUE(bytes);
      const auto back = decode_from_host(*bytes);
      ASSERT_TRUE(back) << back.error().message;
      ASSERT_EQ(*back, frame) << "kind " << kind << ", round " << round;
    }
  }
}

model::failure refused(std::string_view bytes) {
  const auto frame = decode_from_host(bytes);
  EXPECT_FALSE(frame);
  return frame ? model::failure{} : frame.error();
}

model::failure refused(model::from_host message) {
  const auto bytes = encode(from_host_frame{{}, std::move(message)});
  EXPECT_TRUE(bytes);
  return refused(*bytes);
}

TEST(LinkCodec, GarbageIsRefused) {
  EXPECT_EQ(refused("GET / HTTP/1.1\r\n").code, errc::invalid_argument);
  EXPECT_EQ(refused("").message, "link frame: header is missing");
}

TEST(LinkCodec, FrameWithoutAKnownMessageIsRefused) {
  const std::string header = "\x0A\x12\x0A\x10" + std::string(16, 'i');
  EXPECT_THAT(refused(header).message, HasSubstr("message is missing"));
  EXPECT_THAT(refused(header + std::string{"\x9A\x06\x00", 3}).message,
              HasSubstr("message is missing or of a kind"));
}

TEST(LinkCodec, UnknownFieldIsIgnored) {
  auto bytes = encode(from_host_frame{{}, model::link_heartbeat{}});
  ASSERT_TRUE(bytes);
  EXPECT_TRUE(decode_from_host(*bytes + "\xF8\x3F\x01"));
}

TEST(LinkCodec, TextMustBeUtf8) {
  for (const std::string bad : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82",
                                "\xF8\x88\x80\x80\x80", "a\x80"}) {
    model::observed_state report;
    report.servers = {{{}, model::server_status::ready, ""},
                      {{}, model::server_status::ready, bad}};
    const auto why = refused(report);
    EXPECT_EQ(why.code, errc::invalid_argument);
    EXPECT_EQ(why.message, "link frame: observed_state.servers[1].reason is not UTF-8");
  }
}

TEST(LinkCodec, PciAddressIsBounded) {
  model::link_hello hello;
  hello.info.devices.resize(1);
  hello.info.devices[0].address.device = 32;
  EXPECT_EQ(refused(hello).message,
            "link frame: link_hello.info.devices[0].address.device is 32, must be at most 31");
  hello.info.devices[0].address = {0, 0, 0, 8};
  EXPECT_EQ(refused(hello).message,
            "link frame: link_hello.info.devices[0].address.function is 8, must be at most 7");
  hello.info.devices[0].address = {};
  hello.info.devices[0].class_code = 1U << 24U;
  EXPECT_THAT(refused(hello).message, HasSubstr("class_code is 16777216"));
}

TEST(LinkCodec, FrameCapHoldsInBothDirections) {
  model::observed_state report;
  report.servers = {{{}, model::server_status::ready, std::string(frame_bytes_max, 'x')}};
  const auto bytes = encode(from_host_frame{{}, report});
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, errc::too_large);
  EXPECT_THAT(bytes.error().message, HasSubstr("must be at most 1048576"));

  EXPECT_EQ(refused(std::string(frame_bytes_max + 1, '\0')).code, errc::too_large);
}

TEST(LinkCodec, AnyBytesGiveAValueOrAFailure) {
  model::random dice{77};
  for (int round = 0; round < 3000; ++round) {
    const auto kind = dice.below(std::variant_size_v<model::from_host>);
    auto bytes = encode(
        from_host_frame{proto_test::random_header(dice), proto_test::random_from_host(dice, kind)});
    ASSERT_TRUE(bytes);
    for (std::uint64_t flips = 1 + dice.below(3); flips > 0; --flips)
      (*bytes)[dice.below(bytes->size())] ^= static_cast<char>(1U << dice.below(8));
    if (const auto frame = decode_from_host(*bytes))
      EXPECT_EQ(*decode_from_host(*encode(*frame)), *frame);
    else
      EXPECT_THAT(frame.error().message, HasSubstr("link frame"));
  }
}

} // namespace
} // namespace berth::proto
