#pragma once

#include "net/detail/stream.hpp"
#include "net/detail/tls_context.hpp"
#include "net/error.hpp"
#include "net/unique_function.hpp"

#include <memory>
#include <string>

namespace berth::net::detail {

/// Where a client connects, and with what.
struct connect_plan {
  host_port where;
  tls_context_ptr tls;      ///< null: plain
  std::string server_name;  ///< what the certificate must carry
  std::string refused_hint; ///< appended to "connection refused"
};

/// The plan for the given files; fails when one is bad. The server name defaults to the host.
[[nodiscard]] result<connect_plan>
make_connect_plan(host_port where, const std::optional<client_tls>& tls, std::string refused_hint);

/// Resolves, connects and shakes hands, once. Stays alive by itself until it is done.
class connector : public std::enable_shared_from_this<connector> {
public:
  using callback = unique_function<void(result<std::unique_ptr<stream>>)>;

  connector(asio::io_context& context, connect_plan plan, callback done);
  void start();
  /// Gives up: the callback is dropped without a call. On the context's thread.
  void cancel();

private:
  void connect_to(std::vector<asio::ip::tcp::endpoint> endpoints);
  void on_connected(error_code ec);
  void done(result<std::unique_ptr<stream>> outcome);

  asio::io_context& context_;
  connect_plan plan_;
  callback done_;
  asio::ip::tcp::resolver resolver_;
  std::unique_ptr<stream> stream_;
  std::vector<asio::ip::tcp::endpoint> endpoints_;
  std::size_t next_ = 0;
};

} // namespace berth::net::detail
