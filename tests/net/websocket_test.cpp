#include "net/websocket_client.hpp"
#include "net_fixture.hpp"

#include <gmock/gmock.h>

namespace berth::net::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using kind = websocket_end::kind;

/// One end of a WebSocket and everything it heard.
struct peer {
  inbox<websocket_ptr> opened;
  inbox<std::string> frames;
  inbox<websocket_end> ended;
  inbox<error> failed;

  websocket_handlers handlers() {
    return {[this](const websocket_ptr& ws) { opened.put(ws); },
            [this](std::string frame) { frames.put(std::move(frame)); },
            [this](const websocket_end& why) { ended.put(why); }};
  }
};

class WebSocket : public server_fixture {
protected:
  void SetUp() override {
    options.stop_grace = 5s;
    handlers.on_upgrade = [this](request asked, upgrader up) {
      if (asked.path != "/link")
        return up.refuse(response::with(403, "text/plain", "not here"));
      up.accept(there.handlers(), server_limits);
    };
  }
  void TearDown() override { // nothing may call back into `here` and `there` afterwards
    pool.stop();
  }
  void connect(std::optional<client_tls> tls = {}, std::string target = "/link") {
    websocket_client_options o;
    o.where = where();
    o.target = std::move(target);
    o.tls = std::move(tls);
    o.limits = client_limits;
    o.connect_timeout = connect_timeout;
    const auto started = connect_websocket(pool, o, here.handlers(),
                                           [this](error why) { here.failed.put(std::move(why)); });
    ASSERT_TRUE(started) << started.error().message;
  }

  peer here;
  peer there;
  websocket_limits server_limits;
  websocket_limits client_limits;
  std::chrono::milliseconds connect_timeout = 20s;
};

TEST_F(WebSocket, CarriesFramesBothWaysOverMutualTls) {
  use_tls();
  start();
  connect(presenting(pki.path(), "gpu-1"));
  const auto mine = here.opened.take();
  const auto theirs = there.opened.take();
  EXPECT_TRUE(mine->connection().tls);
  ASSERT_TRUE(theirs->connection().certificate);
  EXPECT_EQ(host_of(theirs->connection().certificate->uri_names), "gpu-1");
  std::string large(300'000, 'x');
  large[5] = '\0';
  EXPECT_TRUE(mine->send("hello"));
  EXPECT_TRUE(mine->send(large));
  EXPECT_EQ(there.frames.take(), "hello");
  EXPECT_EQ(there.frames.take(), large);
  for (int i = 0; i < 1'000; ++i)
    EXPECT_TRUE(theirs->send(std::to_string(i)));
  for (int i = 0; i < 1'000; ++i)
    ASSERT_EQ(here.frames.take(), std::to_string(i));
  mine->close(1000, "bye");
  EXPECT_EQ(here.ended.take().why, kind::closed_by_us);
  const auto end = there.ended.take();
  EXPECT_EQ(end.why, kind::closed_by_peer);
  EXPECT_EQ(end.code, 1000);
  EXPECT_EQ(end.message, "bye");
  EXPECT_FALSE(mine->send("late"));
}

TEST_F(WebSocket, CloseComesBehindWhatWasQueued) {
  start();
  connect();
  const auto mine = here.opened.take();
  for (int i = 0; i < 200; ++i)
    EXPECT_TRUE(mine->send(std::string(10'000, 'x')));
  mine->close();
  EXPECT_EQ(there.ended.take().why, kind::closed_by_peer);
  EXPECT_EQ(there.frames.size(), 200U);
}

TEST_F(WebSocket, RefusalIsPrecise) {
  start();
  connect({}, "/elsewhere");
  const auto why = here.failed.take();
  EXPECT_EQ(why.code, errc::upgrade_refused);
  EXPECT_THAT(why.message, HasSubstr("status 403"));
}

TEST_F(WebSocket, UpgradeMayBeDecidedLater) {
  inbox<upgrader> waiting;
  handlers.on_upgrade = [&](request, upgrader up) { waiting.put(std::move(up)); };
  start();
  connect();
  waiting.take().accept(there.handlers());
  here.opened.take()->send("x");
  EXPECT_EQ(there.frames.take(), "x");
  connect();
  { const auto dropped = waiting.take(); }
  EXPECT_THAT(here.failed.take().message, HasSubstr("status 500"));
}

TEST_F(WebSocket, WithoutHandlerIs404) {
  handlers.on_upgrade = nullptr;
  start();
  connect();
  EXPECT_THAT(here.failed.take().message, HasSubstr("status 404"));
}

TEST_F(WebSocket, FrameOverTheCapCloses1009) {
  server_limits.frame_bytes_max = 1'000;
  start();
  connect();
  const auto mine = here.opened.take();
  EXPECT_TRUE(mine->send(std::string(1'000, 'x')));
  EXPECT_EQ(there.frames.take().size(), 1'000U);
  EXPECT_TRUE(mine->send(std::string(1'001, 'x')));
  EXPECT_EQ(there.ended.take().why, kind::too_large);
  const auto end = here.ended.take();
  EXPECT_EQ(end.why, kind::closed_by_peer);
  EXPECT_EQ(end.code, 1009);
}

TEST_F(WebSocket, SlowReaderIsClosedByTheByteBound) {
  server_limits.queue_bytes_max = 256 * 1024;
  start();
  raw_client raw(server->port(), 4'096);
  raw.send("GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_THAT(raw.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
  const auto theirs = there.opened.take();
  const std::string frame(32 * 1024, 'x');
  int accepted = 0;
  while (theirs->send(frame) && accepted < 100'000) {
    ++accepted;
    EXPECT_LE(theirs->queued_bytes(), 256U * 1024);
  }
  const auto end = there.ended.take();
  EXPECT_EQ(end.why, kind::too_slow);
  EXPECT_THAT(end.message, HasSubstr("too slow"));
  EXPECT_FALSE(theirs->send("x"));
}

TEST_F(WebSocket, SilentPeerTimesOutButPingedOneStays) {
  server_limits.idle_timeout = 500ms;
  start();
  connect(); // answers pings
  const auto mine = here.opened.take();
  const auto kept = there.opened.take();
  raw_client silent(server->port()); // does not
  silent.send("GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const auto end = there.ended.take();
  EXPECT_EQ(end.why, kind::timed_out);
  EXPECT_TRUE(kept->send("still here"));
  EXPECT_EQ(here.frames.take(), "still here");
}

TEST_F(WebSocket, TextFramesAndProtocolErrorsClose) {
  server_limits.handshake_timeout = 300ms; // and of closing: these peers never close
  start();
  const std::string upgrade =
      "GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  raw_client text(server->port());
  text.send(upgrade);
  text.read_until("\r\n\r\n");
  text.send(std::string("\x81\x81\x00\x00\x00\x00x", 7));
  text.read_until("only binary");
  text.send(std::string("\x88\x80\x00\x00\x00\x00", 6));
  EXPECT_EQ(there.ended.take().why, kind::protocol);

  raw_client garbage(server->port());
  garbage.send(upgrade);
  garbage.read_until("\r\n\r\n");
  garbage.send(std::string(64, '\xff'));
  EXPECT_EQ(there.ended.take().why, kind::protocol);

  raw_client gone(server->port());
  gone.send(upgrade);
  gone.read_until("\r\n\r\n");
  gone.finish_sending();
  EXPECT_EQ(there.ended.take().why, kind::lost);
}

TEST_F(WebSocket, BadUpgradeIsRefusedByStatus) {
  start();
  raw_client old(server->port());
  old.send("GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_THAT(old.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 426 "));
  raw_client early(server->port());
  early.send("GET /link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
             "too early");
  EXPECT_THAT(early.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(WebSocket, HandshakeWithASilentServerTimesOut) {
  inbox<upgrader> held;
  handlers.on_upgrade = [&](request, upgrader up) { held.put(std::move(up)); };
  client_limits.handshake_timeout = 40ms;
  start();
  connect();
  const auto why = here.failed.take();
  EXPECT_EQ(why.code, errc::timed_out);
  EXPECT_THAT(why.message, HasSubstr("took too long"));
}

TEST_F(WebSocket, TlsHandshakeWithASilentServerTimesOut) {
  make_authority(pki.path());
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); // accepts, says nothing
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), 0);
  websocket_client_options o;
  o.where = {"127.0.0.1", ntohs(at.sin_port)};
  o.tls = trusting(pki.path());
  o.connect_timeout = 40ms;
  ASSERT_TRUE(connect_websocket(pool, o, here.handlers(),
                                [this](error why) { here.failed.put(std::move(why)); }));
  EXPECT_EQ(here.failed.take().code, errc::timed_out);
  ::close(listener);
}

TEST_F(WebSocket, WrongServerNameIsRefused) {
  use_tls();
  start();
  auto files = presenting(pki.path(), "gpu-1");
  files.server_name = "controller-2.example";
  connect(files);
  const auto why = here.failed.take();
  EXPECT_EQ(why.code, errc::bad_certificate);
  EXPECT_THAT(why.message, HasSubstr("hostname mismatch"));
}

TEST_F(WebSocket, CancelledAttemptStaysSilent) {
  inbox<upgrader> waiting;
  handlers.on_upgrade = [&](request, upgrader up) { waiting.put(std::move(up)); };
  start();
  websocket_client_options o;
  o.where = where();
  o.target = "/link";
  auto attempt = connect_websocket(pool, o, here.handlers(),
                                   [this](error why) { here.failed.put(std::move(why)); });
  ASSERT_TRUE(attempt);
  auto late = waiting.take();
  attempt->cancel();
  late.accept(there.handlers());
  there.ended.take();
  pool.stop();
  EXPECT_EQ(here.opened.size(), 0U);
  EXPECT_EQ(here.failed.size(), 0U);
  EXPECT_EQ(here.ended.size(), 0U);
}

TEST_F(WebSocket, StopSaysGoodbye) {
  start();
  connect();
  here.opened.take();
  there.opened.take();
  server->stop();
  const auto end = here.ended.take();
  EXPECT_EQ(end.why, kind::closed_by_peer);
  EXPECT_EQ(end.code, 1001);
  EXPECT_EQ(there.ended.size(), 1U);
  EXPECT_EQ(server->counters().connections, 0U);
}

} // namespace
} // namespace berth::net::testing
