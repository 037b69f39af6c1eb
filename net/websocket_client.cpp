#include "net/websocket_client.hpp"

#include "net/detail/connector.hpp"
#include "net/detail/lane.hpp"
#include "net/detail/websocket_session.hpp"

#include <atomic>

namespace berth::net {

using detail::steady;

/// One attempt, from the first packet to the open WebSocket or the failure.
struct connect_handle::attempt final : detail::io_object {
  attempt(std::shared_ptr<detail::lane> where, websocket_client_options o, websocket_handlers h,
          std::function<void(error)> f)
      : lane(std::move(where)), options(std::move(o)), handlers(std::move(h)),
        on_failed(std::move(f)) {}

  void start(detail::connect_plan plan);
  void on_connected(result<std::unique_ptr<detail::stream>> outcome);
  void give_up(error reason);
  void silence();
  void on_deadline(steady::time_point) override {
    give_up({errc::timed_out, "cannot connect to " + to_string(options.where) +
                                  ": no answer within " +
                                  std::to_string(options.connect_timeout.count()) + " ms"});
  }
  void on_lane_stop() override {
    give_up({errc::stopped, "stopped while connecting to " + to_string(options.where)});
  }

  std::shared_ptr<detail::lane> lane;
  websocket_client_options options;
  websocket_handlers handlers;
  std::function<void(error)> on_failed;
  std::shared_ptr<detail::connector> connecting;
  /// Outlives the attempt in the callbacks of the handshake. Only touched on the lane.
  struct outlook {
    bool cancelled = false;
    bool opened = false;
  };
  std::shared_ptr<outlook> fate = std::make_shared<outlook>();
};

void connect_handle::attempt::start(detail::connect_plan plan) {
  if (fate->cancelled)
    return;
  const auto self = std::static_pointer_cast<attempt>(shared_from_this());
  connecting = std::make_shared<detail::connector>(
      lane->context(), std::move(plan), [self](result<std::unique_ptr<detail::stream>> outcome) {
        self->on_connected(std::move(outcome));
      });
  deadline = steady::now() + options.connect_timeout;
  lane->require_granularity(options.connect_timeout / 4);
  lane->attach(*this);
  if (connecting)
    connecting->start();
}

void connect_handle::attempt::give_up(error reason) {
  const auto keep = shared_from_this();
  const auto failed = std::move(on_failed);
  silence();
  if (failed)
    failed(std::move(reason));
}

void connect_handle::attempt::silence() {
  if (fate->opened)
    return;
  fate->cancelled = true;
  lane->detach(*this);
  if (connecting)
    connecting->cancel();
  connecting.reset();
  handlers = {};
  on_failed = nullptr;
}

void connect_handle::attempt::on_connected(result<std::unique_ptr<detail::stream>> outcome) {
  connecting.reset();
  if (!outcome)
    return give_up(std::move(outcome.error()));
  lane->detach(*this);
  auto info = std::make_shared<connection_info>();
  detail::error_code ec;
  const auto peer = (*outcome)->socket().remote_endpoint(ec);
  info->peer_address = ec ? options.where.host : peer.address().to_string();
  info->peer_port = options.where.port;
  if (auto* tls = (*outcome)->tls()) {
    info->tls = true;
    info->certificate = detail::verified_peer(tls->native_handle());
  }
  // The handshake may still be cancelled: the callbacks look at the flag.
  websocket_handlers guarded = std::move(handlers);
  guarded.on_open = [fate = fate, open = std::move(guarded.on_open)](const websocket_ptr& ws) {
    if (fate->cancelled)
      return ws->close(1001, "no longer wanted");
    fate->opened = true;
    if (open)
      open(ws);
  };
  guarded.on_closed = [fate = fate,
                       closed = std::move(guarded.on_closed)](const websocket_end& why) {
    if (fate->opened && closed)
      closed(why);
  };
  detail::open_client_websocket(lane, std::move(*outcome), std::move(info),
                                {to_string(options.where), options.target, options.headers},
                                std::move(guarded), options.limits,
                                [fate = fate, failed = std::move(on_failed)](error reason) {
                                  if (!fate->cancelled && failed)
                                    failed(std::move(reason));
                                });
}

connect_handle::connect_handle(std::shared_ptr<attempt> state) : attempt_(std::move(state)) {}

void connect_handle::cancel() {
  if (const auto state = std::move(attempt_))
    state->lane->dispatch([state] { state->silence(); });
}

result<connect_handle> connect_websocket(io_pool& pool, websocket_client_options options,
                                         websocket_handlers handlers,
                                         std::function<void(error)> on_failed) {
  auto plan = detail::make_connect_plan(options.where, options.tls, options.refused_hint);
  if (!plan)
    return tl::unexpected(plan.error());
  static std::atomic<std::size_t> turn{0};
  const auto& lanes = pool.lanes();
  const auto& where = lanes[turn++ % lanes.size()];
  auto state = std::make_shared<connect_handle::attempt>(where, std::move(options),
                                                         std::move(handlers), std::move(on_failed));
  where->post([state, plan = std::move(*plan)]() mutable { state->start(std::move(plan)); });
  return connect_handle(std::move(state));
}

} // namespace berth::net
