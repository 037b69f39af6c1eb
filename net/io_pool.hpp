#pragma once

#include "net/unique_function.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace berth::net {

namespace detail {
class lane;
struct timer_state;
} // namespace detail

/// Cancels a timer of `io_pool::after`. Dropping the handle leaves the timer running.
class timer_handle {
public:
  timer_handle() = default;
  /// True when this call kept the function from running: it then never will. Any thread.
  bool cancel() noexcept;

private:
  friend class io_pool;
  explicit timer_handle(std::weak_ptr<detail::timer_state> state) : state_(std::move(state)) {}
  std::weak_ptr<detail::timer_state> state_;
};

/// Threads for network work. Each thread is a lane of its own: a connection lives on one lane for
/// good, so its callbacks never run concurrently.
///
/// Servers and clients keep their lanes alive, but a stopped pool serves nobody: stop it last.
/// Callbacks must not block and must not throw.
class io_pool {
public:
  explicit io_pool(unsigned threads = 1);
  io_pool(const io_pool&) = delete;
  io_pool& operator=(const io_pool&) = delete;
  ~io_pool(); ///< stops

  /// Runs `fn` on the first lane, soon. After `stop` it is dropped. Any thread.
  void post(unique_function<void()> fn);

  /// Runs `fn` on the first lane once `delay` has passed, unless cancelled. Any thread.
  timer_handle after(std::chrono::nanoseconds delay, unique_function<void()> fn);

  /// True when called from one of this pool's threads.
  [[nodiscard]] bool on_io_thread() const noexcept;

  /// Closes every connection, drops timers and posted functions, joins the threads. Idempotent.
  /// Not from one of its own threads.
  void stop();

  /// INTERNAL to net/: the lanes, for servers and clients.
  [[nodiscard]] const std::vector<std::shared_ptr<detail::lane>>& lanes() const { return lanes_; }

private:
  std::vector<std::shared_ptr<detail::lane>> lanes_;
};

} // namespace berth::net
