#include "apps/write_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace berth::apps {

namespace {

/// A device, a pipe or a link to something: nothing may take its place.
bool is_special(const std::string& path) {
  std::error_code none;
  const auto status = std::filesystem::symlink_status(path, none);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
}

} // namespace

model::result<void> write_file(const std::string& path,
                               const std::function<void(std::ostream&)>& write) {
  const auto special = is_special(path);
  const auto fresh = special ? path : path + ".new";
  errno = 0;
  std::ofstream out{fresh, std::ios::binary | std::ios::trunc};
  const bool opened = out.is_open();
  if (opened)
    write(out);
  out.close();
  if (out && (special || std::rename(fresh.c_str(), path.c_str()) == 0))
    return {};
  const std::string why = std::strerror(errno);
  if (opened && !special)
    ::unlink(fresh.c_str());
  return model::fail(model::errc::store_failed, path + ": cannot be written: " + why);
}

model::result<void> write_file(const std::string& path, std::string_view text) {
  return write_file(path, [text](std::ostream& out) { out << text; });
}

} // namespace berth::apps
