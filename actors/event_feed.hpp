#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "model/event.hpp"

namespace berth::actors {

using event_batch = std::shared_ptr<const std::vector<model::log_record>>;

/// The newest durable events, kept in memory for /v1/events, and who wants to hear of more.
/// Thread-safe; calls of `wake` functions come from the publishing thread.
class event_feed {
public:
  explicit event_feed(std::size_t records_max) : records_max_(records_max) {}

  /// The log stands at `last` without anything kept in memory (after a start).
  void reset(model::sequence_number last);
  /// Takes a batch that has become durable and continues the ones before; wakes all listeners.
  void publish(event_batch batch);

  /// At most `limit` records from `from` on; nullopt when `from` is older than what is in memory.
  [[nodiscard]] std::optional<std::vector<model::log_record>> read(model::sequence_number from,
                                                                   std::size_t limit) const;
  [[nodiscard]] model::sequence_number last() const;

  /// Calls `wake` after each publish, until the handle dies. `wake` must not call the feed back
  /// from within a handle's destructor, and must be cheap.
  [[nodiscard]] std::shared_ptr<void> subscribe(std::function<void()> wake);

private:
  struct listener {
    std::mutex mutex;
    std::function<void()> wake;
  };
  const std::size_t records_max_;
  mutable std::mutex mutex_;
  std::deque<event_batch> batches_;
  std::size_t records_ = 0;
  model::sequence_number last_ = 0;
  std::vector<std::weak_ptr<listener>> listeners_;
};

} // namespace berth::actors
