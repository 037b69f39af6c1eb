#include "hostbackend/linux/device_memory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "model/text.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

constexpr std::string_view magic = "berth-devices ";
constexpr int version = 1;
constexpr std::size_t bytes_max = 4U << 20U;
constexpr std::size_t name_max = 64;

// --- Writing -------------------------------------------------------------------------------------

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string class_text(std::uint32_t code) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%06x", code & 0xffffffU);
  return text.data();
}

std::string list_text(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& one : words)
    text += (text.empty() ? "" : ",") + one;
  return or_dash(text);
}

std::string list_text(const std::vector<std::uint64_t>& numbers) {
  std::vector<std::string> words;
  for (const auto one : numbers)
    words.push_back(std::to_string(one));
  return list_text(words);
}

// --- Reading -------------------------------------------------------------------------------------

/// The parts between single separators; two in a row give an empty part.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos)
      return parts;
    text.remove_prefix(at + 1);
  }
}

template <class Number> std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::optional<std::string> name_or_dash(std::string_view text) {
  if (text == "-")
    return std::string{};
  if (!model::is_name(text, name_max))
    return std::nullopt;
  return std::string{text};
}

std::optional<std::vector<std::string>> names(std::string_view text) {
  std::vector<std::string> found;
  if (text == "-")
    return found;
  for (const auto part : split(text, ',')) {
    if (!model::is_name(part, name_max) || found.size() >= 16)
      return std::nullopt;
    found.emplace_back(part);
  }
  return found;
}

std::optional<std::vector<std::uint64_t>> sizes(std::string_view text) {
  std::vector<std::uint64_t> found;
  if (text == "-")
    return found;
  for (const auto part : split(text, ',')) {
    const auto size = number<std::uint64_t>(part);
    if (!size || *size == 0 || found.size() >= 6)
      return std::nullopt;
    found.push_back(*size);
  }
  return found;
}

std::optional<model::pcie_link> link_of(std::string_view text) {
  const auto parts = split(text, 'x');
  if (parts.size() != 2)
    return std::nullopt;
  const auto generation = number<std::uint8_t>(parts[0]);
  const auto width = number<std::uint8_t>(parts[1]);
  if (!generation || !width)
    return std::nullopt;
  return model::pcie_link{*generation, *width};
}

/// Reads the lines one after another; what is wrong with one is a reason, empty = nothing.
class line_reader {
public:
  remembered_devices found;

  std::string take(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() != 6)
      return "expected `function` or `baseline` with five values";
    const auto address = model::pci_address::parse(words[1]);
    if (!address || to_string(*address) != words[1])
      return "`" + std::string{words[1]} + "` is no PCI address";
    const auto id = model::vendor_device_id::parse(words[2]);
    if (!id)
      return "`" + std::string{words[2]} + "` is no vendor:device";
    if (words[0] == "function")
      return function(*address, *id, words);
    if (words[0] == "baseline")
      return baseline(*address, *id, words);
    return "`" + std::string{words[0]} + "` is neither `function` nor `baseline`";
  }

private:
  std::string function(const model::pci_address& address, const model::vendor_device_id& id,
                       const std::vector<std::string_view>& words) {
    const auto driver = name_or_dash(words[3]);
    const auto override = name_or_dash(words[4]);
    const auto methods = names(words[5]);
    if (!driver || !override)
      return "`" + std::string{words[driver ? 4 : 3]} + "` is no driver's name";
    if (!methods)
      return "`" + std::string{words[5]} + "` is no list of reset methods";
    return found.functions.emplace(address, kept_function{id, *driver, *override, *methods}).second
               ? std::string{}
               : "function " + to_string(address) + " comes twice";
  }

  std::string baseline(const model::pci_address& address, const model::vendor_device_id& id,
                       const std::vector<std::string_view>& words) {
    const auto code = number<std::uint32_t>(words[3], 16);
    const auto link = link_of(words[4]);
    const auto bars = sizes(words[5]);
    if (!code || words[3].size() != 6)
      return "`" + std::string{words[3]} + "` is no class of six hexadecimal digits";
    if (!link)
      return "`" + std::string{words[4]} + "` is no link such as 5x16";
    if (!bars)
      return "`" + std::string{words[5]} + "` is no list of BAR sizes in bytes";
    return found.baselines.emplace(address, device_baseline{id, *code, *link, *bars}).second
               ? std::string{}
               : "baseline " + to_string(address) + " comes twice";
  }
};

tl::unexpected<model::failure> corrupt(std::string_view name, std::size_t line,
                                       const std::string& why) {
  return fail(errc::store_corrupt,
              std::string{name} + ":" + std::to_string(line) + ": " + why +
                  "; restore a copy, or move the file away: then original drivers and "
                  "baselines are taken anew from how the devices are now");
}

// --- The file ------------------------------------------------------------------------------------

tl::unexpected<model::failure> broken(const fs::path& file, const std::string& step) {
  const int error = errno;
  return fail(error == ENOSPC || error == EDQUOT ? errc::store_full : errc::store_failed,
              file.string() + ": cannot " + step + ": " + std::strerror(error));
}

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

model::result<void> write_synced(const fs::path& file, std::string_view text) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return broken(file, "create");
  const bool good = write_all(descriptor, text) && ::fsync(descriptor) == 0;
  const auto failed =
      good ? tl::unexpected<model::failure>{model::failure{}} : broken(file, "write and sync");
  ::close(descriptor);
  if (!good)
    return failed;
  return {};
}

/// A file's name is durable only when its directory is.
model::result<void> sync_directory_of(const fs::path& file) {
  const auto parent = file.has_parent_path() ? file.parent_path() : fs::path{"."};
  const int directory = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return broken(parent, "open the directory");
  const bool good = ::fsync(directory) == 0;
  const auto failed = good ? tl::unexpected<model::failure>{model::failure{}}
                           : broken(parent, "sync the directory");
  ::close(directory);
  if (!good)
    return failed;
  return {};
}

/// The old content or the new, whatever happens.
model::result<void> replace(const fs::path& file, std::string_view text) {
  const fs::path fresh = file.string() + ".new";
  if (auto written = write_synced(fresh, text); !written)
    return written;
  if (::rename(fresh.c_str(), file.c_str()) != 0)
    return broken(file, "rename the new version to it");
  return sync_directory_of(file);
}

} // namespace

bool is_narrowed(const std::vector<std::string>& now, const std::vector<std::string>& before) {
  return now.size() == 1 && before.size() > 1 &&
         std::find(before.begin(), before.end(), now.front()) != before.end();
}

std::string to_text(const remembered_devices& what) {
  std::string text = std::string{magic} + std::to_string(version) + "\n";
  for (const auto& [address, one] : what.functions)
    text += "function " + to_string(address) + " " + to_string(one.id) + " " + or_dash(one.driver) +
            " " + or_dash(one.driver_override) + " " + list_text(one.reset_methods) + "\n";
  for (const auto& [address, one] : what.baselines)
    text += "baseline " + to_string(address) + " " + to_string(one.id) + " " +
            class_text(one.class_code) + " " + std::to_string(one.link.generation) + "x" +
            std::to_string(one.link.width) + " " + list_text(one.bar_sizes) + "\n";
  return text + "end " + std::to_string(what.functions.size() + what.baselines.size()) + "\n";
}

model::result<remembered_devices> parse_remembered(std::string_view text, std::string_view name) {
  if (text.size() > bytes_max)
    return fail(errc::too_large, std::string{name} + " is larger than 4 MiB");
  auto lines = split(text, '\n');
  if (lines.size() < 3 || !lines.back().empty())
    return corrupt(name, lines.size(), "the file does not end with an `end` line");
  lines.pop_back();
  if (!lines.front().starts_with(magic))
    return corrupt(name, 1, "not a file of remembered devices");
  const auto found = number<int>(lines.front().substr(magic.size()));
  if (!found || *found < 1)
    return corrupt(name, 1, "no version after `" + std::string{magic} + "`");
  if (*found > version)
    return fail(errc::store_too_new, std::string{name} + ":1: version " + std::to_string(*found) +
                                         " was written by a newer agent; this one knows " +
                                         std::to_string(version));
  line_reader reader;
  const auto records = lines.size() - 2;
  for (std::size_t i = 1; i <= records; ++i)
    if (const auto why = reader.take(lines[i]); !why.empty())
      return corrupt(name, i + 1, why);
  if (lines.back() != "end " + std::to_string(records))
    return corrupt(name, lines.size(), "expected `end " + std::to_string(records) + "`");
  if (to_text(reader.found) != text)
    return corrupt(name, lines.size(), "the lines are not in the order or form that is written");
  return std::move(reader.found);
}

model::result<std::unique_ptr<device_memory>> device_memory::open(const fs::path& file) {
  auto lock = state_lock::take(file);
  if (!lock)
    return tl::unexpected<model::failure>{std::move(lock.error())};
  std::ifstream in{file, std::ios::binary};
  if (!in) {
    if (errno != ENOENT)
      return broken(file, "read");
    return std::unique_ptr<device_memory>{new device_memory{file, std::move(*lock), {}}};
  }
  std::string text(bytes_max + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad())
    return broken(file, "read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  auto what = parse_remembered(text, file.string());
  if (!what)
    return tl::unexpected<model::failure>{std::move(what.error())};
  return std::unique_ptr<device_memory>{
      new device_memory{file, std::move(*lock), std::move(*what)}};
}

device_memory::device_memory(fs::path file, std::unique_ptr<state_lock> lock,
                             remembered_devices what)
    : file_{std::move(file)}, lock_{std::move(lock)}, what_{std::move(what)} {}

remembered_devices device_memory::all() const {
  const std::scoped_lock hold{guard_};
  return what_;
}

std::optional<kept_function> device_memory::function(const model::pci_address& address) const {
  const std::scoped_lock hold{guard_};
  const auto found = what_.functions.find(address);
  return found == what_.functions.end() ? std::nullopt : std::optional{found->second};
}

std::optional<device_baseline> device_memory::baseline(const model::pci_address& address) const {
  const std::scoped_lock hold{guard_};
  const auto found = what_.baselines.find(address);
  return found == what_.baselines.end() ? std::nullopt : std::optional{found->second};
}

model::result<void>
device_memory::keep_functions(const std::map<model::pci_address, kept_function>& functions) {
  const std::scoped_lock hold{guard_};
  auto next = what_;
  for (const auto& [address, one] : functions)
    next.functions.insert_or_assign(address, one);
  return change_to(std::move(next));
}

model::result<void>
device_memory::keep_baselines(const std::map<model::pci_address, device_baseline>& baselines) {
  const std::scoped_lock hold{guard_};
  auto next = what_;
  for (const auto& [address, one] : baselines)
    next.baselines.insert_or_assign(address, one);
  return change_to(std::move(next));
}

model::result<void>
device_memory::forget_functions(const std::vector<model::pci_address>& addresses) {
  const std::scoped_lock hold{guard_};
  auto next = what_;
  for (const auto& one : addresses)
    next.functions.erase(one);
  return change_to(std::move(next));
}

model::result<void>
device_memory::forget_baselines(const std::vector<model::pci_address>& addresses) {
  const std::scoped_lock hold{guard_};
  auto next = what_;
  for (const auto& one : addresses)
    next.baselines.erase(one);
  return change_to(std::move(next));
}

/// The caller holds guard_.
model::result<void> device_memory::change_to(remembered_devices next) {
  if (next == what_)
    return {};
  if (auto kept = replace(file_, to_text(next)); !kept)
    return kept;
  what_ = std::move(next);
  return {};
}

} // namespace berth::hostbackend::host_linux
