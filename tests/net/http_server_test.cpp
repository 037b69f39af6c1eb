#include "net_fixture.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <thread>

namespace berth::net::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view simple_get = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

class HttpServer : public server_fixture {};

TEST_F(HttpServer, AnswersOverOneKeptConnection) {
  start();
  auto c = client();
  for (int i = 0; i < 3; ++i) {
    const auto answer = c.request({"POST", "/v1/x%20y?a=1", {}, "body"});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST /v1/x y body");
  }
  EXPECT_EQ(server->counters().accepted_total, 1U);
  EXPECT_EQ(server->counters().requests_total, 3U);
}

TEST_F(HttpServer, GivesHandlerDecodedTargetHeadersAndPeer) {
  inbox<request> seen;
  handlers.on_request = [&](request asked, responder reply) {
    seen.put(std::move(asked));
    reply.send({});
  };
  start();
  raw_client raw(server->port());
  raw.send("GET /p%2fq/?name=a+b&flag&x=%3D HTTP/1.1\r\nHost: x\r\nX-Thing:  value \r\n\r\n");
  raw.read_until("\r\n\r\n");
  const auto asked = seen.take();
  EXPECT_EQ(asked.path, "/p/q/");
  EXPECT_EQ(asked.query.find("name"), "a b");
  EXPECT_EQ(asked.query.find("flag"), "");
  EXPECT_EQ(asked.query.find("x"), "=");
  EXPECT_EQ(asked.query.find("y"), std::nullopt);
  EXPECT_EQ(asked.headers["x-tHING"], "value");
  EXPECT_EQ(asked.connection->peer_address, "127.0.0.1");
  EXPECT_FALSE(asked.connection->tls);
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrder) {
  std::vector<std::thread> workers;
  handlers.on_request = [&](request asked, responder reply) {
    if (asked.path == "/slow") // answered from elsewhere, later than the handler returns
      workers.emplace_back([reply = std::move(reply), path = asked.path]() mutable {
        reply.send(response::with(200, "text/plain", "<" + path + ">"));
      });
    else
      reply.send(response::with(200, "text/plain", "<" + asked.path + ">"));
  };
  start();
  raw_client raw(server->port());
  std::string burst;
  for (const char* path : {"/1", "/slow", "/2", "/slow", "/3"})
    burst += std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
  raw.send(burst);
  const auto got = raw.read_until(">", 5);
  server->stop();
  for (auto& worker : workers)
    worker.join();
  std::string order;
  for (auto at = got.find('<'); at != std::string::npos; at = got.find('<', at + 1))
    order += got.substr(at, got.find('>', at) - at + 1);
  EXPECT_EQ(order, "</1></slow></2></slow></3>");
}

TEST_F(HttpServer, ManyPipelinedRequestsDoNotNest) {
  start();
  raw_client raw(server->port());
  std::string burst;
  for (int i = 0; i < 20'000; ++i)
    burst += simple_get;
  std::thread sender([&] { raw.send(burst); });
  const auto got = raw.read_until("GET /a ", 20'000);
  sender.join();
  EXPECT_THAT(got, EndsWith("GET /a "));
}

TEST_F(HttpServer, RefusesMalformedRequests) {
  start();
  for (const std::string_view bad :
       {"nonsense\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nHost x\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /?a=%0 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01"}) {
    raw_client raw(server->port());
    raw.send(bad);
    EXPECT_THAT(raw.read_all(), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << bad;
  }
  EXPECT_TRUE(client().request({})); // and the service goes on
}

TEST_F(HttpServer, RefusesTooMuch) {
  options.header_bytes_max = 1'000;
  options.body_bytes_max = 100;
  start();
  raw_client head(server->port());
  head.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(2'000, 'x'));
  EXPECT_THAT(head.read_all(), StartsWith("HTTP/1.1 431 "));

  raw_client announced(server->port());
  announced.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
  EXPECT_THAT(announced.read_all(), StartsWith("HTTP/1.1 413 "));

  raw_client chunked(server->port());
  chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i)
    chunked.send("28\r\n" + std::string(40, 'x') + "\r\n");
  EXPECT_THAT(chunked.read_all(), StartsWith("HTTP/1.1 413 "));

  auto c = client();
  const auto at_limit = c.request({"POST", "/", {}, std::string(100, 'x')});
  ASSERT_TRUE(at_limit) << at_limit.error().message;
  EXPECT_EQ(at_limit->status, 200);
  // A sender that has much more to say still hears the answer, not a reset.
  const auto over = c.request({"POST", "/", {}, std::string(3'000'000, 'x')});
  ASSERT_TRUE(over) << over.error().message;
  EXPECT_EQ(over->status, 413);
}

TEST_F(HttpServer, MakesItsErrorsAsTold) {
  handlers.make_error = [](int status, const std::string& message) {
    return response::with(status, "application/json", "{\"" + message + "\"}");
  };
  start();
  raw_client raw(server->port());
  raw.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(raw.read_all(), EndsWith("{\"the Host header is missing\"}"));
}

TEST_F(HttpServer, SlowHeadAndSlowBodyTimeOut) {
  options.header_timeout = 40ms;
  options.body_timeout = 40ms;
  start();
  raw_client head(server->port());
  head.send("GET / HTTP/1.1\r\n");
  EXPECT_THAT(head.read_all(), StartsWith("HTTP/1.1 408 "));
  raw_client body(server->port());
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n123");
  EXPECT_THAT(body.read_all(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServer, IdleConnectionIsClosedSilently) {
  options.idle_timeout = 300ms;
  start();
  raw_client never(server->port());
  EXPECT_EQ(never.read_all(), "");
  raw_client once(server->port());
  once.send(simple_get);
  EXPECT_THAT(once.read_all(), EndsWith("GET /a "));
}

TEST_F(HttpServer, ReaderThatTakesNothingIsClosed) {
  options.write_timeout = 40ms;
  handlers.on_request = [](request, responder reply) {
    reply.send(response::with(200, "text/plain", std::string(32U << 20U, 'x')));
  };
  start();
  raw_client raw(server->port(), 4'096);
  raw.send(simple_get);
  raw.read_until("\r\n\r\n");
  const auto until = std::chrono::steady_clock::now() + patience;
  while (server->counters().connections > 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(server->counters().connections, 0U);
}

TEST_F(HttpServer, DroppedResponderAnswers500) {
  handlers.on_request = [](request, responder) {};
  start();
  auto c = client();
  const auto answer = c.request({});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 500);
}

TEST_F(HttpServer, HandlerThatTakesTooLongIsAnsweredFor) {
  options.answer_timeout = 40ms;
  inbox<responder> waiting;
  handlers.on_request = [&](request asked, responder reply) {
    if (asked.path == "/slow")
      waiting.put(std::move(reply));
    else
      reply.send({});
  };
  start();
  auto c = client();
  const auto late = c.request({"GET", "/slow", {}, ""});
  ASSERT_TRUE(late) << late.error().message;
  EXPECT_EQ(late->status, 504);
  waiting.take().send(response::with(200, "text/plain", "too late"));
  const auto next = c.request({});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->body, "");
  EXPECT_EQ(server->counters().accepted_total, 1U);
}

TEST_F(HttpServer, AnswerAfterClientLeftIsHarmless) {
  options.stop_grace = 10ms;
  inbox<responder> waiting;
  handlers.on_request = [&](request, responder reply) { waiting.put(std::move(reply)); };
  start();
  {
    raw_client raw(server->port());
    raw.send(simple_get);
    auto reply = waiting.take();
    raw.finish_sending(); // half closed: it still wants the answer
    reply.send(response::with(200, "text/plain", "late"));
    EXPECT_THAT(raw.read_all(), EndsWith("late"));
  }
  responder orphan;
  {
    raw_client raw(server->port());
    raw.send(simple_get);
    orphan = waiting.take();
  }
  server->stop();
  orphan.send({});
}

TEST_F(HttpServer, HonoursCloseAndHttp10AndHead) {
  start();
  raw_client close(server->port());
  close.send("GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(close.read_all(), HasSubstr("Connection: close\r\n"));
  raw_client old(server->port());
  old.send("GET /o HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.read_all(), StartsWith("HTTP/1.0 200 OK\r\n"));
  auto c = client();
  const auto head = c.request({"HEAD", "/h", {}, ""});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->headers["content-length"], "8");
  EXPECT_EQ(head->body, "");
  EXPECT_TRUE(c.request({}));
  EXPECT_EQ(server->counters().accepted_total, 3U);
}

TEST_F(HttpServer, SaysContinueToThoseWhoAsk) {
  start();
  raw_client raw(server->port());
  raw.send("PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(raw.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  raw.send("abc");
  EXPECT_THAT(raw.read_until("PUT /e abc"), EndsWith("PUT /e abc"));
}

TEST_F(HttpServer, ValuesCannotForgeHeaders) {
  handlers.on_request = [](request, responder reply) {
    response r;
    r.headers.add("X-Note", "a\r\nSet-Cookie: b");
    reply.send(std::move(r));
  };
  start();
  raw_client raw(server->port());
  raw.send(simple_get);
  EXPECT_THAT(raw.read_until("\r\n\r\n"), Not(HasSubstr("\nSet-Cookie")));
}

TEST_F(HttpServer, OverTheMaximumAnswers503) {
  options.connections_max = 1;
  start();
  raw_client first(server->port());
  first.send(simple_get);
  first.read_until("GET /a ");
  raw_client second(server->port());
  EXPECT_THAT(second.read_all(), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server->counters().refused_total, 1U);
}

TEST_F(HttpServer, ResumesWhenDescriptorsAreBack) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "UBSan's check of virtual calls needs descriptors itself";
#endif
  start();
  raw_client raw; // has its descriptor already
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  raw.connect(server->port());
  raw.send(simple_get);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (server->counters().accept_failures_total < 2 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_GE(server->counters().accept_failures_total, 2U);
  EXPECT_LT(server->counters().accept_failures_total, 1'000U); // it paused in between
  EXPECT_THAT(raw.read_until("GET /a "), EndsWith("GET /a "));
}

TEST_F(HttpServer, StopsWithConnectionsInEveryState) {
  inbox<responder> waiting;
  options.stop_grace = 20ms;
  handlers.on_request = [&](request, responder reply) { waiting.put(std::move(reply)); };
  start();
  raw_client idle(server->port());
  raw_client partial(server->port());
  partial.send("GET / HT");
  raw_client pending(server->port());
  pending.send(simple_get);
  const auto held = waiting.take();
  server->stop();
  EXPECT_EQ(server->counters().connections, 0U);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_EQ(pending.read_all(), "");
  EXPECT_THROW(raw_client(server->port()), std::runtime_error);
}

TEST_F(HttpServer, StopLetsAnswersUnderWayFinish) {
  inbox<responder> waiting;
  options.stop_grace = 20s;
  handlers.on_request = [&](request, responder reply) { waiting.put(std::move(reply)); };
  start();
  raw_client pending(server->port());
  pending.send(simple_get);
  auto held = waiting.take();
  std::thread stopping([&] { server->stop(); });
  held.send(response::with(200, "text/plain", "done"));
  EXPECT_THAT(pending.read_all(), EndsWith("done"));
  pending.finish_sending();
  stopping.join();
}

TEST_F(HttpServer, PoolMayStopFirst) {
  inbox<responder> waiting;
  handlers.on_request = [&](request, responder reply) { waiting.put(std::move(reply)); };
  start();
  raw_client pending(server->port());
  pending.send(simple_get);
  auto held = waiting.take();
  pool.stop();
  held.send({});
  server->stop();
  EXPECT_EQ(pending.read_all(), "");
}

TEST_F(HttpServer, PortTakenIsNamed) {
  start();
  http_server_options again;
  again.port = server->port();
  const auto second = http_server::listen(pool, again, handlers);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "cannot listen on 127.0.0.1:" + std::to_string(server->port()) +
                                        ": address already in use");
}

} // namespace
} // namespace berth::net::testing
