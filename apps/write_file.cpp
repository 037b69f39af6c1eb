#include "apps/write_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace berth::apps {

namespace {

/// A device or a pipe, such as /dev/stdout: nothing may take its place.
bool is_special(const std::string& path) {
  std::error_code none;
  return std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none);
}

} // namespace

model::result<void> write_file(const std::string& path, std::string_view text) {
  const auto special = is_special(path);
  const auto fresh = special ? path : path + ".new";
  errno = 0;
  std::ofstream out{fresh, std::ios::binary | std::ios::trunc};
  out << text;
  out.close();
  if (out && (special || std::rename(fresh.c_str(), path.c_str()) == 0))
    return {};
  const std::string why = std::strerror(errno);
  if (!special)
    std::remove(fresh.c_str());
  return model::fail(model::errc::store_failed, path + ": cannot be written: " + why);
}

} // namespace berth::apps
