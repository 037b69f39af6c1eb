#pragma once

#include "net/unique_function.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/role.hpp>

#include <memory>
#include <optional>

namespace berth::net::detail {

namespace asio = boost::asio;
using error_code = boost::system::error_code;
/// A socket with a concrete executor: Asio's type-erased one costs an allocation here and there.
using socket_type = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

/// A TCP connection that may have TLS on it. One type for both, so that whatever stands on it is
/// compiled once. Never destroyed while an operation is pending (ssl::stream forbids it).
class stream {
public:
  using executor_type = asio::io_context::executor_type;
  using tls_stream = asio::ssl::stream<socket_type&>;

  explicit stream(socket_type socket) : socket_(std::move(socket)) {}
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  executor_type get_executor() noexcept { return socket_.get_executor(); }
  socket_type& socket() { return socket_; }
  tls_stream* tls() { return tls_ ? &*tls_ : nullptr; }

  /// Puts TLS on the connection; the handshake is the caller's next step.
  tls_stream& add_tls(std::shared_ptr<asio::ssl::context> context) {
    context_ = std::move(context);
    tls_.emplace(socket_, *context_);
    return *tls_;
  }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_read_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_read_some(buffers, std::forward<Handler>(handler));
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  /// Closes the socket; pending operations end with operation_aborted.
  void close() noexcept {
    error_code ignored;
    socket_.close(ignored);
  }

  unique_function<void()> on_drain; ///< called when a WebSocket's last frame has been written

private:
  socket_type socket_;
  std::shared_ptr<asio::ssl::context> context_;
  std::optional<tls_stream> tls_;
};

// Found by Beast when a closing handshake takes too long.
inline void beast_close_socket(stream& s) {
  s.close();
}

/// Stops sending and discards what still comes, until the peer has closed too: closing with unread
/// bytes would send a reset that can overtake the last frame. Its owner bounds it by closing the
/// socket.
template <class Handler> struct drain_operation {
  stream& s;
  Handler handler;

  void operator()(error_code ec) {
    char discarded[4096];
    while (!ec)
      s.socket().read_some(asio::buffer(discarded), ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again)
      return s.socket().async_wait(socket_type::wait_read, std::move(*this));
    handler(error_code{}); // however it ended, what mattered has been said
  }
};

// Found by Beast when a WebSocket has ended and its last frame is written.
inline void teardown(boost::beast::role_type, stream& s, error_code& ec) {
  s.socket().shutdown(socket_type::shutdown_both, ec);
}

template <class Handler>
void async_teardown(boost::beast::role_type, stream& s, Handler&& handler) {
  error_code ignored;
  s.socket().shutdown(socket_type::shutdown_send, ignored);
  if (s.on_drain)
    s.on_drain();
  s.socket().async_wait(socket_type::wait_read,
                        drain_operation<std::decay_t<Handler>>{s, std::forward<Handler>(handler)});
}

} // namespace berth::net::detail
