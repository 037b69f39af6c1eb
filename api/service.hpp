#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "api/auth.hpp"
#include "api/cluster_port.hpp"
#include "metrics/registry.hpp"
#include "metrics/snapshot.hpp"
#include "model/failure.hpp"
#include "net/http_server.hpp"
#include "net/io_pool.hpp"

namespace berth::api {

/// What the API works on; all of it outlives the service.
struct service_parts {
  net::io_pool& pool;
  cluster_port& cluster;
  metrics::registry& live;
  const metrics::snapshot_slot& snapshot;
};

struct service_options {
  net::http_server_options http;
  authenticator auth = authenticator::open();
  std::uint64_t name_seed = 0; ///< for generated server names: random bits
  /// WebSocket upgrades (host links). Not authenticated here: the links check certificates.
  std::function<void(net::request, net::upgrader)> on_upgrade;
};

/// The API on a listening port.
class service {
public:
  /// Checks listen_policy, binds and serves. The failure names the address or file.
  [[nodiscard]] static model::result<std::unique_ptr<service>> start(service_parts parts,
                                                                     service_options options);
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  ~service(); ///< stops

  [[nodiscard]] std::uint16_t port() const;
  /// Reads the certificate files again, for connections made from now on. Any thread.
  [[nodiscard]] model::result<void> reload_certificates();
  /// Stops listening, ends event streams, gives answers under way a moment. Idempotent. Not from an
  /// I/O thread.
  void stop();

private:
  struct impl;
  explicit service(std::shared_ptr<impl> made);
  std::shared_ptr<impl> impl_;
};

} // namespace berth::api
