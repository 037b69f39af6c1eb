#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "actors/mail_meter.hpp"

namespace berth::actors {

/// Where many threads leave work for one actor. The actor's mailbox then holds at most one wake-up
/// per inbox however much is offered, and one message hands over everything that has gathered.
/// Unbounded by itself: what is pushed carries a permit, the pushing side has one outstanding, or
/// it comes seldom and wakes the actor when it has gathered.
template <class T> class inbox {
public:
  explicit inbox(mail_meter meter = {}) : meter_(std::move(meter)) {}
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;
  ~inbox() { meter_.lost(arrivals_.size()); }

  /// True: nobody was asked to since the last take(), so the caller must wake the actor. Any
  /// thread.
  [[nodiscard]] bool push(T item) {
    const std::lock_guard lock{mutex_};
    items_.push_back(std::move(item));
    if (meter_.measures())
      arrivals_.push_back(meter_.came());
    return std::exchange(awaited_, false);
  }
  /// For what can wait: no wake-up is due before there is enough of it, and its wait is not
  /// measured. `enough` is asked of all items, which are not empty. True: as for push.
  template <class Enough> [[nodiscard]] bool leave(T item, Enough enough) {
    const std::lock_guard lock{mutex_};
    items_.push_back(std::move(item));
    return enough(std::as_const(items_)) && std::exchange(awaited_, false);
  }
  /// Everything that has gathered, oldest first. The next push asks for a wake-up again. The
  /// memory of `spare`, which is empty, is filled next. The actor's thread only.
  [[nodiscard]] std::vector<T> take(std::vector<T> spare = {}) {
    std::vector<model::timestamp> arrivals;
    {
      const std::lock_guard lock{mutex_};
      spare.swap(items_);
      arrivals.swap(arrivals_);
      awaited_ = true;
    }
    meter_.taken(arrivals);
    return spare;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return items_.size();
  }

private:
  mutable std::mutex mutex_;
  bool awaited_ = true;
  std::vector<T> items_;
  std::vector<model::timestamp> arrivals_; ///< of the pushed items; empty without a meter
  mail_meter meter_;
};

/// A cell that keeps only the newest of what is put into it: for level-triggered messages.
template <class T> class latest {
public:
  /// True: the cell was empty, so the caller must wake the reader. Any thread.
  [[nodiscard]] bool put(T item) {
    const std::lock_guard lock{mutex_};
    const bool was_empty = !item_.has_value();
    item_ = std::move(item);
    return was_empty;
  }
  [[nodiscard]] std::optional<T> take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(item_, std::nullopt);
  }

private:
  std::mutex mutex_;
  std::optional<T> item_;
};

} // namespace berth::actors
