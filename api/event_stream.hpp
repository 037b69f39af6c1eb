#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/cluster_port.hpp"
#include "api/http.hpp"

namespace berth::api {

/// One reader of GET /v1/events: fetches events from the cluster and writes them as Server-Sent
/// Events, pausing while the reader lags. Any thread.
class event_stream : public std::enable_shared_from_this<event_stream> {
public:
  static constexpr std::size_t batch = 256;
  static constexpr std::size_t queue_high = 256U << 10U; ///< pause above
  static constexpr std::size_t queue_low = 64U << 10U;   ///< go on below

  event_stream(cluster_port& port, std::shared_ptr<byte_stream> out, bool follow)
      : port_(port), out_(std::move(out)), follow_(follow) {}

  /// Writes the first events, then goes on with those from `next`.
  void start(const std::vector<model::log_record>& first, model::sequence_number next,
             bool drained);
  /// Writes a comment line, so that proxies and readers see the stream alive.
  void heartbeat();
  /// Goes on if it paused and the reader caught up.
  void resume();
  [[nodiscard]] bool done() const;
  /// Closes the body.
  void end();
  /// Forgets the reader: nothing more is fetched or written.
  void stop();

private:
  void wake();
  void fetch();
  void on_batch(model::result<std::vector<model::log_record>> records);
  /// False when the stream is over.
  bool write(const std::vector<model::log_record>& records);
  void go_on(bool more);

  cluster_port& port_;
  const std::shared_ptr<byte_stream> out_;
  const bool follow_;
  mutable std::mutex mutex_;
  model::sequence_number next_ = 1;
  bool busy_ = true; ///< somebody fetches or writes
  bool again_ = false;
  bool paused_ = false;
  bool done_ = false;
  std::shared_ptr<void> subscription_;
};

/// All open streams of a server.
class event_streams {
public:
  void add(std::shared_ptr<event_stream> stream);
  /// Call every 15 seconds.
  void heartbeat();
  /// Call every 100 milliseconds or so.
  void resume();
  [[nodiscard]] std::size_t count() const;
  void stop();

private:
  std::vector<std::shared_ptr<event_stream>> open();

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<event_stream>> streams_;
};

} // namespace berth::api
