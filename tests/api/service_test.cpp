#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/service.hpp"
#include "net/http_client.hpp"
#include "tests/api/fake_cluster.hpp"

namespace berth::api {
namespace {

using ::testing::HasSubstr;

/// The API on a port of the kernel's choice. The fake cluster is used on the one I/O thread only.
class Service : public ::testing::Test {
protected:
  void start(authenticator auth = authenticator::open()) {
    service_options options;
    options.http.body_bytes_max = 4096;
    options.auth = std::move(auth);
    auto made = service::start({pool_, cluster_, live_, snapshot_}, std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    service_ = *std::move(made);
  }
  void TearDown() override {
    service_.reset();
    pool_.stop();
  }
  net::http_client client(std::string token = {}) {
    net::http_client_options options;
    options.where = {"127.0.0.1", service_->port()};
    options.bearer_token = std::move(token);
    return net::http_client{std::move(options)};
  }
  net::response call(std::string method, std::string target, std::string body = {},
                     std::string key = {}) {
    net::client_request req{std::move(method), std::move(target), {}, std::move(body)};
    if (!key.empty()) {
      req.headers.add("Idempotency-Key", key);
    }
    auto answer = client().request(std::move(req));
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or(net::response{});
  }
  void append(model::event what) {
    pool_.post([this, what] { cluster_.append(what); });
  }

  testing::fake_cluster cluster_;
  metrics::registry live_{metrics::process::controller};
  metrics::snapshot_slot snapshot_;
  net::io_pool pool_{1};
  std::unique_ptr<service> service_;
};

TEST_F(Service, AnswersOverTheWire) {
  start();
  const auto created = call("POST", "/v1/servers", R"({"name":"web"})");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.headers["Content-Type"], "application/json");
  EXPECT_THAT(created.body, HasSubstr("\"name\":\"web\""));
  EXPECT_EQ(call("GET", "/v1/isolated-devices?model=GeForce%20GTX&gpu").status, 200);
  EXPECT_EQ(call("GET", "/v1/servers/we%62").status, 200);
  EXPECT_THAT(call("GET", "/metrics").body, HasSubstr("berth_http_connections 1\n"));
}

TEST_F(Service, CarriesTheHeadersThatMatter) {
  start(authenticator::parse("admin 0123456789abcdef\n").value());
  EXPECT_EQ(call("GET", "/v1/usage").status, 401);
  EXPECT_EQ(call("GET", "/v1/usage").headers["WWW-Authenticate"], "Bearer realm=\"berth\"");
  EXPECT_EQ(client("0123456789abcdef").request({"GET", "/v1/usage", {}, {}})->status, 200);
}

TEST_F(Service, RemembersAnIdempotencyKey) {
  start();
  const auto first = call("POST", "/v1/servers", "{}", "k");
  const auto second = call("POST", "/v1/servers", "{}", "k");
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(second.headers["Idempotency-Replayed"], "true");
}

TEST_F(Service, RefusesLargeBodiesInItsOwnWords) {
  start();
  const auto answer = call("POST", "/v1/servers", std::string(5000, ' '));
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("\"class\":\"too_large\""));
  EXPECT_EQ(call("POST", "/v1/servers", "{}").status, 201);
}

TEST_F(Service, StreamsEventsAsTheyCome) {
  start();
  append(model::controller_started{1, "0.1.0"});
  std::string text;
  auto streamed = client().stream({"GET", "/v1/events", {}, {}}, [&](std::string_view bytes) {
    text += bytes;
    if (text.find("id: 2\n") != std::string::npos) {
      return false; // hang up
    }
    if (text.find("id: 1\n") != std::string::npos) {
      append(model::controller_started{2, "0.1.0"});
    }
    return true;
  });
  EXPECT_TRUE(streamed) << streamed.error().message;
  EXPECT_THAT(text, HasSubstr("event: controller_started\ndata: {\"sequence\":2,"));
}

TEST_F(Service, StoppingEndsOpenStreams) {
  start();
  append(model::controller_started{1, "0.1.0"});
  std::promise<void> seen;
  auto reader = std::async(std::launch::async, [&] {
    bool told = false;
    return client().stream({"GET", "/v1/events", {}, {}}, [&](std::string_view) {
      if (!std::exchange(told, true)) {
        seen.set_value();
      }
      return true;
    });
  });
  seen.get_future().wait();
  service_->stop();
  EXPECT_TRUE(reader.get());
}

TEST_F(Service, ListensInTheOpenOnlyWithTlsAndTokens) {
  service_options options;
  options.http.address = "0.0.0.0";
  const auto made = service::start({pool_, cluster_, live_, snapshot_}, std::move(options));
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("refusing to listen on 0.0.0.0"));
}

} // namespace
} // namespace berth::api
