#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace berth::hostbackend::host_linux {

/// A bounded number of threads for calls that block. Jobs of one key run one after another, in the
/// order in which they came; jobs of different keys run side by side, the longest waiting first.
/// Thread-safe. A job does not throw.
class keyed_workers {
public:
  explicit keyed_workers(std::size_t threads);
  /// Waits for the jobs that run; those that wait are dropped.
  ~keyed_workers();
  keyed_workers(const keyed_workers&) = delete;
  keyed_workers& operator=(const keyed_workers&) = delete;

  void run(const std::string& key, std::function<void()> job);

private:
  void work();

  std::mutex guard_;
  std::condition_variable changed_;
  bool stopping_ = false;
  /// Jobs that wait, by key; a key is here while one of its jobs waits or runs.
  std::map<std::string, std::deque<std::function<void()>>> waiting_;
  std::deque<std::string> ready_; ///< keys with a job that may run now
  std::vector<std::thread> threads_;
};

} // namespace berth::hostbackend::host_linux
