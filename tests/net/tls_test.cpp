#include "net_fixture.hpp"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>

namespace berth::net::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Tls : public server_fixture {
protected:
  void SetUp() override {
    use_tls();
    handlers.on_request = [this](request asked, responder reply) {
      seen.put(*asked.connection);
      reply.send(response::with(200, "text/plain", "over tls"));
    };
  }
  inbox<connection_info> seen;
};

TEST_F(Tls, PlainAndTlsShareThePort) {
  start();
  auto secure = tls_client(trusting(pki.path()));
  for (int i = 0; i < 3; ++i) {
    const auto answer = secure.request({"POST", "/", {}, std::string(100'000, 'x')});
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->body, "over tls");
    const auto info = seen.take();
    EXPECT_TRUE(info.tls);
    EXPECT_FALSE(info.certificate); // none was presented
  }
  EXPECT_EQ(server->counters().accepted_total, 1U);
  ASSERT_TRUE(client().request({}));
  EXPECT_FALSE(seen.take().tls);
}

TEST_F(Tls, HandlerSeesVerifiedNames) {
  start();
  auto c = tls_client(presenting(pki.path(), "gpu-1"));
  const auto answer = c.request({});
  ASSERT_TRUE(answer) << answer.error().message;
  const auto info = seen.take();
  ASSERT_TRUE(info.certificate);
  EXPECT_THAT(info.certificate->uri_names, ElementsAre("berth-host:gpu-1"));
  EXPECT_THAT(info.certificate->dns_names, ElementsAre("gpu-1.example"));
  EXPECT_THAT(info.certificate->subject, HasSubstr("CN=gpu-1"));
  EXPECT_EQ(host_of(info.certificate->uri_names), "gpu-1");
}

TEST_F(Tls, ClientOfAnotherAuthorityIsRefused) {
  start();
  temp_dir foreign;
  make_authority(foreign.path());
  auto files = presenting(foreign.path(), "gpu-1");
  files.ca_file = pki.path() / "ca.crt"; // trusts us, but is not one of us
  auto c = tls_client(files);
  const auto answer = c.request({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::bad_certificate) << answer.error().message;
  EXPECT_THAT(answer.error().message, HasSubstr("refused our certificate"));
  EXPECT_EQ(seen.size(), 0U);
  // The alert reaches the client before the server has counted.
  for (int i = 0; i < 1'000'000 && server->counters().handshake_failures_total == 0; ++i)
    std::this_thread::yield();
  EXPECT_EQ(server->counters().handshake_failures_total, 1U);
  server->stop();
}

TEST_F(Tls, ServerOfAnotherAuthorityIsRefused) {
  start();
  temp_dir foreign;
  make_authority(foreign.path());
  auto c = tls_client(trusting(foreign.path()));
  const auto answer = c.request({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::bad_certificate);
  EXPECT_THAT(answer.error().message, HasSubstr("is not trusted: "));
}

TEST_F(Tls, ServerOfAnotherNameIsRefused) {
  start();
  auto files = trusting(pki.path());
  files.server_name = "other.example";
  auto wrong = tls_client(files);
  const auto answer = wrong.request({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::bad_certificate);
  EXPECT_THAT(answer.error().message, HasSubstr("hostname mismatch"));
  files.server_name = "localhost";
  auto right = tls_client(files);
  EXPECT_TRUE(right.request({}));
}

TEST_F(Tls, PlainIsRefusedWhereNotAllowed) {
  options.plain_allowed = false;
  start();
  raw_client raw(server->port());
  raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto got = raw.read_all();
  EXPECT_THAT(got, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(got, HasSubstr("wants TLS"));
  auto secure = tls_client(trusting(pki.path()));
  EXPECT_TRUE(secure.request({}));
}

TEST_F(Tls, TlsToPlainPortIsExplained) {
  options.tls.reset();
  start();
  auto secure = tls_client(trusting(pki.path()));
  const auto answer = secure.request({});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, errc::tls_failed);
  EXPECT_THAT(answer.error().message, HasSubstr("does not speak TLS"));
}

TEST_F(Tls, GarbageDoesNotDisturbHealthyPeers) {
  start();
  std::vector<http_client> healthy;
  for (int i = 0; i < 20; ++i) {
    healthy.push_back(tls_client(presenting(pki.path(), "gpu-1")));
    ASSERT_TRUE(healthy.back().request({}));
  }
  const std::string records[] = {
      std::string("\x16\x03\x01\xff\xff") + std::string(200, '\x01'),
      std::string("\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff", 10),
      std::string("\x16\x03\x03\x00\x00", 5),
      std::string(3'000, '\x16'),
  };
  for (int round = 0; round < 50; ++round) {
    raw_client raw(server->port());
    raw.send(records[static_cast<std::size_t>(round) % std::size(records)]);
    if (round % 4 == 0)
      raw.read_all(); // cut off at once; the others leave by themselves
  }
  for (auto& each : healthy)
    EXPECT_TRUE(each.request({}));
  EXPECT_EQ(server->counters().accepted_total, 70U); // nobody had to come back
  EXPECT_GT(server->counters().handshake_failures_total, 0U);
}

TEST_F(Tls, SilentHandshakeTimesOut) {
  options.handshake_timeout = 40ms;
  start();
  raw_client silent(server->port());
  EXPECT_EQ(silent.read_all(), "");
  raw_client half(server->port());
  half.send(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_EQ(half.read_all(), "");
  EXPECT_EQ(server->counters().handshake_failures_total, 1U);
}

TEST_F(Tls, ReloadTakesNewCertificatesAndKeepsOldOnFailure) {
  temp_dir live;
  const auto install = [&](const std::filesystem::path& from) {
    for (const char* file : {"controller.crt", "controller.key", "ca.crt"})
      std::filesystem::copy_file(from / file, live.path() / file,
                                 std::filesystem::copy_options::overwrite_existing);
  };
  install(pki.path());
  options.tls = server_tls{live.path() / "controller.crt", live.path() / "controller.key",
                           live.path() / "ca.crt"};
  start();
  auto before = tls_client(trusting(pki.path()));
  ASSERT_TRUE(before.request({}));

  std::ofstream(live.path() / "controller.crt") << "not a certificate";
  const auto failed = server->reload_certificates();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, errc::file);
  EXPECT_THAT(failed.error().message, HasSubstr("controller.crt"));
  auto still = tls_client(trusting(pki.path()));
  EXPECT_TRUE(still.request({}));

  temp_dir renewed;
  make_authority(renewed.path());
  install(renewed.path());
  ASSERT_TRUE(server->reload_certificates());
  auto after = tls_client(trusting(renewed.path()));
  EXPECT_TRUE(after.request({}));
  EXPECT_TRUE(before.request({})); // its connection lives on
}

TEST_F(Tls, MissingFilesAreNamed) {
  options.tls->key_file = "/nowhere/x.key";
  const auto made = http_server::listen(pool, options, handlers);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("/nowhere/x.key"));
}

// --- the authority ----------------------------------------------------------------------------

TEST(Pki, KeysArePrivateAndNothingIsOverwritten) {
  const temp_dir dir;
  ASSERT_TRUE(create_authority(dir.path() / "pki"));
  const auto again = create_authority(dir.path() / "pki");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::exists);
  const auto host =
      issue(dir.path() / "pki", "gpu-1", {"10.0.0.1", "::1", "a.b"}, certificate_role::host);
  ASSERT_TRUE(host) << host.error().message;
  const auto twice = issue(dir.path() / "pki", "gpu-1", {}, certificate_role::host);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, errc::exists);
  for (const char* key : {"ca.key", "gpu-1.key"}) {
    struct stat facts {};
    ASSERT_EQ(::stat((dir.path() / "pki" / key).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U) << key;
  }
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path() / "pki"))
    ++files;
  EXPECT_EQ(files, 4U); // no temporary is left
}

TEST(Pki, RefusesNamesThatAreNone) {
  const temp_dir dir;
  EXPECT_FALSE(issue(dir.path(), "x", {}, certificate_role::client)); // no authority yet
  ASSERT_TRUE(create_authority(dir.path()));
  for (const char* name : {"", "ca", "../x", "a/b", ".x", "a b"})
    EXPECT_FALSE(issue(dir.path(), name, {}, certificate_role::client)) << name;
  for (const char* name : {"", "a,URI:berth-host:other", "a b", "1:x"})
    EXPECT_FALSE(issue(dir.path(), "fine", {name}, certificate_role::client)) << name;
}

} // namespace
} // namespace berth::net::testing
