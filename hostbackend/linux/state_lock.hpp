#pragma once

#include <filesystem>
#include <memory>

#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

/// Keeps a file for one process at a time: an flock on `FILE.lock` beside it. The kernel frees it
/// when the process ends, however it ends; the lock's own file stays.
class state_lock {
public:
  /// errc::store_failed, naming the process that has it, if somebody does, in this process too.
  [[nodiscard]] static model::result<std::unique_ptr<state_lock>>
  take(const std::filesystem::path& file);
  ~state_lock();
  state_lock(const state_lock&) = delete;
  state_lock& operator=(const state_lock&) = delete;

private:
  explicit state_lock(int descriptor) : descriptor_{descriptor} {}
  const int descriptor_;
};

} // namespace berth::hostbackend::host_linux
