#include "hostbackend/linux/device_check.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "hostbackend/linux/device_holders.hpp"
#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"

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
  bool bars_in_place = false;
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

/// Where the kernel placed the six BARs; 0 = not there.
std::array<std::uint64_t, 6> placed_bars(const std::string& resource) {
  std::array<std::uint64_t, 6> starts{};
  std::istringstream lines{resource};
  lines >> std::setbase(0);
  for (auto& start : starts) {
    std::uint64_t end = 0;
    std::uint64_t flags = 0;
    constexpr std::uint64_t memory = 0x200; // Linux: IORESOURCE_MEM
    if (!(lines >> start >> end >> flags) || (flags & memory) == 0)
      start = 0;
  }
  return starts;
}

/// True if the memory BARs hold what the kernel wrote there. A kernel that saved the registers of a
/// function that did not answer "restores" all ones, and nothing else shows it. Bus and CPU
/// addresses are taken to be the same, as they are on x86. PCI Local Bus Specification 3.0,
/// section 6.2.5.1.
bool bars_in_place(const std::string& header, const std::array<std::uint64_t, 6>& placed) {
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (placed[i] == 0)
      continue;
    const auto low = little_endian(header, 0x10 + 4 * i, 4);
    const bool wide = (low & 0x6U) == 0x4U && i + 1 < placed.size();
    const auto high = wide ? little_endian(header, 0x14 + 4 * i, 4) : 0U;
    if ((low & ~0xfU) != (placed[i] & 0xfffffff0U) || (wide && high != placed[i] >> 32U))
      return false;
  }
  return true;
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
        const auto header = here.config_header();
        seen.config_readable = !is_lost(header);
        seen.identity_matches =
            seen.config_readable && here.id() == one.id && config_matches(header, one);
        seen.bars_in_place = seen.config_readable &&
                             bars_in_place(header, placed_bars(read_text(here.path("resource"))));
        seen.vfio_bound = here.driver() == vfio_pci;
        seen.facts = scan_function(sysfs, one.address);
        return seen;
      });
}

bool is_no_worse(const model::pcie_link& now, const model::pcie_link& before) {
  return now.generation >= before.generation && now.width >= before.width;
}

/// vfio lets a group be used when each member is a bridge, has no driver or has one of these.
bool leaves_group_alone(const pci_function_files& member) {
  const auto driver = member.driver();
  return driver.empty() || driver == vfio_pci || driver == "pci-stub" ||
         read_text(member.path("class")).starts_with("0x06");
}

result<void> is_viable(const fs::path& sysfs, const std::vector<pci_function>& functions,
                       const std::set<model::pci_address>& managed) {
  for (const auto& one : functions) {
    const auto members = pci_function_files{sysfs, one.address}.path("iommu_group") / "devices";
    std::error_code error;
    const auto entries = entries_of(members, error);
    if (error)
      return fail(errc::verification_failed, "cannot read " + members.string() + ": " +
                                                 error.message() + "; is the IOMMU on?");
    for (const auto& entry : entries) {
      const auto address = model::pci_address::parse(entry.filename().string());
      if (!address || managed.contains(*address))
        continue;
      if (const pci_function_files member{sysfs, *address}; !leaves_group_alone(member))
        return fail(errc::group_not_viable, "the IOMMU group of " + to_string(one.address) +
                                                " also holds " + to_string(*address) +
                                                ", which the host drives with " + member.driver() +
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
                           .bars_match = true,
                           .vfio_bound = true};
  for (const auto& one : functions) {
    const auto seen = look_at(tools, one);
    if (!seen)
      return tl::unexpected<model::failure>{seen.error()};
    evidence.config_readable = evidence.config_readable && seen->config_readable;
    evidence.identity_matches = evidence.identity_matches && seen->identity_matches;
    evidence.bars_match = evidence.bars_match && seen->bars_in_place;
    evidence.vfio_bound = evidence.vfio_bound && seen->vfio_bound;
    if (one.address != what.device.address)
      continue;
    const auto facts = seen->facts.value_or(function_facts{});
    evidence.bars_match = evidence.bars_match && facts.bar_sizes == what.baseline.bar_sizes;
    evidence.link_matches = is_no_worse(facts.link, what.baseline.link);
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
