#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "model/time.hpp"

namespace berth::hostbackend::host_linux {

/// Runs `work` on a thread of its own and waits for it at most `limit`. The kernel and libvirt can
/// block for minutes in calls that nothing interrupts: nullopt = it is still under way and its
/// outcome unknown. Such a call goes on and its result is dropped; therefore `work` owns, or shares
/// ownership of, all that it uses, and the caller keeps track of what is not to be called again.
template <class Result>
[[nodiscard]] std::optional<Result> call_within(model::duration limit,
                                                std::function<Result()> work) {
  struct shared_outcome {
    std::mutex guard;
    std::condition_variable done;
    std::optional<Result> result;
  };
  auto outcome = std::make_shared<shared_outcome>();
  std::thread{[outcome, work = std::move(work)] {
    auto result = work();
    const std::scoped_lock hold{outcome->guard};
    outcome->result = std::move(result);
    outcome->done.notify_one();
  }}.detach();
  std::unique_lock hold{outcome->guard};
  outcome->done.wait_for(hold, limit, [&] { return outcome->result.has_value(); });
  return std::move(outcome->result);
}

} // namespace berth::hostbackend::host_linux
