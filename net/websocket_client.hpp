#pragma once

#include "net/error.hpp"
#include "net/io_pool.hpp"
#include "net/tls.hpp"
#include "net/websocket.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace berth::net {

struct websocket_client_options {
  host_port where;
  std::string target = "/";
  header_fields headers;                            ///< sent with the upgrade, e.g. Authorization
  std::optional<client_tls> tls;                    ///< absent: plain
  std::string refused_hint;                         ///< ends a "connection refused"
  std::chrono::milliseconds connect_timeout{5'000}; ///< resolve, connect and TLS handshake together
  websocket_limits limits;
};

/// Gives up a connection attempt. Dropping it leaves the attempt running.
class connect_handle {
public:
  connect_handle() = default;
  /// No callback comes after this returned on the pool's thread; from elsewhere one that is under
  /// way may still come. An open WebSocket is not touched. Any thread.
  void cancel();

private:
  friend result<connect_handle> connect_websocket(io_pool&, websocket_client_options,
                                                  websocket_handlers, std::function<void(error)>);
  struct attempt;
  explicit connect_handle(std::shared_ptr<attempt> state);
  std::shared_ptr<attempt> attempt_;
};

/// Connects outward, once: there is no reconnecting here, as the caller has the jitter and the
/// clock. Exactly one of `handlers.on_open` and `on_failed` comes, on an I/O thread; none does when
/// the pool has stopped already. Fails at once only when a TLS file is bad.
[[nodiscard]] result<connect_handle> connect_websocket(io_pool& pool,
                                                       websocket_client_options options,
                                                       websocket_handlers handlers,
                                                       std::function<void(error)> on_failed);

} // namespace berth::net
