#include "hostbackend/linux/scanner.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

constexpr std::size_t functions_max = 65'536;
constexpr std::size_t attribute_max = 4096;

/// A sysfs attribute without its line end; empty if it cannot be read.
std::string attribute(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::string text(attribute_max, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text;
}

template <class Number> std::optional<Number> number(std::string_view text, int base) {
  if (base == 16 && text.starts_with("0x"))
    text.remove_prefix(2);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

template <class Number> std::optional<Number> number_in(const fs::path& path, int base) {
  return number<Number>(trimmed(attribute(path)), base);
}

/// The last part of a link's target; empty if it is no link.
std::string link_name(const fs::path& path) {
  std::error_code error;
  const auto target = fs::read_symlink(path, error);
  return error ? std::string{} : target.filename().string();
}

std::uint8_t generation_of(std::string_view speed) {
  static constexpr std::array<std::string_view, 6> speeds{"2.5 ",  "5.0 ",  "8.0 ",
                                                          "16.0 ", "32.0 ", "64.0 "};
  for (std::size_t i = 0; i < speeds.size(); ++i)
    if (speed.starts_with(speeds[i]))
      return static_cast<std::uint8_t>(i + 1);
  return speed.starts_with("5 ") ? 2 : speed.starts_with("8 ") ? 3 : 0; // older kernels
}

/// The type of the port from the PCI Express capability, if the configuration space shows it (an
/// ordinary user sees 64 bytes only).
std::optional<port_kind> port_from_config(const std::string& config) {
  const auto byte = [&config](std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(config[at]));
  };
  if (config.size() < 64 || (byte(0x06) & 0x10U) == 0)
    return std::nullopt;
  std::size_t at = byte(0x34) & 0xfcU;
  for (int steps = 0; at >= 0x40 && at + 3 < config.size() && steps < 48; ++steps) {
    if (byte(at) == 0x10) {
      switch (byte(at + 2) >> 4U) {
      case 0x4:
        return port_kind::root_port;
      case 0x5:
        return port_kind::upstream_port;
      case 0x6:
        return port_kind::downstream_port;
      case 0x7:
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

std::vector<std::uint64_t> bar_sizes(const std::string& resource) {
  std::vector<std::uint64_t> sizes;
  std::istringstream lines{resource};
  std::string start;
  std::string end;
  std::string flags;
  for (int i = 0; i < 6 && lines >> start >> end >> flags; ++i) {
    const auto first = number<std::uint64_t>(start, 16);
    const auto last = number<std::uint64_t>(end, 16);
    const auto bits = number<std::uint64_t>(flags, 16);
    constexpr std::uint64_t memory = 0x200; // IORESOURCE_MEM
    if (first && last && bits && (*bits & memory) != 0 && *last > *first)
      sizes.push_back(*last - *first + 1);
  }
  return sizes;
}

std::string interface_in_use(const fs::path& device) {
  std::error_code error;
  std::vector<std::string> up;
  for (const auto& one : fs::directory_iterator{device / "net", error})
    if (trimmed(attribute(one.path() / "operstate")) == "up")
      up.push_back(one.path().filename().string());
  if (up.empty())
    return {};
  return "network interface " + *std::min_element(up.begin(), up.end()) + " is up";
}

std::optional<function_facts> read_function(const fs::path& entry) {
  const auto address = model::pci_address::parse(entry.filename().string());
  const auto vendor = number_in<std::uint16_t>(entry / "vendor", 16);
  const auto device = number_in<std::uint16_t>(entry / "device", 16);
  const auto code = number_in<std::uint32_t>(entry / "class", 16);
  if (!address || !vendor || !device || !code)
    return std::nullopt;
  function_facts facts;
  facts.address = *address;
  facts.id = {*vendor, *device};
  facts.class_code = *code & 0xffffffU;
  std::error_code error;
  const auto place = fs::read_symlink(entry, error);
  if (!error)
    facts.parent = model::pci_address::parse(place.parent_path().filename().string());
  const bool bridge = facts.class_code >> 8U == 0x0604;
  const auto port = port_from_config(attribute(entry / "config"));
  facts.kind = !bridge                                ? port_kind::endpoint
               : port && *port != port_kind::endpoint ? *port
                                                      : port_kind::bridge;
  facts.numa_node = number_in<int>(entry / "numa_node", 10).value_or(-1);
  facts.iommu_group = number<int>(link_name(entry / "iommu_group"), 10).value_or(-1);
  facts.driver = link_name(entry / "driver");
  facts.in_use = interface_in_use(entry);
  facts.boot_vga = trimmed(attribute(entry / "boot_vga")) == "1";
  // An idle link runs slower than it can: its generation is what it can, its width what it got.
  const auto most = generation_of(attribute(entry / "max_link_speed"));
  facts.link.generation = most != 0 ? most : generation_of(attribute(entry / "current_link_speed"));
  facts.link.width = number_in<std::uint8_t>(entry / "current_link_width", 10).value_or(0);
  facts.bar_sizes = bar_sizes(attribute(entry / "resource"));
  std::istringstream methods{attribute(entry / "reset_method")};
  for (std::string method; methods >> method;)
    facts.reset_methods.push_back(method);
  return facts;
}

/// Where the configuration space did not say what a bridge is, its place in the tree does.
void guess_ports(std::vector<function_facts>& functions) {
  std::map<model::pci_address, function_facts*> index;
  for (auto& one : functions)
    index.emplace(one.address, &one);
  for (std::size_t round = 0; round < 16; ++round) // as deep as switches are ever stacked
    for (auto& one : functions) {
      if (one.kind != port_kind::bridge || one.class_code >> 8U != 0x0604)
        continue;
      const auto above = one.parent ? index.find(*one.parent) : index.end();
      if (!one.parent)
        one.kind = port_kind::root_port;
      else if (above == index.end() || above->second->kind == port_kind::bridge)
        continue;
      else
        one.kind = above->second->kind == port_kind::upstream_port ? port_kind::downstream_port
                                                                   : port_kind::upstream_port;
    }
}

} // namespace

model::result<std::vector<function_facts>> scan_functions(const fs::path& sysfs) {
  std::vector<function_facts> functions;
  std::error_code error;
  const auto devices = sysfs / "bus/pci/devices";
  for (fs::directory_iterator it{devices, error}, end; !error && it != end; it.increment(error)) {
    if (functions.size() >= functions_max)
      return fail(errc::too_large, devices.string() + " has more than " +
                                       std::to_string(functions_max) + " entries");
    if (auto facts = read_function(it->path()))
      functions.push_back(std::move(*facts));
  }
  if (error)
    return fail(errc::not_found, "cannot read " + devices.string() + ": " + error.message());
  std::sort(functions.begin(), functions.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  guess_ports(functions);
  return functions;
}

std::optional<function_facts> scan_function(const fs::path& sysfs,
                                            const model::pci_address& address) {
  return read_function(sysfs / "bus/pci/devices" / to_string(address));
}

model::result<std::vector<model::device_info>> scan_devices(const fs::path& sysfs,
                                                            const pci_names& names,
                                                            const model::host_id& host,
                                                            const survey_options& options) {
  const auto functions = scan_functions(sysfs);
  if (!functions)
    return tl::unexpected<model::failure>{functions.error()};
  auto devices =
      survey(*functions, options, [&names](const auto& one) { return names.of(one.id); });
  for (auto& device : devices)
    device.id = derive_device_id(host, device.vendor_device, device.address);
  return devices;
}

model::result<pci_names> pci_names::load(const fs::path& path) {
  constexpr std::uintmax_t bytes_max = 16U << 20U;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream file{path};
  if (error || !file)
    return fail(errc::not_found, "cannot read " + path.string());
  if (size > bytes_max)
    return fail(errc::too_large, path.string() + " is larger than 16 MiB");
  pci_names names;
  std::optional<std::uint16_t> vendor;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#' || line.starts_with("\t\t"))
      continue;
    const bool device = line[0] == '\t';
    const auto text = std::string_view{line}.substr(device ? 1 : 0);
    const auto id = text.size() > 6 ? number<std::uint16_t>(text.substr(0, 4), 16) : std::nullopt;
    if (!device)
      vendor = id;
    if (!id || !vendor || text.substr(4, 2) != "  ")
      continue;
    if (device)
      names.devices_.emplace(model::vendor_device_id{*vendor, *id}, text.substr(6));
    else
      names.vendors_.emplace(*id, text.substr(6));
  }
  return names;
}

device_names pci_names::of(const model::vendor_device_id& id) const {
  device_names names;
  const auto vendor = vendors_.find(id.vendor);
  names.vendor = id.vendor == 0x10de        ? "NVIDIA"
                 : id.vendor == 0x1002      ? "AMD"
                 : id.vendor == 0x8086      ? "Intel"
                 : vendor != vendors_.end() ? vendor->second
                                            : to_string(id).substr(0, 4);
  const auto device = devices_.find(id);
  if (device == devices_.end()) {
    names.model = "Device " + to_string(id).substr(5);
    return names;
  }
  const auto open = device->second.find('[');
  const auto close = device->second.rfind(']');
  names.model = open != std::string::npos && close != std::string::npos && close > open + 1
                    ? device->second.substr(open + 1, close - open - 1)
                    : device->second;
  return names;
}

} // namespace berth::hostbackend::host_linux
