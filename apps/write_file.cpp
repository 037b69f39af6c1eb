#include "apps/write_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace berth::apps {

model::result<void> write_file(const std::string& path, std::string_view text) {
  const auto fresh = path + ".new";
  errno = 0;
  std::ofstream out{fresh, std::ios::binary | std::ios::trunc};
  out << text;
  out.close();
  if (out && std::rename(fresh.c_str(), path.c_str()) == 0)
    return {};
  const std::string why = std::strerror(errno);
  std::remove(fresh.c_str());
  return model::fail(model::errc::store_failed, path + ": cannot be written: " + why);
}

} // namespace berth::apps
