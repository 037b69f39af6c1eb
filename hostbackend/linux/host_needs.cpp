#include "hostbackend/linux/host_needs.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t layers_max = 256; ///< disks below one volume, interfaces below one

/// None where there is no such directory: most disks have no `slaves`.
std::vector<std::string> entries_of(const fs::path& directory) {
  return names_in(directory).value_or(std::vector<std::string>{});
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in{line};
  std::vector<std::string> words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return words;
}

/// Paths in procfs have blanks and the like as `\040`.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto code = text[i] == '\\' && i + 3 < text.size()
                          ? parse_number<std::uint8_t>(text.substr(i + 1, 3), 8)
                          : std::nullopt;
    plain += code ? static_cast<char>(*code) : text[i];
    i += code ? 3U : 0U;
  }
  return plain;
}

struct mount {
  std::string device; ///< `259:2`
  std::string source; ///< `/dev/nvme0n1p2`
  std::string where;
};

/// The fields of proc(5), /proc/pid/mountinfo.
std::optional<mount> parse_mount(const std::string& line) {
  const auto words = words_of(line);
  std::size_t separator = 6;
  while (separator < words.size() && words[separator] != "-")
    ++separator;
  if (separator + 2 >= words.size())
    return std::nullopt;
  return mount{
      .device = words[2], .source = unescaped(words[separator + 2]), .where = unescaped(words[4])};
}

class needs_finder {
public:
  explicit needs_finder(const host_roots& roots) : roots_{roots} {}

  host_needs run() {
    const auto mounts = read_mounts();
    for (const auto& one : mounts)
      if (one.where == "/")
        need_disk(block_device(one),
                  [](const auto& disk) { return "root file system on " + disk; });
    for (const auto& interface : default_routes())
      need_interface(interface, "default route through " + interface);
    for (const auto& one : mounts)
      need_disk(block_device(one),
                [&one](const auto& disk) { return disk + " mounted at " + one.where; });
    for (const auto& disk : swap_devices())
      need_disk(roots_.sysfs / "class/block" / disk,
                [](const auto& name) { return "swap on " + name; });
    for (const auto& interface : entries_of(roots_.sysfs / "class/net"))
      if (read_text(roots_.sysfs / "class/net" / interface / "operstate") == "up")
        need_interface(interface, "network interface " + interface + " is up");
    return std::move(found_);
  }

private:
  void need(const fs::path& path, const std::string& why) {
    const auto functions = pci_functions_above(path);
    if (!functions.empty())
      found_.functions.emplace(functions.back(), why);
  }

  enum class absence { usual, remarkable };
  /// The lines of a procfs table, without the first `heads`.
  std::vector<std::string> table(const fs::path& file, std::size_t heads, absence if_absent) {
    const auto text = read_bytes(roots_.procfs / file, table_bytes_max);
    if (!text && if_absent == absence::remarkable)
      found_.remarks.push_back("cannot read " + (roots_.procfs / file).string() +
                               ": what the host uses is not wholly known");
    std::istringstream in{text.value_or(std::string{})};
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
      lines.push_back(line);
    lines.erase(lines.begin(),
                lines.begin() + static_cast<std::ptrdiff_t>(std::min(heads, lines.size())));
    return lines;
  }

  // --- Disks ---------------------------------------------------------------------------------

  std::vector<mount> read_mounts() {
    std::vector<mount> mounts;
    for (const auto& line : table("self/mountinfo", 0, absence::remarkable))
      if (auto one = parse_mount(line))
        mounts.push_back(std::move(*one));
    return mounts;
  }

  std::vector<std::string> swap_devices() {
    std::vector<std::string> disks;
    for (const auto& line : table("swaps", 1, absence::usual))
      if (const auto words = words_of(line); !words.empty() && words[0].starts_with("/dev/"))
        disks.push_back(fs::path{unescaped(words[0])}.filename().string());
    return disks;
  }

  /// Where sysfs has the mounted block device. File systems with devices of their own numbering
  /// (btrfs: major 0) are found by the name of the source.
  [[nodiscard]] fs::path block_device(const mount& one) const {
    std::error_code error;
    const auto numbered = roots_.sysfs / "dev/block" / one.device;
    if (is_entry(one.device) && fs::exists(numbered, error))
      return numbered;
    if (!one.source.starts_with("/dev/"))
      return {};
    const auto name = fs::path{one.source}.filename().string();
    if (!one.source.starts_with("/dev/mapper/"))
      return roots_.sysfs / "class/block" / name;
    for (const auto& disk : entries_of(roots_.sysfs / "class/block"))
      if (disk.starts_with("dm-") &&
          read_text(roots_.sysfs / "class/block" / disk / "dm/name") == name)
        return roots_.sysfs / "class/block" / disk;
    return {};
  }

  /// Follows a volume to the disks below it (device-mapper, RAID, LVM, multipath have `slaves`).
  void need_disk(const fs::path& device,
                 const std::function<std::string(const std::string&)>& why) {
    std::error_code error;
    std::vector<fs::path> open{device};
    std::set<fs::path> seen;
    while (!open.empty() && seen.size() < layers_max) {
      const auto at = fs::canonical(open.back(), error);
      open.pop_back();
      if (error || !seen.insert(at).second)
        continue;
      for (const auto& lower : entries_of(at / "slaves"))
        open.push_back(at / "slaves" / lower);
      for (auto& controller : nvme_controllers(at))
        open.push_back(std::move(controller));
      need(at, why(at.filename().string()));
    }
  }

  /// A namespace that may have several controllers is no child of any of them: it stands in
  /// /sys/devices/virtual/nvme-subsystem/nvme-subsys0, beside links to them.
  static std::vector<fs::path> nvme_controllers(const fs::path& disk) {
    std::vector<fs::path> controllers;
    for (auto above = disk.parent_path(); above.has_relative_path(); above = above.parent_path()) {
      const auto name = above.filename().string();
      if (!name.starts_with("nvme-subsys") || name == "nvme-subsystem")
        continue;
      std::error_code error;
      for (const auto& entry : entries_of(above))
        if (entry.starts_with("nvme") && fs::is_symlink(above / entry, error))
          controllers.push_back(above / entry);
    }
    return controllers;
  }

  // --- Network -------------------------------------------------------------------------------

  static constexpr unsigned route_up = 0x1;       // RTF_UP, linux/route.h
  static constexpr unsigned route_reject = 0x200; // RTF_REJECT

  std::set<std::string> default_routes() {
    std::set<std::string> interfaces;
    const auto add = [&interfaces](const std::string& name, const std::string& flags) {
      const auto bits = parse_number<std::uint32_t>(flags, 16).value_or(0);
      if ((bits & route_up) != 0 && (bits & route_reject) == 0 && name != "lo" && is_entry(name))
        interfaces.insert(name);
    };
    for (const auto& line : table("net/route", 1, absence::remarkable))
      if (const auto words = words_of(line);
          words.size() >= 8 && words[1] == "00000000" && words[7] == "00000000")
        add(words[0], words[3]);
    for (const auto& line : table("net/ipv6_route", 0, absence::usual))
      if (const auto words = words_of(line); words.size() >= 10 && words[1] == "00")
        add(words[9], words[8]);
    return interfaces;
  }

  static bool is_entry(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
  }

  /// Follows bonds, bridges, teams and VLANs to the interfaces below them: their `lower_...` links.
  void need_interface(const std::string& name, const std::string& why) {
    std::error_code error;
    std::vector<fs::path> open{roots_.sysfs / "class/net" / name};
    std::set<fs::path> seen;
    while (!open.empty() && seen.size() < layers_max) {
      const auto at = fs::canonical(open.back(), error);
      open.pop_back();
      if (error || !seen.insert(at).second)
        continue;
      for (const auto& entry : entries_of(at))
        if (entry.starts_with("lower_"))
          open.push_back(at / entry);
      need(at, why);
    }
  }

  const host_roots& roots_;
  host_needs found_;
};

} // namespace

host_needs find_host_needs(const host_roots& roots) {
  return needs_finder{roots}.run();
}

} // namespace berth::hostbackend::host_linux
