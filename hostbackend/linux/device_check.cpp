#include "hostbackend/linux/device_check.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "hostbackend/linux/device_holders.hpp"
#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/scanner.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;
using model::pci_function;
using model::result;
using model::host_operations::device_evidence;

namespace {

/// What one function shows of itself.
struct function_look {
  bool config_readable = false;
  bool identity_matches = false;
  bool vfio_bound = false;
  std::optional<function_facts> facts;
};

std::uint32_t little_endian(const std::string& bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i)
    value |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

/// PCI Local Bus Specification 3.0, section 6.1: vendor at 0, device at 2, class at 9.
bool config_matches(const std::string& header, const pci_function& expected) {
  return little_endian(header, 0, 2) == expected.id.vendor &&
         little_endian(header, 2, 2) == expected.id.device &&
         little_endian(header, 9, 3) == expected.class_code;
}

result<function_look> look_at(const device_tools& tools, const pci_function& one) {
  const auto address = to_string(one.address);
  return tools.calls->run<function_look>(
      address, "looking at it", tools.limits.look,
      [sysfs = tools.sysfs, one, address]() -> result<function_look> {
        const pci_function_files here{sysfs, one.address};
        if (!here.present())
          return fail(errc::device_lost, address + " is not on the bus");
        function_look seen;
        seen.config_readable = !here.config_is_lost();
        seen.identity_matches = seen.config_readable && here.id() == one.id &&
                                config_matches(here.config_header(), one);
        seen.vfio_bound = here.driver() == vfio_pci;
        seen.facts = scan_function(sysfs, one.address);
        return seen;
      });
}

bool is_no_worse(const model::pcie_link& now, const model::pcie_link& before) {
  return now.generation >= before.generation && now.width >= before.width;
}

/// vfio lets a group be used when each member has no driver or one of these. Linux:
/// drivers that set driver_managed_dma.
bool leaves_dma_alone(const std::string& driver) {
  return driver.empty() || driver == vfio_pci || driver == "pci-stub" || driver == "pcieport";
}

result<void> is_viable(const fs::path& sysfs, const std::vector<pci_function>& functions,
                       const std::set<model::pci_address>& managed) {
  for (const auto& one : functions) {
    std::error_code ignored;
    const auto members = pci_function_files{sysfs, one.address}.path("iommu_group") / "devices";
    for (const auto& entry : fs::directory_iterator{members, ignored}) {
      const auto address = model::pci_address::parse(entry.path().filename().string());
      if (!address || managed.contains(*address))
        continue;
      if (const auto driver = pci_function_files{sysfs, *address}.driver();
          !leaves_dma_alone(driver))
        return fail(errc::group_not_viable, "the IOMMU group of " + to_string(one.address) +
                                                " also holds " + to_string(*address) +
                                                ", which the host drives with " + driver +
                                                ": unbind that, or move it to another slot");
    }
  }
  return {};
}

} // namespace

device_baseline baseline_of(const model::device_info& device) {
  return {device.vendor_device, device.class_code, device.link, device.bar_sizes};
}

result<device_evidence> check_device(const device_tools& tools, const check_request& what) {
  const auto functions = functions_of(what.device);
  device_evidence evidence{.reset_method = what.last_reset,
                           .config_readable = true,
                           .identity_matches = true,
                           .vfio_bound = true};
  for (const auto& one : functions) {
    const auto seen = look_at(tools, one);
    if (!seen)
      return tl::unexpected<model::failure>{seen.error()};
    evidence.config_readable = evidence.config_readable && seen->config_readable;
    evidence.identity_matches = evidence.identity_matches && seen->identity_matches;
    evidence.vfio_bound = evidence.vfio_bound && seen->vfio_bound;
    if (one.address != what.device.address || !seen->facts)
      continue;
    evidence.bars_match = seen->facts->bar_sizes == what.baseline.bar_sizes;
    evidence.link_matches = is_no_worse(seen->facts->link, what.baseline.link);
    evidence.identity_matches = evidence.identity_matches && what.baseline.id == one.id &&
                                what.baseline.class_code == one.class_code;
  }
  auto members = what.managed;
  for (const auto& one : functions)
    members.insert(one.address);
  if (auto viable = is_viable(tools.sysfs, functions, members); !viable)
    return tl::unexpected<model::failure>{viable.error()};
  const auto holders = find_holders(tools.procfs, vfio_files(tools.sysfs, functions));
  if (!holders)
    return tl::unexpected<model::failure>{holders.error()};
  evidence.group_released = holders->empty();
  return evidence;
}

} // namespace berth::hostbackend::host_linux
