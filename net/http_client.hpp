#pragma once

#include "net/error.hpp"
#include "net/http.hpp"
#include "net/tls.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace berth::net {

/// One request as a client sends it. Host, Content-Length and Authorization are added.
struct client_request {
  std::string method = "GET";
  std::string target = "/"; ///< path and query, already escaped
  header_fields headers;
  std::string body;
};

struct http_client_options {
  host_port where;
  std::optional<client_tls> tls; ///< absent: plain HTTP
  std::string bearer_token;      ///< sent as "Authorization: Bearer ..." unless empty
  std::string refused_hint; ///< ends a "connection refused", e.g. "is berth-controller running?"
  std::chrono::milliseconds connect_timeout{5'000}; ///< resolve, connect and TLS handshake together
  std::chrono::milliseconds request_timeout{
      60'000}; ///< from sending to the last byte of the answer
  std::uint32_t header_bytes_max = 64U << 10U;
  std::uint64_t body_bytes_max = 1ULL << 30U;
};

/// A simple client for programs that wait for each answer. Keeps its connection alive between
/// requests. Not thread-safe.
///
/// A request that met a connection which the server had just closed is sent once more on a fresh
/// one when that is safe: an idempotent method, or an Idempotency-Key.
class http_client {
public:
  explicit http_client(http_client_options options);
  http_client(http_client&&) noexcept;
  http_client& operator=(http_client&&) noexcept;
  ~http_client();

  /// Any HTTP status is a success here. Errors are ready to show: "cannot connect to
  /// 127.0.0.1:8080: connection refused; is berth-controller running?"
  [[nodiscard]] result<response> request(client_request call);

  /// Like `request`, but a 200's body goes to `on_bytes` as it comes, without a deadline once the
  /// head is here; `on_bytes` returns false to hang up. The response then has no body. Other
  /// statuses keep their body in the response.
  [[nodiscard]] result<response> stream(client_request call,
                                        std::function<bool(std::string_view)> on_bytes);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace berth::net
