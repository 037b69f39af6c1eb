#pragma once

#include <memory>

#include "apps/config.hpp"
#include "metrics/registry.hpp"
#include "model/failure.hpp"
#include "net/http_server.hpp"

namespace berth::apps {

/// The agent's own `/metrics` and `/healthz`, plain HTTP, on loopback only. Serves until it dies.
class metrics_port {
public:
  /// Null when the configuration wants none. The pool and the registry must outlive it.
  [[nodiscard]] static model::result<std::unique_ptr<net::http_server>>
  open(net::io_pool& pool, const host_config& config, metrics::registry& live);
};

} // namespace berth::apps
