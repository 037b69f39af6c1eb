#include "cli/output_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace berth::cli {

namespace {

/// A file that is made beside another one, and goes again unless it takes its place.
class half_file {
public:
  explicit half_file(std::string path)
      : path_{std::move(path)}, fd_{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                           0600)} {}
  half_file(const half_file&) = delete;
  half_file& operator=(const half_file&) = delete;
  ~half_file() {
    if (fd_ < 0)
      return;
    ::close(fd_);
    if (!placed_)
      ::unlink(path_.c_str());
  }

  [[nodiscard]] bool write(std::string_view text) const {
    while (fd_ >= 0 && !text.empty()) {
      const auto wrote = ::write(fd_, text.data(), text.size());
      if (wrote < 0 && errno != EINTR)
        return false;
      text.remove_prefix(wrote > 0 ? static_cast<std::size_t>(wrote) : 0);
    }
    return fd_ >= 0 && ::fsync(fd_) == 0;
  }
  [[nodiscard]] bool place_at(const std::string& path) {
    placed_ = std::rename(path_.c_str(), path.c_str()) == 0;
    return placed_;
  }

private:
  std::string path_;
  int fd_;
  bool placed_ = false;
};

} // namespace

result<void> write_private(const std::string& path, std::string_view text) {
  half_file file{path + ".new-" + std::to_string(::getpid())};
  if (!file.write(text) || !file.place_at(path))
    return tl::unexpected{
        fault{exit_code::failed, "cannot write " + path + ": " + std::strerror(errno)}};
  return {};
}

} // namespace berth::cli
