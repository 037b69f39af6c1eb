#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::api {

// What the router sees of HTTP: values, no sockets. api/service.hpp ties them to net/.

/// One request, complete and percent-decoded.
struct request {
  std::string method; ///< upper case
  std::string path;   ///< begins with '/'
  std::vector<std::pair<std::string, std::string>> query;
  std::optional<std::string> authorization;
  std::optional<std::string> idempotency_key;
  std::optional<std::string> last_event_id;
  std::string body{};
};

/// The open body of a streaming answer. Any thread.
class byte_stream {
public:
  virtual ~byte_stream() = default;
  /// False when the connection has ended or was given up because its queue passed the bound.
  virtual bool write(std::string_view bytes) = 0;
  virtual void close() = 0;
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
  /// Calls `gone` once when the connection ends before `close`, at once if it has already.
  virtual void on_closed(std::function<void()> gone) = 0;
};

struct response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  /// Set: the head is sent, then this is called with the open body.
  std::function<void(std::shared_ptr<byte_stream>)> stream{};
  /// True for refusals that may be different the next time: never remembered for an
  /// Idempotency-Key.
  bool passing = false;
};

using response_handler = std::function<void(response)>;

} // namespace berth::api
