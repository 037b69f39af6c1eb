#pragma once

#include "net/unique_function.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace berth::net::detail {

namespace asio = boost::asio;
using steady = std::chrono::steady_clock;

/// Anything with a socket. It is made on, lives on and is only touched on one lane.
class io_object : public std::enable_shared_from_this<io_object> {
public:
  io_object() = default;
  io_object(const io_object&) = delete;
  io_object& operator=(const io_object&) = delete;
  virtual ~io_object() = default;

  /// The lane saw that `deadline` has passed. Must move the deadline or close.
  virtual void on_deadline(steady::time_point now) = 0;
  /// The pool stops: close everything now. The lane has detached the object already.
  virtual void on_lane_stop() = 0;

  steady::time_point deadline = steady::time_point::max();

private:
  friend class lane;
  std::size_t slot_ = SIZE_MAX; // index in lane::objects_
};

/// A timer's one-way switch: armed -> fired, or armed -> cancelled.
struct timer_state {
  enum : int { armed, fired, cancelled };
  std::atomic<int> phase{armed};
  unique_function<void()> fn;
};

/// One thread with its own io_context. Deadlines are swept, not timed one by one: an idle
/// connection costs nothing but a comparison per sweep.
class lane : public std::enable_shared_from_this<lane> {
public:
  lane();
  ~lane();

  asio::io_context& context() { return context_; }
  [[nodiscard]] bool on_thread() const noexcept { return std::this_thread::get_id() == thread_id_; }

  void start();
  /// Detaches and closes every object, joins. Not from the lane's own thread.
  void stop();

  /// Runs `fn` on the lane. Many posts from other threads share one wake-up. Any thread.
  /// Dropped when the lane has stopped.
  void post(unique_function<void()> fn);
  /// Runs `fn` now when on the lane's thread, else posts it.
  void dispatch(unique_function<void()> fn);

  void add_timer(steady::time_point when, std::shared_ptr<timer_state> timer); ///< on the lane
  void attach(io_object& object);                                              ///< on the lane
  void detach(io_object& object);                                              ///< on the lane
  /// Makes the deadline sweep at least this fine; never coarser again. On the lane.
  void require_granularity(steady::duration period);

private:
  void drain();
  void arm();
  void on_wake();
  void sweep(steady::time_point now);
  void shut();

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  asio::steady_timer wake_;
  steady::time_point wake_at_ = steady::time_point::max();
  steady::time_point next_sweep_{};
  steady::duration sweep_period_ = std::chrono::milliseconds(250);
  std::multimap<steady::time_point, std::shared_ptr<timer_state>> timers_;
  std::vector<io_object*> objects_;
  std::vector<std::shared_ptr<io_object>> due_;
  bool shut_ = false;

  std::mutex mutex_;
  std::vector<unique_function<void()>> queue_; // guarded by mutex_
  bool stopped_ = false;                       // guarded by mutex_
  std::vector<unique_function<void()>> running_;

  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};
};

} // namespace berth::net::detail
