// What the kernel's files say, from anywhere: the parsers in memory, then one function and the
// tables of procfs in a small tree whose files hold pieces of the input. Nothing crashes, and
// nothing that is offered is unknown.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "hostbackend/allocation_units.hpp"
#include "hostbackend/linux/host_needs.hpp"
#include "hostbackend/linux/machine_facts.hpp"
#include "hostbackend/linux/scanner.hpp"

namespace hostbackend = berth::hostbackend;
namespace host_linux = berth::hostbackend::host_linux;
namespace fs = std::filesystem;

namespace {

void expect(bool holds) {
  if (!holds)
    std::abort();
}

/// A function and a root port above it; left behind at the end, in the temporary directory.
class tree {
public:
  tree() {
    auto pattern = (fs::temp_directory_path() / "berth-fuzz-XXXXXX").string();
    expect(mkdtemp(pattern.data()) != nullptr);
    top = pattern;
    const auto port = top / "sys/devices/pci0000:00/0000:00:01.0";
    device = port / "0000:01:00.0";
    for (const auto& directory :
         {device, top / "sys/bus/pci/devices", top / "sys/devices/system/cpu",
          top / "sys/kernel/iommu_groups/1", top / "proc/self", top / "proc/net",
          top / "sys/class/net", top / "sys/dev/block"})
      fs::create_directories(directory);
    fs::create_symlink("../../../devices/pci0000:00/0000:00:01.0",
                       top / "sys/bus/pci/devices/0000:00:01.0");
    fs::create_symlink("../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0",
                       top / "sys/bus/pci/devices/0000:01:00.0");
    fs::create_symlink("../../../../kernel/iommu_groups/1", device / "iommu_group");
  }
  fs::path top;
  fs::path device;
};

void parse_in_memory(std::string_view text) {
  expect(host_linux::bar_sizes(text).size() <= 6);
  expect(host_linux::link_generation(text) <= 6);
  expect(host_linux::count_of_list(text).value_or(1) > 0);
  static_cast<void>(host_linux::port_from_config(text));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  parse_in_memory(text);
  if (data[0] % 64 != 0)
    return 0;

  static const tree files;
  const std::array<fs::path, 16> targets{
      files.device / "vendor",       files.device / "device",
      files.device / "class",        files.device / "config",
      files.device / "numa_node",    files.device / "max_link_speed",
      files.device / "resource",     files.device / "current_link_width",
      files.device / "reset_method", files.device / "sriov_numvfs",
      files.device / "boot_vga",     files.top / "proc/self/mountinfo",
      files.top / "proc/net/route",  files.top / "proc/net/ipv6_route",
      files.top / "proc/swaps",      files.top / "sys/devices/system/cpu/online"};
  for (const auto& target : targets) { // pieces end with a zero byte
    const auto piece = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(text.size(), piece.size() + 1));
    std::ofstream{target, std::ios::binary} << piece;
  }
  const host_linux::host_roots roots{.sysfs = files.top / "sys", .procfs = files.top / "proc"};
  const auto functions = host_linux::scan_functions(roots.sysfs);
  expect(functions && functions->size() == 2);
  static_cast<void>(host_linux::find_host_needs(roots));
  static_cast<void>(host_linux::read_machine(roots, {}));
  const auto devices = hostbackend::survey(*functions, {.offered_classes = {0x0108}},
                                           [](const auto&) { return hostbackend::device_names{}; });
  for (const auto& one : devices)
    expect(one.vendor_device.vendor != 0xffff && one.numa_node >= -1 && one.iommu_group == 1);
  return 0;
}
