#pragma once

#include "net/error.hpp"
#include "net/http.hpp"
#include "net/io_pool.hpp"
#include "net/tls.hpp"
#include "net/websocket.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace berth::net {

namespace detail {
class http_session;
class server_core;
struct stream_state;
} // namespace detail

/// The body of a streaming answer (server-sent events): chunks are sent as they are written.
/// Any thread. Dropping the last copy closes the body.
class response_stream {
public:
  response_stream() = default;
  /// Queues bytes. False when the connection has ended, or when the queue passed its bound; then
  /// the connection is given up.
  bool write(std::string_view bytes);
  /// Ends the body regularly.
  void close();
  /// Calls `fn` once, on the I/O thread, when the connection ends before `close` did it; at once
  /// when it has ended already. Replaces an earlier function.
  void on_closed(unique_function<void()> fn);
  [[nodiscard]] std::size_t queued_bytes() const noexcept;

private:
  friend class detail::http_session;
  friend class responder;
  struct owner;
  explicit response_stream(std::shared_ptr<detail::stream_state> state);
  std::shared_ptr<owner> owner_;
};

/// The right to answer one request, exactly once, from any thread. Dropped unused, it answers 500.
/// After the client went away an answer goes nowhere, without harm.
class responder {
public:
  responder() noexcept = default;
  responder(responder&&) noexcept = default;
  responder& operator=(responder&& other) noexcept;
  ~responder();

  void send(response answer);
  /// Sends the head now and leaves the body open; at most `queue_bytes_max` bytes wait unsent.
  [[nodiscard]] response_stream stream(response head, std::size_t queue_bytes_max = 1U << 20U);
  /// True until it has been used.
  explicit operator bool() const noexcept { return session_ != nullptr; }

private:
  friend class detail::http_session;
  friend class upgrader;
  responder(std::shared_ptr<detail::http_session> session, std::uint64_t turn)
      : session_(std::move(session)), turn_(turn) {}
  std::shared_ptr<detail::http_session> session_;
  std::uint64_t turn_ = 0;
};

/// The right to accept or refuse one WebSocket upgrade, from any thread. Dropped unused: 500.
class upgrader {
public:
  upgrader() noexcept = default;
  upgrader(upgrader&&) noexcept = default;
  upgrader& operator=(upgrader&&) noexcept = default;

  void accept(websocket_handlers handlers, websocket_limits limits = {});
  void refuse(response answer) { answer_.send(std::move(answer)); }

private:
  friend class detail::http_session;
  explicit upgrader(responder answer) : answer_(std::move(answer)) {}
  responder answer_;
};

/// What the server calls. All of it on I/O threads, with several of them concurrently: it must not
/// block, wait or throw. A handler's captures must not own its own responders (a cycle).
struct http_handlers {
  std::function<void(request, responder)> on_request;
  /// Without it every upgrade is refused with 404.
  std::function<void(request, upgrader)> on_upgrade;
  /// Makes the answer for what the server itself refuses (400, 408, 413, 431, 500, 503, 504);
  /// `message` says what is wrong. Without it the answer is the message as text/plain.
  std::function<response(int status, std::string message)> make_error;
};

/// Limits and addresses. A deadline is noticed within a quarter of the shortest one, at most 250 ms
/// late.
struct http_server_options {
  std::string address = "127.0.0.1"; ///< numeric
  std::uint16_t port = 0;            ///< 0: the kernel picks one; see http_server::port
  /// Whether requests without TLS are served. With TLS configured and this false, a plain request
  /// is answered 400 and closed.
  bool plain_allowed = true;
  std::optional<server_tls> tls;

  std::uint32_t header_bytes_max = 16U << 10U; ///< request line and fields; 431 beyond
  std::uint64_t body_bytes_max = 16U << 20U;   ///< 413 beyond
  std::size_t connections_max = 20'000;        ///< 503 and close beyond

  std::chrono::milliseconds handshake_timeout{5'000}; ///< connect to TLS established, or first byte
  std::chrono::milliseconds header_timeout{10'000};   ///< first to last byte of the head; 408
  std::chrono::milliseconds body_timeout{30'000};     ///< end of head to end of body; 408
  std::chrono::milliseconds idle_timeout{60'000};     ///< between requests; closed silently
  /// A handler's time to answer (not to finish a stream); 504 beyond, and its late answer is
  /// dropped.
  std::chrono::milliseconds answer_timeout{120'000};
  std::chrono::milliseconds write_timeout{30'000}; ///< the client takes nothing of an answer
  std::chrono::milliseconds stop_grace{1'000};     ///< stop(): for answers under way
};

/// Counters for metrics. Each is exact; together they are no snapshot.
struct http_server_counters {
  std::size_t connections = 0; ///< open now
  std::uint64_t accepted_total = 0;
  std::uint64_t refused_total = 0;            ///< over connections_max
  std::uint64_t handshake_failures_total = 0; ///< TLS handshakes that failed or took too long
  std::uint64_t accept_failures_total = 0;    ///< accept() failed, e.g. no file descriptors left
  std::uint64_t requests_total = 0;
};

/// One listening port that serves HTTP/1.1 and WebSocket upgrades, plain or over TLS (told apart by
/// the first byte). Requests of one connection are handled one after the other, in order.
class http_server {
public:
  /// Binds and starts. Fails when the address is taken or a TLS file is bad.
  [[nodiscard]] static result<std::unique_ptr<http_server>>
  listen(io_pool& pool, http_server_options options, http_handlers handlers);

  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server(); ///< stops

  [[nodiscard]] std::uint16_t port() const noexcept;

  /// Reads the TLS files again; connections made from now on use them. On failure the old ones
  /// stay in use. Any thread.
  [[nodiscard]] result<void> reload_certificates();

  [[nodiscard]] http_server_counters counters() const noexcept;

  /// Stops listening, closes idle connections, gives answers under way `stop_grace`, closes the
  /// rest and waits for it. Idempotent. Not from an I/O thread.
  void stop();

private:
  explicit http_server(std::shared_ptr<detail::server_core> core);
  std::shared_ptr<detail::server_core> core_;
};

} // namespace berth::net
