#pragma once

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "model/failure.hpp"
#include "model/pci_address.hpp"

/// Reading of sysfs and procfs, bounded and prepared for broken or hostile content: recorded and
/// fake trees run through the same code as the kernel's own. Nothing here writes.
namespace berth::hostbackend::host_linux {

/// Where the kernel shows the machine; elsewhere for recorded and fake trees.
struct host_roots {
  std::filesystem::path sysfs = "/sys";
  std::filesystem::path procfs = "/proc";
};

inline constexpr std::size_t attribute_bytes_max = 4096;  ///< sysfs gives one page
inline constexpr std::size_t table_bytes_max = 4U << 20U; ///< procfs tables, e.g. mountinfo
inline constexpr std::size_t entries_max = 65'536;        ///< of one directory

/// The first `most` bytes of a regular file; nullopt if it cannot be read: absent, no regular file
/// (a pipe would block), permission denied, a loop of links, an error of the device.
[[nodiscard]] std::optional<std::string> read_bytes(const std::filesystem::path& file,
                                                    std::size_t most = attribute_bytes_max);
/// The same without white space around it; empty if it cannot be read.
[[nodiscard]] std::string read_text(const std::filesystem::path& file);

/// The last part of what a link points to; empty if there is no such link. Fails if it is there but
/// cannot be read: then nothing is known, which is not the same as nothing being there.
[[nodiscard]] model::result<std::string> read_link_name(const std::filesystem::path& link);

/// Names in a directory, ascending, without `.` and `..`. Fails if it cannot be read to its end or
/// has more than `entries_max`: half a directory is never taken for the whole.
[[nodiscard]] model::result<std::vector<std::string>>
names_in(const std::filesystem::path& directory);

/// The PCI functions that a path leads through once its links are followed, outermost first; empty
/// if it cannot be followed.
[[nodiscard]] std::vector<model::pci_address>
pci_functions_above(const std::filesystem::path& path);

/// The whole text as a number, with or without `0x` in base 16.
template <class Number> std::optional<Number> parse_number(std::string_view text, int base) {
  if (base == 16 && text.starts_with("0x"))
    text.remove_prefix(2);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

template <class Number>
std::optional<Number> read_number(const std::filesystem::path& file, int base) {
  return parse_number<Number>(read_text(file), base);
}

/// How many numbers a kernel list such as `0-3,8,10-11` names; nullopt if it is none.
[[nodiscard]] std::optional<int> count_of_list(std::string_view list);

} // namespace berth::hostbackend::host_linux
