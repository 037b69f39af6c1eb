#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "model/server.hpp"
#include "net/http_client.hpp"

namespace berth::sim {

struct submit_options {
  net::http_client_options api; ///< where the controller listens, and how to get in
  std::size_t concurrency = 64; ///< requests in flight, one per connection
  /// How often a request that was told to come back ("busy") is sent again before it counts as
  /// failed.
  int retries_max = 1000;
  std::chrono::milliseconds retry_after{50};
  /// A clock that never goes back, for the durations.
  std::function<std::chrono::nanoseconds()> now;
  /// Called with (answered, all) now and then, from an I/O thread; may be empty.
  std::function<void(std::size_t, std::size_t)> progress;
};

/// What became of the servers.
struct submit_report {
  std::size_t submitted = 0;
  std::size_t placed = 0;
  std::size_t refused = 0; ///< fit nowhere
  std::size_t failed = 0;  ///< answered with another error, or not at all
  std::size_t gpus_wanted = 0;
  std::size_t gpus_placed = 0;
  std::uint64_t retries = 0;                     ///< "busy" answers
  std::map<std::string, std::size_t> refused_by; ///< by the rule that excluded the most hosts
  std::map<std::string, std::size_t> failed_by;  ///< by the error's class, or the network's message
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds latency_p50{}; ///< of one answer, its retries included
  std::chrono::nanoseconds latency_p99{};
  std::chrono::nanoseconds latency_max{};
};

/// Creates the servers through the HTTP API, in order, with a number of requests in flight, and
/// waits until every one is answered. Servers that fit nowhere are kept as `sched_fail`, as the API
/// does by default. Fails only when the client itself cannot be set up.
[[nodiscard]] model::result<submit_report> submit(const std::vector<model::server_spec>& servers,
                                                  const submit_options& options);

/// The body of `POST /v1/servers`.
[[nodiscard]] std::string to_request_body(const model::server_spec& spec);

[[nodiscard]] std::string to_json(const submit_report& report);
/// For a person, several lines.
[[nodiscard]] std::string to_text(const submit_report& report);

} // namespace berth::sim
