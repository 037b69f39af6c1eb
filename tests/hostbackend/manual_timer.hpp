#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "hostbackend/host_backend.hpp"

namespace berth::hostbackend::testing {

/// Virtual time: what is due runs when advance() says so, in order of time, then of asking.
class manual_timer final : public timer {
public:
  void after(model::duration delay, std::function<void()> what) override {
    due_.emplace(std::pair{now_ + delay, ++asked_}, std::move(what));
  }
  void advance(model::duration by) {
    const auto until = now_ + by;
    while (!due_.empty() && due_.begin()->first.first <= until) {
      auto next = due_.extract(due_.begin());
      now_ = next.key().first;
      next.mapped()();
    }
    now_ = until;
  }
  /// Runs everything, whenever it is due; at most `most` calls.
  void run_all(int most = 100'000) {
    for (; !due_.empty() && most > 0; --most) {
      auto next = due_.extract(due_.begin());
      now_ = next.key().first;
      next.mapped()();
    }
  }
  [[nodiscard]] model::duration now() const { return now_; }
  [[nodiscard]] std::size_t waiting() const { return due_.size(); }

private:
  model::duration now_{};
  std::uint64_t asked_ = 0;
  std::map<std::pair<model::duration, std::uint64_t>, std::function<void()>> due_;
};

} // namespace berth::hostbackend::testing
