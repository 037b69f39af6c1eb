#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "api/auth.hpp"
#include "api/call.hpp"
#include "api/cluster_port.hpp"
#include "api/http.hpp"
#include "metrics/registry.hpp"
#include "metrics/snapshot.hpp"

namespace berth::api {

/// What the router needs; all references outlive it and its calls.
struct router_parts {
  cluster_port& cluster;
  metrics::registry& live;
  const metrics::snapshot_slot& snapshot;
  authenticator auth;
  std::uint64_t name_seed = 0; ///< for generated server names; from random bits
};

/// The route table.
[[nodiscard]] std::span<const route> routes();

/// The OpenAPI document, YAML.
[[nodiscard]] std::string_view openapi_document();

/// Turns requests into commands and queries of the cluster, and their answers into responses.
/// Any thread.
class router {
public:
  explicit router(router_parts parts);
  router(const router&) = delete;
  router& operator=(const router&) = delete;
  ~router(); ///< ends the event streams; calls under way are still answered

  /// `done` is called exactly once, on any thread, possibly before this returns. Does not block.
  void handle(request req, response_handler done);

  /// The answer for a request that never became one, in the place of a plain 400, 408, 413, 431,
  /// 500, 503 or 504.
  [[nodiscard]] static response refusal(int status, std::string message);

  /// To be called every 15 seconds, and every 100 milliseconds.
  void heartbeat();
  void resume_streams();
  /// Ends every event stream regularly.
  void end_streams();

private:
  std::shared_ptr<router_state> state_;
};

} // namespace berth::api
