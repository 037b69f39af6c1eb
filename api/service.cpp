#include "api/service.hpp"

#include <atomic>
#include <chrono>

#include "api/listen_policy.hpp"
#include "api/router.hpp"
#include "net/url.hpp"

namespace berth::api {

namespace {

constexpr std::chrono::milliseconds tick{100};
constexpr std::uint64_t ticks_per_heartbeat = 150; // 15 s

model::failure to_failure(const net::error& error) {
  return {model::errc::invalid_argument, error.message, {{"network", net::to_string(error.code)}}};
}

std::optional<std::string> header(const net::request& req, std::string_view name) {
  const auto value = req.headers.find(name);
  return value ? std::optional{std::string{*value}} : std::nullopt;
}

request from_net(net::request given) {
  request req;
  req.authorization = header(given, "Authorization");
  req.idempotency_key = header(given, "Idempotency-Key");
  req.last_event_id = header(given, "Last-Event-ID");
  req.method = std::move(given.method);
  req.path = std::move(given.path);
  req.query = given.query.items();
  req.body = std::move(given.body);
  return req;
}

net::response to_net(response what) {
  auto answer = net::response::with(what.status, what.content_type, std::move(what.body));
  for (const auto& [name, value] : what.headers) {
    answer.headers.add(name, value);
  }
  return answer;
}

class net_stream final : public byte_stream {
public:
  explicit net_stream(net::response_stream out) : out_(std::move(out)) {}
  bool write(std::string_view bytes) override { return out_.write(bytes); }
  void close() override { out_.close(); }
  [[nodiscard]] std::size_t queued_bytes() const override { return out_.queued_bytes(); }
  void on_closed(std::function<void()> gone) override { out_.on_closed(std::move(gone)); }

private:
  net::response_stream out_;
};

void respond(net::responder& to, response what) {
  if (!what.stream) {
    return to.send(to_net(std::move(what)));
  }
  const auto body = std::move(what.stream);
  what.stream = nullptr;
  body(std::make_shared<net_stream>(to.stream(to_net(std::move(what)))));
}

} // namespace

struct service::impl : std::enable_shared_from_this<impl> {
  impl(const service_parts& parts, authenticator auth, std::uint64_t name_seed)
      : pool(parts.pool),
        routes({parts.cluster, parts.live, parts.snapshot, std::move(auth), name_seed}) {}

  void handle(net::request req, net::responder to) {
    // response_handler is copyable, a responder is not.
    auto answer = std::make_shared<net::responder>(std::move(to));
    routes.handle(from_net(std::move(req)), [answer = std::move(answer)](response what) {
      respond(*answer, std::move(what));
    });
  }

  void arm() {
    (void)pool.after(tick, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->stopped) {
        return;
      }
      self->routes.resume_streams();
      if (++self->ticks % ticks_per_heartbeat == 0) {
        self->routes.heartbeat();
      }
      self->arm();
    });
  }

  net::io_pool& pool;
  router routes;
  std::unique_ptr<net::http_server> server;
  std::atomic<bool> stopped{false};
  std::uint64_t ticks = 0; // on the pool's first lane
};

model::result<std::unique_ptr<service>> service::start(service_parts parts,
                                                       service_options options) {
  const bool has_tls = options.http.tls.has_value();
  if (auto ok = listen_policy(options.http.address, has_tls, options.auth.has_tokens()); !ok) {
    return tl::unexpected{std::move(ok).error()};
  }
  if (!net::is_loopback(options.http.address)) {
    options.http.plain_allowed = false; // tokens never travel in the clear
  }
  auto made = std::make_shared<impl>(parts, std::move(options.auth), options.name_seed);
  net::http_handlers handlers;
  handlers.on_request = [made](net::request req, net::responder to) {
    made->handle(std::move(req), std::move(to));
  };
  handlers.on_upgrade = std::move(options.on_upgrade);
  handlers.make_error = [](int status, std::string message) {
    return to_net(router::refusal(status, std::move(message)));
  };
  auto server = net::http_server::listen(parts.pool, std::move(options.http), std::move(handlers));
  if (!server) {
    return tl::unexpected{to_failure(server.error())};
  }
  made->server = *std::move(server);
  parts.live.before_scrape(
      [weak = std::weak_ptr{made}, open = parts.live.get_gauge(metrics::metric::http_connections)] {
        if (const auto self = weak.lock()) {
          open.set(static_cast<double>(self->server->counters().connections));
        }
      });
  made->arm();
  return std::unique_ptr<service>{new service{std::move(made)}};
}

service::service(std::shared_ptr<impl> made) : impl_(std::move(made)) {}

service::~service() {
  stop();
  impl_->server.reset(); // its handlers hold the rest
}

std::uint16_t service::port() const {
  return impl_->server->port();
}

model::result<void> service::reload_certificates() {
  return impl_->server->reload_certificates().map_error(to_failure);
}

void service::stop() {
  if (!impl_->stopped.exchange(true)) {
    impl_->routes.end_streams();
    impl_->server->stop();
  }
}

} // namespace berth::api
