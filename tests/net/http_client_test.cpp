#include "net/async_http_client.hpp"
#include "net_fixture.hpp"

#include <atomic>
#include <gmock/gmock.h>
#include <thread>

namespace berth::net::testing {
namespace {

using ::testing::HasSubstr;

class HttpClient : public server_fixture {};

/// A port on which nobody listens, at least for the moment.
std::uint16_t unused_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error("no port");
  ::close(fd);
  return ntohs(at.sin_port);
}

TEST_F(HttpClient, RefusedConnectionGivesTheHint) {
  http_client_options o;
  o.where = {"127.0.0.1", unused_port()};
  o.refused_hint = "is berth-controller running?";
  http_client c(o);
  const auto answer = c.request({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::refused);
  EXPECT_EQ(answer.error().message, "cannot connect to " + to_string(o.where) +
                                        ": connection refused; is berth-controller running?");
}

TEST_F(HttpClient, SendsBearerTokenAndHeaders) {
  inbox<request> seen;
  handlers.on_request = [&](request asked, responder reply) {
    seen.put(std::move(asked));
    reply.send({});
  };
  start();
  http_client_options o;
  o.where = {"localhost", server->port()}; // by name: through the resolver
  o.bearer_token = "secret";
  http_client c(o);
  client_request call;
  call.headers.add("Idempotency-Key", "k1");
  const auto answer = c.request(call);
  ASSERT_TRUE(answer) << answer.error().message;
  const auto asked = seen.take();
  EXPECT_EQ(asked.headers["authorization"], "Bearer secret");
  EXPECT_EQ(asked.headers["idempotency-key"], "k1");
  EXPECT_EQ(asked.headers["host"], to_string(o.where));
}

TEST_F(HttpClient, TimesOutAndRecovers) {
  inbox<responder> held;
  options.stop_grace = 10ms;
  handlers.on_request = [&](request asked, responder reply) {
    if (asked.path == "/hang")
      held.put(std::move(reply));
    else
      reply.send({});
  };
  start();
  http_client_options o;
  o.where = where();
  o.request_timeout = 40ms;
  http_client c(o);
  const auto answer = c.request({"GET", "/hang", {}, ""});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::timed_out);
  EXPECT_THAT(answer.error().message, HasSubstr("may or may not have acted"));
  o.request_timeout = 20s;
  http_client patient(o);
  EXPECT_TRUE(patient.request({}));
}

TEST_F(HttpClient, ReconnectsAfterServerClosedAnIdleConnection) {
  options.idle_timeout = 300ms;
  start();
  auto c = client();
  ASSERT_TRUE(c.request({}));
  const auto until = std::chrono::steady_clock::now() + patience;
  while (server->counters().connections > 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  const auto again = c.request({"POST", "/", {}, "x"});
  EXPECT_TRUE(again) << again.error().message;
  EXPECT_EQ(server->counters().accepted_total, 2U);
}

TEST_F(HttpClient, StreamsABody) {
  handlers.on_request = [](request, responder reply) {
    response head;
    head.headers.add("Content-Type", "text/event-stream");
    auto body = reply.stream(std::move(head));
    for (int i = 0; i < 3; ++i)
      body.write("data: " + std::to_string(i) + "\n\n");
    body.close();
  };
  start();
  auto c = client();
  std::string got;
  const auto answer = c.stream({}, [&](std::string_view bytes) {
    got += bytes;
    return true;
  });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->headers["content-type"], "text/event-stream");
  EXPECT_EQ(got, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  EXPECT_TRUE(c.request({}));
  EXPECT_EQ(server->counters().accepted_total, 1U);
}

TEST_F(HttpClient, HangsUpFromAStream) {
  inbox<int> gone;
  inbox<response_stream> streams;
  handlers.on_request = [&](request, responder reply) {
    auto body = reply.stream({});
    body.on_closed([&] { gone.put(1); });
    body.write("first");
    streams.put(body);
  };
  start();
  auto c = client();
  std::string got;
  const auto answer = c.stream({}, [&](std::string_view bytes) {
    got += bytes;
    return false;
  });
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(got, "first");
  EXPECT_EQ(gone.take(), 1);
  EXPECT_FALSE(streams.take().write("second"));
}

TEST_F(HttpClient, StreamOverItsBoundIsGivenUp) {
  inbox<int> gone;
  inbox<response_stream> streams;
  handlers.on_request = [&](request, responder reply) {
    auto body = reply.stream({}, 64 * 1024);
    body.on_closed([&] { gone.put(1); });
    streams.put(body);
  };
  start();
  raw_client raw(server->port(), 4'096); // reads nothing
  raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  auto body = streams.take();
  const std::string piece(16 * 1024, 'x');
  int accepted = 0;
  while (body.write(piece) && accepted < 100'000) {
    ++accepted;
    EXPECT_LE(body.queued_bytes(), 64U * 1024);
  }
  EXPECT_LT(accepted, 100'000);
}

TEST_F(HttpClient, WritersOfAStreamMayBeAnywhere) {
  inbox<response_stream> streams;
  handlers.on_request = [&](request, responder reply) {
    streams.put(reply.stream({}, 64U << 20U));
  };
  start();
  std::thread writer([&] {
    auto body = streams.take();
    for (int i = 0; i < 2'000; ++i)
      EXPECT_TRUE(body.write("0123456789"));
  }); // the last handle goes: the body ends
  auto c = client();
  std::size_t got = 0;
  const auto answer = c.stream({}, [&](std::string_view bytes) {
    got += bytes.size();
    return true;
  });
  writer.join();
  EXPECT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(got, 20'000U);
}

// --- many at once -----------------------------------------------------------------------------

class AsyncHttpClient : public server_fixture {
protected:
  std::unique_ptr<async_http_client> make(async_http_client_options o) {
    o.where = where();
    auto made = async_http_client::create(pool, o);
    if (!made)
      throw std::runtime_error(made.error().message);
    return std::move(*made);
  }
};

TEST_F(AsyncHttpClient, AnswersEveryCallOnce) {
  start();
  async_http_client_options o;
  o.connections = 8;
  auto c = make(o);
  inbox<std::string> bodies;
  for (int i = 0; i < 500; ++i)
    ASSERT_TRUE(c->submit({"POST", "/", {}, std::to_string(i)}, [&](result<response> answer) {
      bodies.put(answer ? answer->body : answer.error().message);
    }));
  std::vector<bool> seen(500);
  for (int i = 0; i < 500; ++i) {
    const auto body = bodies.take();
    ASSERT_THAT(body, HasSubstr("POST / "));
    const auto number = std::stoul(body.substr(7));
    EXPECT_FALSE(seen.at(number));
    seen[number] = true;
  }
  EXPECT_EQ(c->outstanding(), 0U);
  EXPECT_LE(server->counters().accepted_total, 8U);
}

TEST_F(AsyncHttpClient, OverTls) {
  use_tls();
  start();
  async_http_client_options o;
  o.connections = 4;
  o.tls = presenting(pki.path(), "gpu-1");
  auto c = make(o);
  inbox<int> codes;
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(c->submit({"POST", "/", {}, std::string(50'000, 'x')}, [&](result<response> a) {
      codes.put(a && a->body.size() > 50'000 ? a->status : -1);
    }));
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(codes.take(), 200);
}

TEST_F(AsyncHttpClient, OverSeveralLanesWithAnswersFromElsewhere) {
  io_pool lanes(3);
  inbox<responder> waiting;
  handlers.on_request = [&](request, responder reply) { waiting.put(std::move(reply)); };
  auto made = http_server::listen(lanes, options, handlers);
  ASSERT_TRUE(made) << made.error().message;
  server = std::move(*made);
  std::thread worker([&] {
    for (int i = 0; i < 300; ++i)
      waiting.take().send(response::with(200, "text/plain", "x"));
  });
  async_http_client_options o;
  o.where = where();
  o.connections = 7;
  auto c = async_http_client::create(lanes, o);
  ASSERT_TRUE(c) << c.error().message;
  inbox<int> codes;
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE((*c)->submit({}, [&](result<response> a) { codes.put(a ? a->status : -1); }));
  for (int i = 0; i < 300; ++i)
    EXPECT_EQ(codes.take(), 200);
  worker.join();
  server->stop();
  EXPECT_EQ(server->counters().connections, 0U);
}

TEST_F(AsyncHttpClient, IsBounded) {
  inbox<responder> held;
  options.stop_grace = 10ms;
  handlers.on_request = [&](request, responder reply) { held.put(std::move(reply)); };
  start();
  async_http_client_options o;
  o.connections = 1;
  o.outstanding_max = 2;
  auto c = make(o);
  inbox<result<response>> answers;
  const auto put = [&](result<response> a) { answers.put(std::move(a)); };
  EXPECT_TRUE(c->submit({}, put));
  EXPECT_TRUE(c->submit({}, put));
  EXPECT_FALSE(c->submit({}, put));
  const auto reply = held.take();
  c->stop(); // one is with the server, one waits
  EXPECT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers.take().error().code, errc::stopped);
  EXPECT_EQ(answers.take().error().code, errc::stopped);
  EXPECT_FALSE(c->submit({}, put));
}

TEST_F(AsyncHttpClient, TimesOutOneCallOnly) {
  inbox<responder> held;
  options.stop_grace = 10ms;
  handlers.on_request = [&](request asked, responder reply) {
    if (asked.path == "/hang")
      held.put(std::move(reply));
    else
      reply.send({});
  };
  start();
  async_http_client_options o;
  o.connections = 1;
  o.request_timeout = 500ms;
  auto c = make(o);
  inbox<result<response>> answers;
  const auto put = [&](result<response> a) { answers.put(std::move(a)); };
  ASSERT_TRUE(c->submit({"GET", "/hang", {}, ""}, put));
  ASSERT_TRUE(c->submit({"GET", "/", {}, ""}, put));
  EXPECT_EQ(answers.take().error().code, errc::timed_out);
  const auto second = answers.take();
  EXPECT_TRUE(second) << second.error().message;
}

} // namespace
} // namespace berth::net::testing
