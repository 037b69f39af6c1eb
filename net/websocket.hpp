#pragma once

#include "net/http.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace berth::net {

/// Limits of one WebSocket; both ends use the same.
struct websocket_limits {
  std::size_t frame_bytes_max = 1U << 20U; ///< a longer message closes the connection with 1009
  std::size_t queue_bytes_max = 8U << 20U; ///< unsent bytes beyond this close it as too slow
  std::chrono::milliseconds handshake_timeout{5'000}; ///< of the upgrade and of closing
  /// Closed after this long without a byte from the peer; a ping goes out after half of it.
  std::chrono::milliseconds idle_timeout{30'000};
};

/// Why a WebSocket ended.
struct websocket_end {
  enum class kind {
    closed_by_us,   ///< close() was called
    closed_by_peer, ///< the peer sent a close frame; see `code`
    too_slow,       ///< our queue passed its bound
    too_large,      ///< the peer sent a frame over the cap (1009)
    timed_out,      ///< nothing came for the idle timeout
    protocol,       ///< the peer broke the protocol, or sent a text frame
    lost,           ///< the connection broke
    stopped,        ///< the server or pool stopped
  };
  kind why = kind::lost;
  std::uint16_t code = 0; ///< the close code sent or received, 0 when none was
  std::string message;    ///< one line for a log
};

[[nodiscard]] const char* to_string(websocket_end::kind why) noexcept;

/// An open WebSocket carrying binary frames. Shared: it stays valid after it has closed.
/// All callbacks come on its own I/O thread, one at a time.
class websocket {
public:
  websocket() = default;
  websocket(const websocket&) = delete;
  websocket& operator=(const websocket&) = delete;
  virtual ~websocket() = default;

  /// Queues one binary frame. False when it is closed or the queue is over its bound; in the
  /// latter case the connection is given up as too slow. Any thread.
  virtual bool send(std::string frame) = 0;

  /// Starts the closing handshake behind the frames queued so far. Any thread; idempotent.
  virtual void close(std::uint16_t code = 1000, std::string reason = {}) = 0;

  /// Bytes queued and not yet handed to the kernel. Any thread.
  [[nodiscard]] virtual std::size_t queued_bytes() const noexcept = 0;

  [[nodiscard]] virtual const connection_info& connection() const noexcept = 0;
};

using websocket_ptr = std::shared_ptr<websocket>;

/// What the owner of a WebSocket wants to hear. `on_closed` comes exactly once, last, and only
/// after `on_open` has come. The handlers are destroyed after it.
struct websocket_handlers {
  std::function<void(const websocket_ptr&)> on_open;
  std::function<void(std::string frame)> on_message;
  std::function<void(const websocket_end&)> on_closed;
};

} // namespace berth::net
