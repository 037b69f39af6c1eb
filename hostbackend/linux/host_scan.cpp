#include "hostbackend/linux/host_scan.hpp"

#include <algorithm>
#include <utility>

#include "hostbackend/linux/host_needs.hpp"
#include "hostbackend/linux/machine_facts.hpp"
#include "hostbackend/linux/pci_names.hpp"
#include "hostbackend/linux/scanner.hpp"

namespace berth::hostbackend::host_linux {

namespace {

constexpr std::uint32_t class_3d = 0x0302;
constexpr std::uint16_t nvidia = 0x10de;

void fill_in_use(const host_needs& needs, std::vector<function_facts>& functions) {
  for (auto& one : functions)
    if (const auto found = needs.functions.find(one.address); found != needs.functions.end())
      one.in_use = found->second;
}

void name_fabric(const std::vector<function_facts>& functions,
                 std::vector<model::device_info>& devices) {
  if (std::none_of(functions.begin(), functions.end(), is_nvswitch))
    return;
  for (auto& device : devices)
    if (device.vendor_device.vendor == nvidia && device.class_code >> 8U == class_3d)
      device.fabric = "nvswitch";
}

void remark_on(const std::vector<function_facts>& functions, host_scan& scan) {
  for (const auto& one : functions) {
    if (one.off_bus) {
      scan.off_bus.push_back(one.address);
      scan.remarks.push_back("PCI function " + to_string(one.address) + " (" + to_string(one.id) +
                             ") fell off the bus: its configuration space reads all ones");
    } else if (!one.fault.empty()) {
      scan.remarks.push_back("PCI function " + to_string(one.address) + ": " + one.fault);
    }
  }
}

} // namespace

model::result<host_scan> scan_host(const scan_options& options) {
  const auto names = pci_names::load(options.pci_ids);
  if (!names)
    return tl::unexpected<model::failure>{names.error()};
  const auto machine = read_machine(options.roots, options.pool);
  if (!machine)
    return tl::unexpected<model::failure>{machine.error()};
  auto functions = scan_functions(options.roots.sysfs);
  if (!functions)
    return tl::unexpected<model::failure>{functions.error()};
  auto needs = find_host_needs(options.roots);
  fill_in_use(needs, *functions);

  host_scan scan;
  scan.remarks = std::move(needs.remarks);
  remark_on(*functions, scan);
  auto& info = scan.info;
  info.id = options.host;
  info.name = options.host_name;
  info.machine = machine->product;
  info.agent_version = options.agent_version;
  info.capacity = machine->capacity;
  info.numa_nodes = machine->numa_nodes;
  info.hot_plug = options.hot_plug;
  info.devices =
      survey(*functions, options.offers, [&names](const auto& one) { return names->of(one.id); });
  for (auto& device : info.devices)
    device.id = derive_device_id(options.host, device.vendor_device, device.address);
  name_fabric(*functions, info.devices);
  return scan;
}

} // namespace berth::hostbackend::host_linux
