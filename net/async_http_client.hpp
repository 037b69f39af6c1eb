#pragma once

#include "net/http_client.hpp"
#include "net/unique_function.hpp"

#include <memory>
#include <vector>

namespace berth::net {

class io_pool;

struct async_http_client_options : http_client_options {
  std::size_t connections = 64;         ///< kept open and used one request at a time
  std::size_t outstanding_max = 65'536; ///< requests accepted and not yet answered
};

/// Many requests at once over a fixed number of keep-alive connections, for load and bulk work.
class async_http_client {
public:
  using callback = unique_function<void(result<response>)>;

  [[nodiscard]] static result<std::unique_ptr<async_http_client>>
  create(io_pool& pool, async_http_client_options options);

  async_http_client(const async_http_client&) = delete;
  async_http_client& operator=(const async_http_client&) = delete;
  ~async_http_client(); ///< stops

  /// Sends as soon as a connection is free. `done` comes exactly once, on an I/O thread; it may
  /// submit more. False, and no callback, when `outstanding_max` is reached or it has stopped. The
  /// pool must not have stopped before.
  bool submit(client_request call, callback done);

  /// Requests accepted and not yet answered. Any thread.
  [[nodiscard]] std::size_t outstanding() const noexcept;

  /// Ends what is outstanding with errc::stopped and waits for those callbacks. Idempotent. Not
  /// from a thread of another lane of the same pool.
  void stop();

private:
  class engine;
  struct shared;
  async_http_client(std::vector<std::shared_ptr<engine>> engines, std::shared_ptr<shared> common);
  std::vector<std::shared_ptr<engine>> engines_; // one per lane
  std::shared_ptr<shared> common_;
};

} // namespace berth::net
