#pragma once

#include <filesystem>

#include "model/failure.hpp"

namespace berth::store {

/// Holds `<store>.lock` for this process: the kernel frees it when the process dies, however it
/// dies. Internal to store/.
class file_lock {
public:
  /// store_failed, naming the process that has it, if the store is in use.
  [[nodiscard]] static model::result<file_lock> take(const std::filesystem::path& store);

  file_lock(file_lock&& other) noexcept;
  file_lock& operator=(file_lock&& other) noexcept;
  ~file_lock();

private:
  explicit file_lock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

} // namespace berth::store
