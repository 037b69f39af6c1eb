#include "hostbackend/linux/device_holders.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <system_error>
#include <tuple>
#include <utility>

#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

std::optional<int> process_number(const fs::path& entry) {
  const auto name = entry.filename().string();
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc{} && end == name.data() + name.size() ? std::optional{number}
                                                                  : std::nullopt;
}

/// Adds what this process holds. Processes that end meanwhile hold nothing.
model::result<void> look_into(const fs::path& process, int number,
                              const std::set<std::string>& files,
                              std::vector<device_holder>& found) {
  std::error_code error;
  std::set<std::string> held; // a file that is open twice is named once
  for (const auto& entry : entries_of(process / "fd", error)) {
    std::error_code closed;
    const auto target = fs::read_symlink(entry, closed).string();
    if (!closed && files.contains(target))
      held.insert(target);
  }
  if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted)
    return fail(errc::verification_failed,
                "cannot see which files process " + std::to_string(number) +
                    " has open: the agent must run as root with CAP_SYS_PTRACE");
  for (const auto& file : held)
    found.push_back({number, read_text(process / "comm"), file});
  return {};
}

/// The DEVNAME of each device below a function's directory.
void add_device_names(const fs::path& function, std::set<std::string>& files) {
  constexpr int depth_max = 6;
  constexpr std::size_t entries_max = 20'000;
  std::error_code error;
  std::size_t entries = 0;
  fs::recursive_directory_iterator it{function, error};
  for (const fs::recursive_directory_iterator end; !error && it != end && entries < entries_max;
       it.increment(error), ++entries) {
    if (it.depth() >= depth_max)
      it.disable_recursion_pending();
    if (it.depth() == 0 || it->path().filename() != "uevent")
      continue;
    std::istringstream lines{read_text(it->path())};
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("DEVNAME="))
        files.insert("/dev/" + line.substr(8));
  }
}

/// NVIDIA's own driver makes its files itself; its `information` names the minor number.
void add_nvidia_file(const device_tools& tools, const model::pci_address& address,
                     std::set<std::string>& files) {
  constexpr std::string_view key = "Device Minor:";
  std::istringstream lines{
      read_text(tools.procfs / "driver/nvidia/gpus" / to_string(address) / "information")};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(key)) {
      const auto number = line.find_first_of("0123456789", key.size());
      if (number != std::string::npos)
        files.insert("/dev/nvidia" + line.substr(number));
    }
}

} // namespace

std::string describe(const std::vector<device_holder>& holders) {
  std::string text;
  for (const auto& one : holders)
    text += (text.empty() ? "process " : ", process ") + std::to_string(one.process) + " (" +
            one.program + ") has " + one.file + " open";
  return text;
}

model::result<std::vector<device_holder>> find_holders(const fs::path& procfs,
                                                       const std::set<std::string>& files) {
  std::vector<device_holder> found;
  if (files.empty())
    return found;
  std::error_code error;
  for (const auto& entry : entries_of(procfs, error))
    if (const auto number = process_number(entry))
      if (auto seen = look_into(entry, *number, files, found); !seen)
        return tl::unexpected<model::failure>{seen.error()};
  if (error)
    return fail(errc::verification_failed,
                "cannot read " + procfs.string() + ": " + error.message());
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.process, a.file) < std::tie(b.process, b.file);
  });
  return found;
}

std::set<std::string> vfio_files(const fs::path& sysfs,
                                 const std::vector<model::pci_function>& functions) {
  std::set<std::string> files;
  for (const auto& one : functions) {
    const pci_function_files here{sysfs, one.address};
    if (const auto group = here.iommu_group())
      files.insert("/dev/vfio/" + std::to_string(*group));
    add_device_names(here.path("vfio-dev"), files);
  }
  return files;
}

std::set<std::string> driver_files(const device_tools& tools,
                                   const std::vector<model::pci_function>& functions) {
  std::set<std::string> files;
  for (const auto& one : functions) {
    std::error_code gone;
    // The entry of the bus is a link; what is below it is not found through a link.
    const auto place = fs::canonical(pci_function_files{tools.sysfs, one.address}.path(), gone);
    if (gone)
      continue;
    add_device_names(place, files);
    add_nvidia_file(tools, one.address, files);
  }
  return files;
}

model::result<void> not_held(const device_tools& tools,
                             const std::vector<model::pci_function>& functions, model::errc code) {
  const auto holders = find_holders(tools.procfs, vfio_files(tools.sysfs, functions));
  if (!holders)
    return tl::unexpected<model::failure>{holders.error()};
  if (!holders->empty())
    return fail(code, to_string(functions.front().address) + " is in use: " + describe(*holders) +
                          "; stop that first");
  return {};
}

} // namespace berth::hostbackend::host_linux
