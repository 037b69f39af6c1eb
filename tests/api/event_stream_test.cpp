#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/api/fake_cluster.hpp"

namespace berth::api {
namespace {

using testing::bench;
using ::testing::HasSubstr;
using testing::make_request;
using testing::memory_stream;
using ::testing::Not;

model::event removed(std::uint64_t n) {
  return model::server_removed{model::server_id{model::uuid::from_random(0, n)}};
}

std::shared_ptr<memory_stream> open_stream(bench& b, request req) {
  const auto answer = b.call(std::move(req));
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.content_type, "text/event-stream");
  auto stream = std::make_shared<memory_stream>();
  answer.stream(stream);
  return stream;
}

TEST(EventStream, SendsWhatIsThereAndThenWhatComes) {
  bench b;
  b.cluster.append(removed(1));
  const auto stream = open_stream(b, make_request("GET", "/v1/events"));
  EXPECT_THAT(stream->text, HasSubstr("id: 1\nevent: server_removed\ndata: {\"sequence\":1,"));
  stream->text.clear();
  b.cluster.append(removed(2));
  EXPECT_THAT(stream->text, HasSubstr("id: 2\n"));
  EXPECT_THAT(stream->text, Not(HasSubstr("id: 1\n")));
  EXPECT_FALSE(stream->closed);
}

TEST(EventStream, StartsWhereAsked) {
  bench b;
  for (std::uint64_t n = 1; n <= 5; ++n) {
    b.cluster.append(removed(n));
  }
  EXPECT_THAT(open_stream(b, make_request("GET", "/v1/events?from=4"))->text,
              ::testing::StartsWith("id: 4\n"));
}

TEST(EventStream, LastEventIdWinsOverFrom) {
  bench b;
  for (std::uint64_t n = 1; n <= 5; ++n) {
    b.cluster.append(removed(n));
  }
  auto req = make_request("GET", "/v1/events?from=2");
  req.last_event_id = "4";
  EXPECT_THAT(open_stream(b, std::move(req))->text, ::testing::StartsWith("id: 5\n"));
  for (const char* bad : {"", "x", "-1", "18446744073709551615"}) {
    auto wrong = make_request("GET", "/v1/events");
    wrong.last_event_id = bad;
    EXPECT_EQ(b.call(std::move(wrong)).status, 400) << bad;
  }
}

TEST(EventStream, ManyEventsComeWholeAndInOrder) {
  bench b;
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    b.cluster.append(removed(n));
  }
  const auto stream = open_stream(b, make_request("GET", "/v1/events?follow=false"));
  std::size_t at = 0;
  for (std::uint64_t n = 1; n <= 1000; ++n) {
    at = stream->text.find("id: " + std::to_string(n) + "\n", at);
    ASSERT_NE(at, std::string::npos) << n;
  }
  EXPECT_TRUE(stream->closed);
}

TEST(EventStream, WaitsForALaggingReader) {
  bench b;
  for (std::uint64_t n = 1; n <= 600; ++n) {
    b.cluster.append(removed(n));
  }
  const auto answer = b.call("GET", "/v1/events");
  const auto stream = std::make_shared<memory_stream>();
  stream->queued = event_stream::queue_high + 1;
  answer.stream(stream);
  EXPECT_THAT(stream->text, HasSubstr("id: 256\n"));
  EXPECT_THAT(stream->text, Not(HasSubstr("id: 257\n")));
  b.cluster.append(removed(601)); // wakes nobody who lags
  b.under_test.resume_streams();
  EXPECT_THAT(stream->text, Not(HasSubstr("id: 257\n")));
  stream->queued = 0;
  b.under_test.resume_streams();
  EXPECT_THAT(stream->text, HasSubstr("id: 601\n"));
}

TEST(EventStream, CompactedEventsAreGone) {
  bench b;
  b.cluster.oldest = 10;
  const auto answer = b.call("GET", "/v1/events?from=3");
  EXPECT_EQ(answer.status, 410);
  EXPECT_THAT(answer.body, HasSubstr("\"oldest\":\"10\""));
}

TEST(EventStream, AFailureInMidStreamIsToldAndEndsIt) {
  bench b;
  const auto stream = open_stream(b, make_request("GET", "/v1/events"));
  b.cluster.refuse = model::failure{model::errc::store_failed, "disk gone"};
  b.cluster.append(removed(1));
  EXPECT_THAT(stream->text, HasSubstr("event: error\ndata: {\"code\":500"));
  EXPECT_TRUE(stream->closed);
}

TEST(EventStream, EndsWithItsConnection) {
  bench b;
  const auto stream = open_stream(b, make_request("GET", "/v1/events"));
  EXPECT_THAT(b.call("GET", "/metrics").body, HasSubstr("berth_event_streams 1\n"));
  EXPECT_FALSE(b.cluster.listeners.front().expired());
  stream->disconnect();
  EXPECT_TRUE(b.cluster.listeners.front().expired());
  EXPECT_THAT(b.call("GET", "/metrics").body, HasSubstr("berth_event_streams 0\n"));
}

TEST(EventStream, HeartbeatsAreComments) {
  bench b;
  const auto stream = open_stream(b, make_request("GET", "/v1/events"));
  b.under_test.heartbeat();
  EXPECT_EQ(stream->text, ": keep-alive\n\n");
}

} // namespace
} // namespace berth::api
