#include "hostbackend/linux/state_lock.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace berth::hostbackend::host_linux {

namespace {

/// ` by process 4242`; empty if it did not say who it is.
std::string holder(int descriptor) {
  std::array<char, 16> text{};
  const auto size = ::pread(descriptor, text.data(), text.size() - 1, 0);
  return size > 0 ? std::string{" by process "} + text.data() : std::string{};
}

/// For messages only, so that a full disk does not matter.
void say_who_holds(int descriptor) {
  const auto number = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, number.data(), number.size(), 0) < 0)
      [[maybe_unused]]
    const int cleared = ::ftruncate(descriptor, 0);
}

} // namespace

model::result<std::unique_ptr<state_lock>> state_lock::take(const std::filesystem::path& file) {
  const auto path = file.string() + ".lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return model::fail(model::errc::store_failed,
                       path + ": cannot be opened: " + std::strerror(errno));
  std::unique_ptr<state_lock> lock{new state_lock{descriptor}};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    say_who_holds(descriptor);
    return lock;
  }
  if (errno != EWOULDBLOCK)
    return model::fail(model::errc::store_failed,
                       path + ": cannot be locked: " + std::strerror(errno));
  return model::fail(model::errc::store_failed,
                     file.string() + " is in use" + holder(descriptor) +
                         ": the agent, or another command of berth-host, runs; stop that first");
}

state_lock::~state_lock() {
  ::close(descriptor_);
}

} // namespace berth::hostbackend::host_linux
