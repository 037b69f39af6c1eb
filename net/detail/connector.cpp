#include "net/detail/connector.hpp"

#include <boost/asio/ip/address.hpp>
#include <openssl/err.h>

namespace berth::net::detail {

result<connect_plan> make_connect_plan(host_port where, const std::optional<client_tls>& tls,
                                       std::string refused_hint) {
  connect_plan plan{std::move(where), nullptr, {}, std::move(refused_hint)};
  if (tls) {
    auto context = make_client_context(*tls);
    if (!context)
      return tl::unexpected(context.error());
    plan.tls = std::move(*context);
    plan.server_name = tls->server_name.empty() ? plan.where.host : tls->server_name;
  }
  return plan;
}

connector::connector(asio::io_context& context, connect_plan plan, callback done)
    : context_(context), plan_(std::move(plan)), done_(std::move(done)), resolver_(context) {}

void connector::done(result<std::unique_ptr<stream>> outcome) {
  if (auto call = std::move(done_))
    call(std::move(outcome));
}

void connector::cancel() {
  done_ = {};
  resolver_.cancel();
  if (stream_)
    stream_->close();
}

void connector::start() {
  error_code ec;
  // A number needs no resolver, and no resolver's thread.
  const auto address = asio::ip::make_address(plan_.where.host, ec);
  if (!ec)
    return connect_to({{address, plan_.where.port}});
  resolver_.async_resolve(
      plan_.where.host, std::to_string(plan_.where.port),
      [self = shared_from_this()](error_code fault,
                                  const asio::ip::tcp::resolver::results_type& found) {
        if (!self->done_)
          return;
        if (fault)
          return self->done(
              fail(errc::resolve_failed,
                   "cannot find host \"" + self->plan_.where.host + "\": " + fault.message()));
        std::vector<asio::ip::tcp::endpoint> endpoints;
        for (const auto& entry : found)
          endpoints.push_back(entry.endpoint());
        self->connect_to(std::move(endpoints));
      });
}

void connector::connect_to(std::vector<asio::ip::tcp::endpoint> endpoints) {
  endpoints_ = std::move(endpoints);
  stream_ = std::make_unique<stream>(socket_type(context_));
  on_connected(asio::error::host_unreachable);
}

/// Tries the next address until one answers.
void connector::on_connected(error_code ec) {
  if (!done_)
    return;
  if (ec && next_ < endpoints_.size()) {
    stream_->close();
    return stream_->socket().async_connect(
        endpoints_[next_++],
        [self = shared_from_this()](error_code outcome) { self->on_connected(outcome); });
  }
  const std::string who = to_string(plan_.where);
  if (ec) {
    auto reason = socket_error(ec, "cannot connect to " + who);
    if (reason.code == errc::refused && !plan_.refused_hint.empty())
      reason.message += "; " + plan_.refused_hint;
    return done(tl::unexpected(std::move(reason)));
  }
  stream_->socket().set_option(asio::ip::tcp::no_delay(true), ec);
  stream_->socket().set_option(asio::socket_base::keep_alive(true), ec); // for endless answers
  stream_->socket().non_blocking(true, ec);
  if (!plan_.tls)
    return done(std::move(stream_));
  auto& tls = stream_->add_tls(plan_.tls);
  expect_server_name(tls.native_handle(), plan_.server_name);
  tls.async_handshake(
      asio::ssl::stream_base::client, [self = shared_from_this(), who](error_code fault) {
        if (!fault)
          return self->done(std::move(self->stream_));
        auto reason = handshake_error(self->stream_->tls()->native_handle(), fault, who);
        ERR_clear_error();
        self->done(tl::unexpected(std::move(reason)));
      });
}

} // namespace berth::net::detail
