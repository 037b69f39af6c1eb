#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
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

private:
  socket_type socket_;
  std::shared_ptr<asio::ssl::context> context_;
  std::optional<tls_stream> tls_;
};

// Found by Beast when a closing handshake takes too long.
inline void beast_close_socket(stream& s) {
  s.close();
}

// Found by Beast when a WebSocket has ended: the frames of the closing handshake have been
// exchanged, nothing of value can follow.
inline void teardown(boost::beast::role_type, stream& s, error_code& ec) {
  s.socket().shutdown(socket_type::shutdown_both, ec);
}

template <class Handler>
void async_teardown(boost::beast::role_type, stream& s, Handler&& handler) {
  error_code ec;
  s.socket().shutdown(socket_type::shutdown_both, ec);
  asio::post(s.get_executor(), [h = std::forward<Handler>(handler), ec]() mutable { h(ec); });
}

} // namespace berth::net::detail
