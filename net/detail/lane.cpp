#include "net/detail/lane.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <csignal>

namespace berth::net::detail {

lane::lane() : guard_(context_.get_executor()), wake_(context_) {}

lane::~lane() {
  stop();
}

void lane::start() {
  thread_ = std::thread([this] {
    thread_id_ = std::this_thread::get_id();
    // Signals are the main thread's business; a broken connection is an error code.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    context_.run();
  });
}

void lane::stop() {
  std::vector<unique_function<void()>> dropped; // destroyed outside the lock, on the way out
  {
    const std::lock_guard lock(mutex_);
    if (stopped_)
      return;
    stopped_ = true;
    dropped.swap(queue_);
  }
  if (!thread_.joinable())
    return;
  asio::post(context_, [this] { shut(); });
  thread_.join();
}

void lane::shut() {
  shut_ = true;
  while (!objects_.empty()) {
    const auto object = objects_.back()->shared_from_this();
    detach(*object);
    object->on_lane_stop();
  }
  timers_.clear();
  wake_.cancel();
  guard_.reset();
}

void lane::post(unique_function<void()> fn) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_)
      return;
    wake = queue_.empty();
    queue_.push_back(std::move(fn));
  }
  if (wake)
    asio::post(context_, [this] { drain(); });
}

void lane::dispatch(unique_function<void()> fn) {
  if (on_thread())
    fn();
  else
    post(std::move(fn));
}

void lane::drain() {
  {
    const std::lock_guard lock(mutex_);
    running_.swap(queue_);
  }
  for (auto& fn : running_) {
    fn();
    fn = {};
  }
  running_.clear();
}

void lane::attach(io_object& object) {
  if (shut_) {
    const auto keep = object.shared_from_this();
    object.on_lane_stop();
    return;
  }
  object.slot_ = objects_.size();
  objects_.push_back(&object);
  arm();
}

void lane::detach(io_object& object) {
  if (object.slot_ == SIZE_MAX)
    return;
  objects_.back()->slot_ = object.slot_;
  objects_[object.slot_] = objects_.back();
  objects_.pop_back();
  object.slot_ = SIZE_MAX;
}

void lane::add_timer(steady::time_point when, std::shared_ptr<timer_state> timer) {
  if (shut_)
    return;
  timers_.emplace(when, std::move(timer));
  arm();
}

void lane::require_granularity(steady::duration period) {
  sweep_period_ =
      std::min(sweep_period_, std::max(period, steady::duration(std::chrono::milliseconds(2))));
  arm();
}

void lane::arm() {
  auto when = steady::time_point::max();
  if (!objects_.empty()) {
    const auto now = steady::now();
    if (next_sweep_ < now || next_sweep_ > now + sweep_period_)
      next_sweep_ = now + sweep_period_;
    when = next_sweep_;
  }
  if (!timers_.empty())
    when = std::min(when, timers_.begin()->first);
  if (when >= wake_at_)
    return; // an earlier wake-up arms again
  wake_at_ = when;
  wake_.expires_at(when);
  wake_.async_wait([this](boost::system::error_code ec) {
    if (ec != asio::error::operation_aborted)
      on_wake();
  });
}

void lane::on_wake() {
  wake_at_ = steady::time_point::max();
  const auto now = steady::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const auto timer = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    int armed = timer_state::armed;
    if (timer->phase.compare_exchange_strong(armed, timer_state::fired)) {
      auto fn = std::move(timer->fn);
      fn();
    }
  }
  if (next_sweep_ <= now)
    sweep(now);
  if (!shut_)
    arm();
}

void lane::sweep(steady::time_point now) {
  next_sweep_ = now + sweep_period_;
  for (io_object* object : objects_)
    if (object->deadline <= now)
      due_.push_back(object->shared_from_this());
  for (const auto& object : due_)
    if (object->slot_ != SIZE_MAX && object->deadline <= now)
      object->on_deadline(now);
  due_.clear();
}

} // namespace berth::net::detail
