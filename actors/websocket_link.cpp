#include "actors/websocket_link.hpp"

#include <algorithm>
#include <utility>

#include "proto/link_codec.hpp"

namespace berth::actors {

namespace {

constexpr std::string_view uri_prefix = "berth-host:";
constexpr std::uint16_t unsupported_data = 1003;
constexpr std::uint16_t message_too_big = 1009;

/// One end of a WebSocket as a line of typed frames.
template <class Out> class websocket_line final : public link_line<Out> {
public:
  explicit websocket_line(net::websocket_ptr socket) : socket_(std::move(socket)) {}

  bool send(model::link_frame<Out> frame) override {
    auto bytes = proto::encode(frame);
    if (bytes)
      return socket_->send(std::move(*bytes));
    socket_->close(message_too_big, bytes.error().message);
    return false;
  }
  void close(std::string reason) override {
    reason.resize(std::min(reason.size(), reason_bytes_max));
    socket_->close(1000, std::move(reason));
  }

private:
  static constexpr std::size_t reason_bytes_max = 120; // RFC 6455, 5.5: a control frame has 125
  net::websocket_ptr socket_;
};

/// What both ends do with a connection's news; lives as long as the WebSocket's handlers.
template <class In> struct reader {
  net::websocket_ptr socket;
  link_listener<In> listener;

  template <class Decode> void read(const std::string& bytes, Decode decode) {
    auto frame = decode(bytes);
    if (frame)
      listener.on_frame(std::move(*frame));
    else
      socket->close(unsupported_data, "not a frame of the host link");
  }
  void closed(const net::websocket_end& how) {
    socket.reset();
    auto last = std::exchange(listener, {});
    if (last.on_closed)
      last.on_closed(std::string{net::to_string(how.why)} + ": " + how.message);
  }
};

class websocket_dialer final : public link_dialer {
public:
  websocket_dialer(net::io_pool& pool, dial_options options)
      : pool_(pool), options_(std::move(options)) {}

  void dial(const std::string& host, agent_listener listener, opened done) override {
    auto state = std::make_shared<reader<model::to_host>>();
    state->listener = std::move(listener);
    net::websocket_handlers handlers;
    handlers.on_open = [state, done](const net::websocket_ptr& socket) {
      state->socket = socket;
      done(std::make_shared<websocket_line<model::from_host>>(socket));
    };
    handlers.on_message = [state](const std::string& bytes) {
      state->read(bytes, [](std::string_view frame) { return proto::decode_to_host(frame); });
    };
    handlers.on_closed = [state](const net::websocket_end& how) { state->closed(how); };
    auto options = options_(host);
    options.target = host_link_path;
    options.headers.add(host_name_header, host);
    const auto failed = [done](const net::error& why) {
      done(model::fail(model::errc::host_offline, why.message));
    };
    if (auto started =
            net::connect_websocket(pool_, std::move(options), std::move(handlers), failed);
        !started)
      failed(started.error());
  }

private:
  net::io_pool& pool_;
  dial_options options_;
};

} // namespace

model::result<std::string> authenticated_host(const net::request& upgrade,
                                              const host_link_policy& policy) {
  const auto& certificate = upgrade.connection->certificate;
  if (!certificate)
    return model::fail(model::errc::not_authenticated,
                       "a host link needs TLS and a client certificate of this controller's "
                       "authority");
  std::vector<std::string> names;
  for (const auto& uri : certificate->uri_names)
    if (uri.starts_with(uri_prefix))
      names.push_back(uri.substr(uri_prefix.size()));
  const std::string asked{upgrade.headers[host_name_header]};
  const auto carries = [&](std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  if (asked == "*" || (asked.empty() && (names.size() != 1 || carries("*"))))
    return model::fail(model::errc::invalid_argument,
                       "the header Berth-Host must name the host that the connection speaks for");
  const auto& host = asked.empty() ? names.front() : asked;
  if (carries(host) || (policy.fleet_certificates && carries("*")))
    return host;
  return model::fail(model::errc::not_permitted,
                     "the certificate " + certificate->subject + " does not speak for host " +
                         host + (carries("*") ? ": fleet certificates are not accepted here" : ""));
}

void accept_host_link(const std::shared_ptr<link_door>& door, std::string host,
                      net::upgrader upgrade, net::websocket_limits limits) {
  auto state = std::make_shared<reader<model::from_host>>();
  net::websocket_handlers handlers;
  handlers.on_open = [state, door, host = std::move(host)](const net::websocket_ptr& socket) {
    state->socket = socket;
    state->listener = door->admit(host, std::make_shared<websocket_line<model::to_host>>(socket));
  };
  handlers.on_message = [state](const std::string& bytes) {
    state->read(bytes, [](std::string_view frame) { return proto::decode_from_host(frame); });
  };
  handlers.on_closed = [state](const net::websocket_end& how) { state->closed(how); };
  upgrade.accept(std::move(handlers), limits);
}

std::shared_ptr<link_dialer> make_websocket_dialer(net::io_pool& pool, dial_options options) {
  return std::make_shared<websocket_dialer>(pool, std::move(options));
}

} // namespace berth::actors
