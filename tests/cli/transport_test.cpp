#include <atomic>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/transport.hpp"
#include "net/http_server.hpp"

namespace berth::cli {
namespace {

using ::testing::HasSubstr;

/// A real server on a port of the kernel's choosing.
class Transport : public ::testing::Test {
protected:
  void SetUp() override {
    net::http_handlers handlers;
    handlers.on_request = [this](net::request request, net::responder answer) {
      seen_authorization = std::string{request.headers["Authorization"]};
      if (request.path == "/silent") {
        held = std::make_unique<net::responder>(std::move(answer));
        return;
      }
      if (request.path == "/events") {
        auto stream = answer.stream(net::response::with(200, "text/event-stream", ""));
        stream.write("data: 1\n\n");
        stream.close();
        return;
      }
      auto reply = net::response::with(
          request.path == "/busy" ? 429 : 200, "application/json",
          fmt::format("{} {} {}", request.method, request.target, request.body));
      reply.headers.add("Retry-After", "3");
      answer.send(std::move(reply));
    };
    auto listening = net::http_server::listen(pool, {}, std::move(handlers));
    ASSERT_TRUE(listening) << listening.error().message;
    server = std::move(*listening);
    options.controller = fmt::format("http://127.0.0.1:{}", server->port());
  }

  void TearDown() override {
    held.reset();
    server.reset();
    pool.stop();
  }

  net::io_pool pool;
  std::unique_ptr<net::http_server> server;
  std::unique_ptr<net::responder> held;
  std::string seen_authorization;
  connection_options options;
};

class token_file {
public:
  explicit token_file(const std::string& text)
      : path_(fmt::format("{}berth-token-{}", ::testing::TempDir(),
                          reinterpret_cast<std::uintptr_t>(this))) {
    std::ofstream{path_} << text;
  }
  token_file(const token_file&) = delete;
  token_file& operator=(const token_file&) = delete;
  ~token_file() { std::remove(path_.c_str()); }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_;
};

TEST_F(Transport, SendsAndReceives) {
  auto door = make_transport(options).value();
  const auto got = door->exchange(
      {.method = "POST", .target = "/v1/x?a=b%20c", .body = "{}", .headers = {{"X-A", "1"}}});
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "POST /v1/x?a=b%20c {}");
  EXPECT_EQ(seen_authorization, "");
  const auto busy = door->exchange({.target = "/busy"});
  ASSERT_TRUE(busy);
  EXPECT_EQ(busy->status, 429);
  EXPECT_EQ(busy->retry_after, "3");
}

TEST_F(Transport, Streams) {
  auto door = make_transport(options).value();
  std::string body;
  const auto got = door->stream({.target = "/events"}, [&](std::string_view bytes) {
    body += bytes;
    return true;
  });
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(body, "data: 1\n\n");
}

TEST_F(Transport, TokenComesFromItsFile) {
  const token_file file{"  s3cret\n"};
  options.token_file = file.path();
  auto door = make_transport(options).value();
  ASSERT_TRUE(door->exchange({.target = "/x"}));
  EXPECT_EQ(seen_authorization, "Bearer s3cret");
}

TEST_F(Transport, SilenceIsAnUnknownOutcome) {
  options.timeout = std::chrono::milliseconds{200};
  auto door = make_transport(options).value();
  const auto got = door->exchange({.method = "POST", .target = "/silent"});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, exit_code::unknown);
}

TEST_F(Transport, NobodyThereIsUnreachable) {
  server->stop();
  auto door = make_transport(options).value();
  const auto got = door->exchange({.target = "/x"});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, exit_code::unreachable);
  EXPECT_THAT(got.error().message, HasSubstr("is berth-controller running?"));
}

TEST(TransportOptions, SenselessOnesAreRefused) {
  const auto message = [](const connection_options& options) {
    const auto got = make_transport(options);
    return got ? std::string{"accepted"} : got.error().message;
  };
  EXPECT_THAT(message({.controller = "ftp://x"}), HasSubstr("must be a URL"));
  EXPECT_THAT(message({.controller = "http://"}), HasSubstr("must be a URL"));
  EXPECT_THAT(message({.token_file = "/nonexistent"}),
              HasSubstr("/nonexistent cannot be read or holds no token"));
  const token_file two{"admin s3cret\n"};
  EXPECT_THAT(message({.token_file = two.path()}), HasSubstr("more than one word"));
  EXPECT_THAT(message({.token_file = two.path()}), ::testing::Not(HasSubstr("s3cret")));
  const token_file one{"s3cret"};
  EXPECT_THAT(message({.controller = "http://10.0.0.1:8750", .token_file = one.path()}),
              HasSubstr("in the clear"));
  EXPECT_EQ(message({.controller = "127.0.0.1:8750"}), "accepted");
}

} // namespace
} // namespace berth::cli
