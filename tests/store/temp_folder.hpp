#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace berth::store_test {

/// A folder of its own, removed at the end; in memory where there is enough, because thousands of
/// commits would make a test depend on how busy the disk is.
class temp_folder {
public:
  temp_folder() {
    std::string pattern = (base() / "berth-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("cannot make a folder in " + pattern);
    path_ = pattern;
  }
  ~temp_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temp_folder(const temp_folder&) = delete;
  temp_folder& operator=(const temp_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  static std::filesystem::path base() {
    constexpr std::uintmax_t enough = std::uintmax_t{256} << 20U;
    std::error_code error;
    const auto memory = std::filesystem::space("/dev/shm", error);
    return !error && memory.available >= enough ? std::filesystem::path{"/dev/shm"}
                                                : std::filesystem::temp_directory_path();
  }

  std::filesystem::path path_;
};

} // namespace berth::store_test
