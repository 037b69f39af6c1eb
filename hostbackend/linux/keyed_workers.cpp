#include "hostbackend/linux/keyed_workers.hpp"

#include <utility>

namespace berth::hostbackend::host_linux {

keyed_workers::keyed_workers(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { work(); });
}

keyed_workers::~keyed_workers() {
  {
    const std::scoped_lock hold{guard_};
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& each : threads_)
    each.join();
}

void keyed_workers::run(const std::string& key, std::function<void()> job) {
  const std::scoped_lock hold{guard_};
  const auto [jobs, idle] = waiting_.try_emplace(key);
  jobs->second.push_back(std::move(job));
  if (idle) {
    ready_.push_back(key);
    changed_.notify_one();
  }
}

void keyed_workers::work() {
  std::unique_lock hold{guard_};
  for (;;) {
    changed_.wait(hold, [this] { return stopping_ || !ready_.empty(); });
    if (stopping_)
      return;
    const auto jobs = waiting_.find(ready_.front());
    ready_.pop_front();
    auto job = std::move(jobs->second.front());
    jobs->second.pop_front();
    hold.unlock();
    job();
    job = nullptr; // what it holds goes without the lock
    hold.lock();
    if (jobs->second.empty()) {
      waiting_.erase(jobs);
    } else {
      ready_.push_back(jobs->first);
      changed_.notify_one();
    }
  }
}

} // namespace berth::hostbackend::host_linux
