#include "hostbackend/linux/sysfs_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;

namespace {

/// An open file, closed at the end.
class open_file {
public:
  explicit open_file(const fs::path& file)
      : descriptor_{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)} {}
  ~open_file() {
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  [[nodiscard]] bool is_regular() const {
    struct stat what {};
    return descriptor_ >= 0 && ::fstat(descriptor_, &what) == 0 && S_ISREG(what.st_mode);
  }
  [[nodiscard]] std::optional<std::string> read(std::size_t most) const {
    std::string bytes(most, '\0');
    std::size_t have = 0;
    while (have < most) {
      const auto count = ::read(descriptor_, bytes.data() + have, most - have);
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0)
        return std::nullopt;
      if (count == 0)
        break;
      have += static_cast<std::size_t>(count);
    }
    bytes.resize(have);
    return bytes;
  }

private:
  int descriptor_;
};

} // namespace

std::optional<std::string> read_bytes(const fs::path& file, std::size_t most) {
  const open_file opened{file};
  return opened.is_regular() ? opened.read(most) : std::nullopt;
}

std::string read_text(const fs::path& file) {
  constexpr std::string_view white{" \t\r\n\0", 5};
  const auto bytes = read_bytes(file).value_or(std::string{});
  const auto first = bytes.find_first_not_of(white);
  if (first == std::string::npos)
    return {};
  return bytes.substr(first, bytes.find_last_not_of(white) - first + 1);
}

model::result<std::string> read_link_name(const fs::path& link) {
  std::error_code error;
  const auto target = fs::read_symlink(link, error);
  if (error == std::errc::no_such_file_or_directory)
    return std::string{};
  if (error)
    return model::fail(model::errc::not_found,
                       "cannot read the link " + link.string() + ": " + error.message());
  return target.has_filename() ? target.filename().string()
                               : target.parent_path().filename().string();
}

model::result<std::vector<std::string>> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it{directory, error}, end; !error && it != end; it.increment(error)) {
    if (names.size() == entries_max)
      return model::fail(model::errc::too_large, directory.string() + " has more than " +
                                                     std::to_string(entries_max) + " entries");
    names.push_back(it->path().filename().string());
  }
  if (error)
    return model::fail(model::errc::not_found,
                       "cannot read " + directory.string() + ": " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<model::pci_address> pci_functions_above(const fs::path& path) {
  std::error_code error;
  const auto followed = fs::canonical(path, error);
  std::vector<model::pci_address> functions;
  if (!error)
    for (const auto& part : followed)
      if (const auto address = model::pci_address::parse(part.string()))
        functions.push_back(*address);
  return functions;
}

std::optional<int> count_of_list(std::string_view list) {
  constexpr int numbers_max = 1 << 20;
  int count = 0;
  while (!list.empty()) {
    const auto part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    const auto dash = part.find('-');
    const auto first = parse_number<std::int32_t>(part.substr(0, dash), 10);
    const auto last = dash == std::string_view::npos
                          ? first
                          : parse_number<std::int32_t>(part.substr(dash + 1), 10);
    if (!first || !last || *first < 0 || *last < *first || *last >= numbers_max)
      return std::nullopt;
    count += *last - *first + 1;
    if (count > numbers_max)
      return std::nullopt;
  }
  return count > 0 ? std::optional{count} : std::nullopt;
}

} // namespace berth::hostbackend::host_linux
