#pragma once

#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/io_pool.hpp"
#include "net/pki.hpp"

#include <arpa/inet.h>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <gtest/gtest.h>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::net::testing {

using namespace std::chrono_literals;

/// Long enough for a loaded machine; reached only when a test fails.
inline constexpr auto patience = 20s;

/// A directory that goes away with the test.
class temp_dir {
public:
  temp_dir() {
    std::string pattern = (std::filesystem::temp_directory_path() / "berth-net-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  ~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

/// What callbacks on other threads tell a waiting test, in order.
template <class T> class inbox {
public:
  void put(T item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }
  /// The next item; fails the test by exception when none comes.
  T take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return !items_.empty(); }))
      throw std::runtime_error("nothing came");
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }
  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> items_;
};

/// A raw TCP client, for what a well-behaved one never sends.
class raw_client {
public:
  raw_client() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit raw_client(std::uint16_t port, int receive_buffer_bytes = 0) : raw_client() {
    if (receive_buffer_bytes > 0)
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    connect(port);
  }
  void connect(std::uint16_t port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("connect failed");
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  ~raw_client() { ::close(fd_); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0)
        return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  /// Reads until `marker` has come `times` times, or to the end of the stream.
  std::string read_until(std::string_view marker, int times = 1) {
    while (count(marker) < times && read_some()) {
    }
    return got_;
  }
  /// Reads to the end of the stream; throws when it does not end.
  std::string read_all() {
    while (read_some()) {
    }
    return got_;
  }
  [[nodiscard]] const std::string& got() const { return got_; }

private:
  int count(std::string_view marker) const {
    int found = 0;
    for (auto at = got_.find(marker); at != std::string::npos;
         at = got_.find(marker, at + marker.size()))
      ++found;
    return found;
  }
  bool read_some() {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) <= 0)
      throw std::runtime_error("nothing to read; so far: " + got_);
    char buffer[16384];
    const auto size = ::recv(fd_, buffer, sizeof buffer, 0);
    if (size <= 0)
      return false;
    got_.append(buffer, static_cast<std::size_t>(size));
    return true;
  }
  int fd_;
  std::string got_;
};

/// A pool and a server whose handlers a test fills in before `start`.
class server_fixture : public ::testing::Test {
protected:
  void start() {
    if (!handlers.on_request)
      handlers.on_request = [](request asked, responder reply) {
        reply.send(
            response::with(200, "text/plain", asked.method + " " + asked.path + " " + asked.body));
      };
    auto made = http_server::listen(pool, options, handlers);
    ASSERT_TRUE(made) << made.error().message;
    server = std::move(*made);
  }
  [[nodiscard]] host_port where() const { return {"127.0.0.1", server->port()}; }
  [[nodiscard]] http_client client() const {
    http_client_options o;
    o.where = where();
    return http_client(o);
  }

  /// A fresh authority with a controller certificate and one for host "gpu-1", and the server's
  /// options set to use them.
  void use_tls() {
    make_authority(pki.path());
    options.tls = server_tls{pki.path() / "controller.crt", pki.path() / "controller.key",
                             pki.path() / "ca.crt"};
  }
  static void make_authority(const std::filesystem::path& dir) {
    ASSERT_TRUE(create_authority(dir));
    ASSERT_TRUE(issue(dir, "controller", {"localhost", "127.0.0.1"}, certificate_role::controller));
    ASSERT_TRUE(issue(dir, "gpu-1", {"gpu-1.example"}, certificate_role::host));
  }
  static client_tls trusting(const std::filesystem::path& dir) {
    return {dir / "ca.crt", "", "", ""};
  }
  static client_tls presenting(const std::filesystem::path& dir, const std::string& name) {
    return {dir / "ca.crt", dir / (name + ".crt"), dir / (name + ".key"), ""};
  }
  [[nodiscard]] http_client tls_client(client_tls tls) const {
    http_client_options o;
    o.where = where();
    o.tls = std::move(tls);
    return http_client(o);
  }

  temp_dir pki;
  io_pool pool;
  http_server_options options;
  http_handlers handlers;
  std::unique_ptr<http_server> server; // stops before the pool
};

} // namespace berth::net::testing
