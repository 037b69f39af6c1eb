#pragma once

#include "net/detail/lane.hpp"
#include "net/detail/tls_context.hpp"
#include "net/http_server.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace berth::net::detail {

class server_core;

/// A connection of a server, whatever it is at the moment (HTTP, later perhaps a WebSocket).
class server_connection : public io_object {
public:
  /// The server stops: begin nothing new, finish what is under way, then close. On the lane.
  virtual void wind_down() = 0;
};

/// One place under `connections_max`. Lives as long as the connection; on its lane.
class connection_ticket {
public:
  connection_ticket(std::shared_ptr<server_core> core, std::size_t lane_index);
  connection_ticket(const connection_ticket&) = delete;
  connection_ticket& operator=(const connection_ticket&) = delete;
  ~connection_ticket();

  void set_holder(server_connection* holder) { holder_ = holder; }
  [[nodiscard]] server_connection* holder() const { return holder_; }

private:
  std::shared_ptr<server_core> core_;
  std::size_t lane_index_;
  server_connection* holder_ = nullptr;
};

using ticket_ptr = std::unique_ptr<connection_ticket>;

/// What the connections of one server share.
class server_core : public std::enable_shared_from_this<server_core> {
public:
  server_core(std::vector<std::shared_ptr<lane>> lanes, http_server_options options,
              http_handlers handlers);

  [[nodiscard]] result<void> load_certificates();
  [[nodiscard]] result<void> listen();
  void stop();

  [[nodiscard]] tls_context_ptr tls() const;
  [[nodiscard]] response make_error(int status, std::string message) const;
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] http_server_counters counters() const noexcept;

  const http_server_options options;
  const http_handlers handlers;
  std::atomic<std::uint64_t> handshake_failures{0};
  std::atomic<std::uint64_t> requests{0};

private:
  friend class connection_ticket;
  friend class acceptor;
  void take(socket_type socket, std::size_t lane_index);
  void on_each_connection(void (*action)(server_connection&));
  void wait_until_closed(std::optional<std::chrono::milliseconds> at_most);

  std::vector<std::shared_ptr<lane>> lanes_;
  std::vector<std::unordered_set<connection_ticket*>> tickets_; // [i] belongs to lane i
  std::uint16_t port_ = 0;
  std::weak_ptr<class acceptor> acceptor_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> accept_failures_{0};

  mutable std::mutex mutex_;
  tls_context_ptr tls_;            // guarded by mutex_
  bool listening_ = false;         // guarded by mutex_
  std::condition_variable closed_; // connections_ or listening_ went down
};

} // namespace berth::net::detail
