#include "store/file_lock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace berth::store {

namespace {

model::failure cannot(const std::filesystem::path& path, const char* what, int error) {
  return {model::errc::store_failed,
          "store lock " + path.string() + ": cannot be " + what + ": " + std::strerror(error)};
}

std::string holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size() - 1, 0);
  return size > 0 ? " (process " + std::string(text.data(), static_cast<std::size_t>(size)) + ")"
                  : "";
}

} // namespace

model::result<file_lock> file_lock::take(const std::filesystem::path& store) {
  std::filesystem::path path = store;
  path += ".lock";
  file_lock lock{::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)};
  if (lock.fd_ < 0)
    return tl::unexpected{cannot(path, "opened", errno)};
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return tl::unexpected{cannot(path, "locked", errno)};
    return model::fail(model::errc::store_failed,
                       "store " + store.string() + ": in use by another controller" +
                           holder(lock.fd_) + "; stop that one first, or name another store");
  }
  // The number is only for the message above; the lock itself is the kernel's.
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, pid.data(), pid.size(), 0) !=
                                           static_cast<ssize_t>(pid.size())) [[maybe_unused]]
    const int cleared = ::ftruncate(lock.fd_, 0);
  return lock;
}

file_lock::file_lock(file_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

file_lock& file_lock::operator=(file_lock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

file_lock::~file_lock() {
  if (fd_ >= 0)
    ::close(fd_);
}

} // namespace berth::store
