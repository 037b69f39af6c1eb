#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "api/bodies.hpp"
#include "api/event_stream.hpp"
#include "api/router.hpp"

namespace berth::api {

/// Every status that the API answers with.
inline constexpr std::array answered_statuses{200, 201, 202, 400, 401, 403, 404, 405, 406, 408,
                                              409, 410, 413, 429, 431, 500, 503, 504, 507};

/// INTERNAL to api/: what all calls share.
struct router_state {
  explicit router_state(router_parts given);

  /// Counts an answered request; `route` = routes().size() when none matched.
  void count(std::size_t route, int status, double seconds) const;

  router_parts parts;
  name_source names;
  std::atomic<std::uint64_t> name_turn{0};
  std::shared_ptr<event_streams> streams = std::make_shared<event_streams>();

private:
  struct route_metrics {
    std::array<metrics::counter, answered_statuses.size()> answers;
    metrics::histogram duration;
  };
  std::vector<route_metrics> metrics_;
};

} // namespace berth::api
