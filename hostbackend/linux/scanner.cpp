#include "hostbackend/linux/scanner.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
namespace {

constexpr std::size_t config_bytes = 256; ///< of the configuration space: header and capabilities
constexpr std::size_t header_bytes = 64;
constexpr std::uint32_t pci_bridge_class = 0x0604;
/// Bridges of which the configuration space does not say what they are.
using undecided = std::set<model::pci_address>;

/// The first thing that went wrong is the function's fault.
void blame(function_facts& facts, std::string why) {
  if (facts.fault.empty())
    facts.fault = std::move(why);
}

/// The identity. The kernel remembers it, so that it stays when the device no longer answers.
void read_ids(const fs::path& entry, function_facts& facts) {
  const auto vendor = read_number<std::uint16_t>(entry / "vendor", 16);
  const auto device = read_number<std::uint16_t>(entry / "device", 16);
  const auto code = read_number<std::uint32_t>(entry / "class", 16);
  constexpr std::uint16_t nobody = 0xffff;
  if (!vendor || !device || !code)
    return blame(facts, "its vendor, device or class cannot be read");
  if (*vendor == nobody)
    return blame(facts, "its vendor id is 0xffff, which is nobody's");
  facts.id = {*vendor, *device};
  facts.class_code = *code & 0xffffffU;
}

/// The bridge above is the directory above the one that the entry points to.
void read_place(const fs::path& entry, function_facts& facts) {
  std::error_code error;
  auto place = fs::read_symlink(entry, error);
  if (error)
    return blame(facts, "its entry is no link into the tree of devices");
  if (!place.has_filename()) // a trailing slash
    place = place.parent_path();
  facts.parent = model::pci_address::parse(place.parent_path().filename().string());
  if (facts.parent == facts.address) {
    facts.parent.reset();
    blame(facts, "its entry points into itself");
  }
}

std::string link_or_blame(const fs::path& link, function_facts& facts) {
  auto name = read_link_name(link);
  if (name)
    return *std::move(name);
  blame(facts, name.error().message);
  return {};
}

void read_group(const fs::path& entry, function_facts& facts) {
  const auto name = link_or_blame(entry / "iommu_group", facts);
  if (name.empty())
    return;
  facts.iommu_group = parse_number<int>(name, 10).value_or(-1);
  if (facts.iommu_group < 0) {
    facts.iommu_group = -1;
    blame(facts, "its IOMMU group is called `" + name + "`, which is no number");
  }
}

/// True if the header was read and every bit of it is set. A virtual function has such ids there,
/// but the rest of its header is its own (SR-IOV specification, 3.4.1).
bool reads_all_ones(std::string_view config) {
  return config.size() >= header_bytes &&
         config.substr(0, header_bytes).find_first_not_of('\xff') == std::string_view::npos;
}

void read_config(const fs::path& entry, function_facts& facts, undecided& open) {
  const auto config = read_bytes(entry / "config", config_bytes).value_or(std::string{});
  facts.off_bus = reads_all_ones(config);
  if (facts.class_code >> 8U != pci_bridge_class)
    return;
  const auto port = port_from_config(config);
  facts.kind = port && *port != port_kind::endpoint ? *port : port_kind::bridge;
  // An ordinary user sees the header only. Whole and without the capability, it is a plain bridge.
  if (!port && config.size() < config_bytes && facts.class_code == pci_bridge_class << 8U)
    open.insert(facts.address);
}

void read_link(const fs::path& entry, function_facts& facts) {
  // An idle link runs slower than it can: its generation is what it can, its width what it got.
  const auto most = link_generation(read_text(entry / "max_link_speed"));
  facts.link.generation =
      most != 0 ? most : link_generation(read_text(entry / "current_link_speed"));
  const auto width = read_number<std::uint8_t>(entry / "current_link_width", 10).value_or(0);
  facts.link.width = width <= 32 ? width : 0; // 255: the link is down or the device gone
}

void read_sriov(const fs::path& entry, function_facts& facts) {
  facts.virtual_functions = std::max(read_number<int>(entry / "sriov_numvfs", 10).value_or(0), 0);
  const auto above = link_or_blame(entry / "physfn", facts);
  if (above.empty())
    return;
  facts.physical_function = model::pci_address::parse(above);
  if (!facts.physical_function)
    blame(facts, "its physical function is called `" + above + "`, which is no PCI address");
}

function_facts read_function(const fs::path& entry, const model::pci_address& address,
                             undecided& open) {
  function_facts facts;
  facts.address = address;
  read_ids(entry, facts);
  read_place(entry, facts);
  read_config(entry, facts, open);
  read_group(entry, facts);
  facts.driver = link_or_blame(entry / "driver", facts);
  facts.numa_node = std::max(read_number<int>(entry / "numa_node", 10).value_or(-1), -1);
  facts.boot_vga = read_text(entry / "boot_vga") == "1";
  read_link(entry, facts);
  read_sriov(entry, facts);
  facts.bar_sizes = bar_sizes(read_text(entry / "resource"));
  std::istringstream methods{read_text(entry / "reset_method")};
  for (std::string method; methods >> method;)
    facts.reset_methods.push_back(method);
  return facts;
}

/// Where the configuration space does not say what a bridge is, its place in the tree does.
void guess_ports(std::vector<function_facts>& functions, undecided& open) {
  std::map<model::pci_address, function_facts*> index;
  for (auto& one : functions)
    index.emplace(one.address, &one);
  constexpr int rounds_max = 16; // as deep as switches are ever stacked
  for (int round = 0; round < rounds_max && !open.empty(); ++round)
    for (auto& one : functions) {
      const auto above = one.parent ? index.find(*one.parent) : index.end();
      const bool known = !one.parent || (above != index.end() && !open.contains(*one.parent));
      if (!known || open.erase(one.address) == 0)
        continue;
      if (!one.parent)
        one.kind = port_kind::root_port;
      else if (above->second->kind == port_kind::upstream_port)
        one.kind = port_kind::downstream_port;
      else if (above->second->kind != port_kind::bridge) // below a plain bridge are plain bridges
        one.kind = port_kind::upstream_port;
    }
}

} // namespace

model::result<std::vector<function_facts>> scan_functions(const fs::path& sysfs) {
  const auto devices = sysfs / "bus/pci/devices";
  const auto names = names_in(devices);
  if (!names)
    return tl::unexpected<model::failure>{names.error()};
  std::vector<function_facts> functions;
  undecided open;
  for (const auto& name : *names)
    if (const auto address = model::pci_address::parse(name))
      functions.push_back(read_function(devices / name, *address, open));
  std::sort(functions.begin(), functions.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  guess_ports(functions, open);
  return functions;
}

std::optional<function_facts> scan_function(const fs::path& sysfs,
                                            const model::pci_address& address) {
  const auto entry = sysfs / "bus/pci/devices" / to_string(address);
  std::error_code error;
  if (!fs::exists(entry, error))
    return std::nullopt;
  undecided open;
  return read_function(entry, address, open);
}

std::optional<port_kind> port_from_config(std::string_view config) {
  const auto byte = [config](std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(config[at]));
  };
  constexpr unsigned has_capabilities = 0x10; // in the status register
  if (config.size() < header_bytes || (byte(0x06) & has_capabilities) == 0)
    return std::nullopt;
  constexpr int capabilities_max = 48; // as many as fit into 256 bytes: a loop ends
  std::size_t at = byte(0x34) & 0xfcU;
  for (int i = 0; at >= header_bytes && at + 3 < config.size() && i < capabilities_max; ++i) {
    constexpr unsigned pci_express = 0x10;
    if (byte(at) == pci_express) {
      switch (byte(at + 2) >> 4U) {
      case 0x4:
        return port_kind::root_port;
      case 0x5:
        return port_kind::upstream_port;
      case 0x6:
        return port_kind::downstream_port;
      case 0x7: // PCI Express to PCI
      case 0x8:
        return port_kind::bridge;
      default:
        return port_kind::endpoint;
      }
    }
    at = byte(at + 1) & 0xfcU;
  }
  return std::nullopt;
}

std::vector<std::uint64_t> bar_sizes(std::string_view resource) {
  std::vector<std::uint64_t> sizes;
  std::istringstream lines{std::string{resource}};
  std::string start;
  std::string end;
  std::string flags;
  constexpr int bars_max = 6;
  for (int i = 0; i < bars_max && lines >> start >> end >> flags; ++i) {
    const auto first = parse_number<std::uint64_t>(start, 16);
    const auto last = parse_number<std::uint64_t>(end, 16);
    const auto bits = parse_number<std::uint64_t>(flags, 16);
    if (!first || !last || !bits)
      break;
    constexpr std::uint64_t memory = 0x200; // IORESOURCE_MEM
    if ((*bits & memory) != 0 && *last > *first)
      sizes.push_back(*last - *first + 1);
  }
  return sizes;
}

std::uint8_t link_generation(std::string_view speed) {
  static constexpr std::array<std::string_view, 6> speeds{"2.5 ",  "5.0 ",  "8.0 ",
                                                          "16.0 ", "32.0 ", "64.0 "};
  for (std::size_t i = 0; i < speeds.size(); ++i)
    if (speed.starts_with(speeds[i]))
      return static_cast<std::uint8_t>(i + 1);
  return speed.starts_with("5 ") ? 2 : speed.starts_with("8 ") ? 3 : 0; // older kernels
}

} // namespace berth::hostbackend::host_linux
