#include "net/io_pool.hpp"

#include "net/detail/lane.hpp"

#include <algorithm>

namespace berth::net {

bool timer_handle::cancel() noexcept {
  const auto state = state_.lock();
  int armed = detail::timer_state::armed;
  return state && state->phase.compare_exchange_strong(armed, detail::timer_state::cancelled);
}

io_pool::io_pool(unsigned threads) {
  for (unsigned i = 0; i < std::max(1U, threads); ++i) {
    lanes_.push_back(std::make_shared<detail::lane>());
    lanes_.back()->start();
  }
}

io_pool::~io_pool() {
  stop();
}

void io_pool::post(unique_function<void()> fn) {
  lanes_.front()->post(std::move(fn));
}

timer_handle io_pool::after(std::chrono::nanoseconds delay, unique_function<void()> fn) {
  auto state = std::make_shared<detail::timer_state>();
  state->fn = std::move(fn);
  const auto when =
      detail::steady::now() + std::chrono::duration_cast<detail::steady::duration>(delay);
  timer_handle handle{state};
  detail::lane& first = *lanes_.front();
  first.dispatch([&first, when, state = std::move(state)]() mutable {
    first.add_timer(when, std::move(state));
  });
  return handle;
}

bool io_pool::on_io_thread() const noexcept {
  return std::any_of(lanes_.begin(), lanes_.end(), [](const auto& l) { return l->on_thread(); });
}

void io_pool::stop() {
  for (const auto& lane : lanes_)
    lane->stop();
}

} // namespace berth::net
