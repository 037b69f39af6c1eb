#include "hostbackend/linux/pci_function_files.hpp"

#include <cstdint>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "hostbackend/linux/sysfs_reader.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

/// A link that cannot be read names nothing.
std::string link_name(const fs::path& path) {
  return read_link_name(path).value_or(std::string{});
}

} // namespace

std::vector<fs::path> entries_of(const fs::path& directory, std::error_code& error) {
  std::vector<fs::path> entries;
  for (fs::directory_iterator it{directory, error}, end; !error && it != end; it.increment(error))
    entries.push_back(it->path());
  if (error)
    entries.clear();
  return entries;
}

bool is_lost(std::string_view config_header) {
  return config_header.size() < 64 ||
         config_header.find_first_not_of('\xff') == std::string_view::npos;
}

pci_function_files::pci_function_files(fs::path sysfs, const model::pci_address& address)
    : sysfs_{std::move(sysfs)}, address_{address} {}

fs::path pci_function_files::path(const char* file) const {
  const auto directory = sysfs_ / "bus/pci/devices" / to_string(address_);
  return *file == '\0' ? directory : directory / file;
}

bool pci_function_files::present() const {
  std::error_code ignored;
  return fs::exists(path("vendor"), ignored);
}

std::optional<model::vendor_device_id> pci_function_files::id() const {
  const auto vendor = read_number<std::uint16_t>(path("vendor"), 16);
  const auto device = read_number<std::uint16_t>(path("device"), 16);
  if (!vendor || !device)
    return std::nullopt;
  return model::vendor_device_id{*vendor, *device};
}

std::string pci_function_files::driver() const {
  return link_name(path("driver"));
}

std::optional<int> pci_function_files::iommu_group() const {
  const auto group = parse_number<int>(link_name(path("iommu_group")), 10);
  return group && *group >= 0 ? group : std::nullopt;
}

std::optional<model::pci_address> pci_function_files::parent() const {
  std::error_code error;
  const auto place = fs::read_symlink(path(), error);
  if (error)
    return std::nullopt;
  return model::pci_address::parse(place.parent_path().filename().string());
}

std::vector<std::string> pci_function_files::reset_methods() const {
  std::vector<std::string> methods;
  std::istringstream words{read_text(path("reset_method"))};
  for (std::string method; words >> method;)
    methods.push_back(method);
  return methods;
}

std::string pci_function_files::driver_override() const {
  const auto text = read_text(path("driver_override"));
  return text == "(null)" ? std::string{} : text;
}

std::string pci_function_files::config_header() const {
  return read_bytes(path("config"), 64).value_or(std::string{});
}

bool pci_function_files::config_is_lost() const {
  return is_lost(config_header());
}

model::result<void> pci_function_files::is_still(const model::vendor_device_id& expected) const {
  const auto found = id();
  if (!found)
    return fail(errc::device_lost, to_string(address_) + " is not on the bus");
  if (*found != expected)
    return fail(errc::bind_failed, to_string(address_) + " is " + to_string(*found) + " now, not " +
                                       to_string(expected) +
                                       ": another card, which is not touched; probe the host");
  return {};
}

std::vector<model::pci_function> functions_of(const model::device_info& device) {
  std::vector<model::pci_function> functions{
      {.address = device.address, .id = device.vendor_device, .class_code = device.class_code}};
  functions.insert(functions.end(), device.companions.begin(), device.companions.end());
  std::erase_if(functions, [](const auto& one) { return one.class_code >> 16U == 0x06; });
  return functions;
}

} // namespace berth::hostbackend::host_linux
