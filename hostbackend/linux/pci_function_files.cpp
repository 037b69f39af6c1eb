#include "hostbackend/linux/pci_function_files.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

std::string read_at_most(const fs::path& file, std::size_t bytes_max) {
  std::ifstream in{file, std::ios::binary};
  std::string text(bytes_max, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

/// The last part of a link's target; empty if it is no link.
std::string link_name(const fs::path& path) {
  std::error_code error;
  const auto target = fs::read_symlink(path, error);
  return error ? std::string{} : target.filename().string();
}

std::optional<std::uint16_t> id_in(const fs::path& file) {
  const auto text = read_small_file(file);
  std::uint16_t value = 0;
  const auto* end = text.data() + text.size();
  if (!text.starts_with("0x"))
    return std::nullopt;
  const auto [at, error] = std::from_chars(text.data() + 2, end, value, 16);
  return error == std::errc{} && at == end ? std::optional{value} : std::nullopt;
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

std::string read_small_file(const fs::path& file) {
  auto text = read_at_most(file, 4096);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text;
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
  const auto vendor = id_in(path("vendor"));
  const auto device = id_in(path("device"));
  if (!vendor || !device)
    return std::nullopt;
  return model::vendor_device_id{*vendor, *device};
}

std::string pci_function_files::driver() const {
  return link_name(path("driver"));
}

std::optional<int> pci_function_files::iommu_group() const {
  const auto name = link_name(path("iommu_group"));
  int group = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), group);
  if (name.empty() || error != std::errc{} || end != name.data() + name.size() || group < 0)
    return std::nullopt;
  return group;
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
  std::istringstream words{read_small_file(path("reset_method"))};
  for (std::string method; words >> method;)
    methods.push_back(method);
  return methods;
}

std::string pci_function_files::driver_override() const {
  const auto text = read_small_file(path("driver_override"));
  return text == "(null)" ? std::string{} : text;
}

std::string pci_function_files::config_header() const {
  return read_at_most(path("config"), 64);
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
