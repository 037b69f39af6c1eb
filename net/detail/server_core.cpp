#include "net/detail/server_core.hpp"

#include "net/detail/http_session.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace berth::net::detail {
namespace {

constexpr std::size_t refusals_at_once_max = 64; // beyond this, over the maximum, no 503 either
constexpr auto accept_pause_first = std::chrono::milliseconds(10);
constexpr auto accept_pause_most = std::chrono::milliseconds(1'000);

} // namespace

connection_ticket::connection_ticket(std::shared_ptr<server_core> core, std::size_t lane_index)
    : core_(std::move(core)), lane_index_(lane_index) {
  core_->tickets_[lane_index_].insert(this);
}

connection_ticket::~connection_ticket() {
  core_->tickets_[lane_index_].erase(this);
  const std::lock_guard lock(core_->mutex_);
  --core_->connections_;
  core_->closed_.notify_all();
}

/// The listening socket, on the first lane. Hands connections to the lanes in turn.
class acceptor final : public io_object {
public:
  using socket_acceptor =
      asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

  acceptor(std::shared_ptr<server_core> core, socket_acceptor listener)
      : core_(std::move(core)), listener_(std::move(listener)) {}

  void start() {
    core_->lanes_.front()->attach(*this);
    if (open_)
      accept();
  }
  void close() {
    if (!open_)
      return;
    open_ = false;
    core_->lanes_.front()->detach(*this);
    error_code ignored;
    listener_.close(ignored);
    const std::lock_guard lock(core_->mutex_);
    core_->listening_ = false;
    core_->closed_.notify_all();
  }
  void on_deadline(steady::time_point) override {} // has none
  void on_lane_stop() override { close(); }

private:
  void accept() {
    const std::size_t index = next_++ % core_->lanes_.size();
    peer_.emplace(core_->lanes_[index]->context());
    const auto self = std::static_pointer_cast<acceptor>(shared_from_this());
    listener_.async_accept(*peer_, [self, index](error_code ec) { self->on_accept(ec, index); });
  }
  void on_accept(error_code ec, std::size_t index) {
    if (!open_)
      return;
    if (!ec) {
      pause_ = accept_pause_first;
      core_->take(std::move(*peer_), index);
      return accept();
    }
    if (ec == asio::error::connection_aborted)
      return accept();
    // No descriptors or buffers left: accepting at once again would only burn a core.
    ++core_->accept_failures_;
    auto pause = std::make_shared<timer_state>();
    pause->fn = [self = std::static_pointer_cast<acceptor>(shared_from_this())] {
      if (self->open_)
        self->accept();
    };
    core_->lanes_.front()->add_timer(steady::now() + pause_, std::move(pause));
    pause_ = std::min<std::chrono::milliseconds>(pause_ * 2, accept_pause_most);
  }

  std::shared_ptr<server_core> core_;
  socket_acceptor listener_;
  std::optional<socket_type> peer_;
  std::size_t next_ = 0;
  bool open_ = true;
  std::chrono::milliseconds pause_ = accept_pause_first;
};

server_core::server_core(std::vector<std::shared_ptr<lane>> lanes, http_server_options opts,
                         http_handlers calls)
    : options(std::move(opts)), handlers(std::move(calls)), lanes_(std::move(lanes)),
      tickets_(lanes_.size()) {}

result<void> server_core::load_certificates() {
  if (!options.tls)
    return {};
  auto loaded = make_server_context(*options.tls);
  if (!loaded)
    return tl::unexpected(loaded.error());
  const std::lock_guard lock(mutex_);
  tls_ = std::move(*loaded);
  return {};
}

tls_context_ptr server_core::tls() const {
  if (!options.tls)
    return nullptr;
  const std::lock_guard lock(mutex_);
  return tls_;
}

response server_core::make_error(int status, std::string message) const {
  if (handlers.make_error)
    return handlers.make_error(status, std::move(message));
  return response::with(status, "text/plain; charset=utf-8", message + "\n");
}

result<void> server_core::listen() {
  const std::string where = to_string(host_port{options.address, options.port});
  error_code ec;
  const auto address = asio::ip::make_address(options.address, ec);
  if (ec)
    return fail(errc::bad_argument, "cannot listen on " + where + ": \"" + options.address +
                                        "\" is no numeric address");
  acceptor::socket_acceptor listener(lanes_.front()->context());
  const asio::ip::tcp::endpoint endpoint(address, options.port);
  const auto step = [&ec](auto action) {
    if (!ec)
      action();
  };
  step([&] { listener.open(endpoint.protocol(), ec); });
  step([&] { listener.set_option(asio::ip::tcp::acceptor::reuse_address(true), ec); });
  step([&] { listener.bind(endpoint, ec); });
  step([&] { listener.listen(4'096, ec); });
  step([&] { port_ = listener.local_endpoint(ec).port(); });
  if (ec)
    return tl::unexpected(socket_error(ec, "cannot listen on " + where));
  using namespace std::chrono_literals;
  const auto finest =
      std::min({options.handshake_timeout, options.header_timeout, options.body_timeout,
                options.answer_timeout, options.idle_timeout, options.write_timeout});
  for (const auto& each : lanes_)
    each->post([each = each.get(), finest] { each->require_granularity(finest / 4); });
  listening_ = true;
  const auto made = std::make_shared<acceptor>(shared_from_this(), std::move(listener));
  acceptor_ = made;
  lanes_.front()->post([made] { made->start(); });
  return {};
}

void server_core::take(socket_type socket, std::size_t index) {
  ++accepted_;
  const bool over = connections_ >= options.connections_max;
  if (over)
    ++refused_;
  if (stopping_ || connections_ >= options.connections_max + refusals_at_once_max)
    return;
  ++connections_;
  lanes_[index]->dispatch([self = shared_from_this(), index, over,
                           socket = std::move(socket)]() mutable {
    auto ticket = std::make_unique<connection_ticket>(self, index);
    std::make_shared<http_session>(self, self->lanes_[index], std::move(socket), std::move(ticket))
        ->start(over);
  });
}

http_server_counters server_core::counters() const noexcept {
  return {connections_, accepted_, refused_, handshake_failures, accept_failures_, requests};
}

void server_core::on_each_connection(void (*action)(server_connection&)) {
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    lanes_[i]->post([self = shared_from_this(), i, action] {
      std::vector<std::shared_ptr<io_object>> kept; // closing one must not end it under our feet
      std::vector<server_connection*> all;
      for (const auto* ticket : self->tickets_[i]) {
        kept.push_back(ticket->holder()->shared_from_this());
        all.push_back(ticket->holder());
      }
      for (server_connection* connection : all)
        action(*connection);
    });
}

void server_core::stop() {
  stopping_ = true;
  if (const auto listener = acceptor_.lock())
    lanes_.front()->post([listener] { listener->close(); });
  on_each_connection([](server_connection& c) { c.wind_down(); });
  wait_until_closed(options.stop_grace);
  on_each_connection([](server_connection& c) { c.on_lane_stop(); });
  wait_until_closed(std::nullopt);
}

void server_core::wait_until_closed(std::optional<std::chrono::milliseconds> at_most) {
  std::unique_lock lock(mutex_);
  const auto closed = [this] { return connections_ == 0 && !listening_; };
  if (at_most)
    closed_.wait_for(lock, *at_most, closed);
  else
    closed_.wait(lock, closed);
}

} // namespace berth::net::detail
