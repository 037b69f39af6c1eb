#include "hostbackend/linux/guest_devices.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "hostbackend/linux/domain_layout.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;

namespace {

constexpr std::uint32_t vga_class = 0x0300;      // base class and subclass
constexpr std::string_view alias_prefix = "ua-"; // libvirt keeps this prefix for users
constexpr std::size_t uuid_length = 36;

std::string hex(unsigned value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[value & 0xfU]);
    value >>= 4U;
  } while (value != 0);
  return "0x" + text;
}

result<guest_device> find_device(const model::attachment& attachment,
                                 const std::vector<model::device_info>& devices) {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const auto& one) { return one.id == attachment.device; });
  if (found == devices.end())
    return fail(errc::not_found,
                "device " + to_string(attachment.device) + " is not on this machine");
  if (attachment.type == model::dev_type::gpu_vga && found->class_code >> 8U != vga_class)
    return fail(errc::invalid_argument,
                "device " + to_string(found->address) +
                    " is no VGA controller and cannot be a server's display: its type must be "
                    "GPU-HPC");
  guest_device device{attachment, &*found, {found->address}};
  for (const auto& one : found->companions)
    device.functions.push_back(one.address);
  return device;
}

/// A function goes along once, with the first device that names it: two devices of one unit have
/// each other as companions.
void drop_repeated_functions(std::vector<guest_device>& devices) {
  std::set<model::pci_address> taken;
  for (const auto& one : devices)
    taken.insert(one.functions.front());
  for (auto& one : devices)
    one.functions.erase(
        std::remove_if(one.functions.begin() + 1, one.functions.end(),
                       [&](const auto& address) { return !taken.insert(address).second; }),
        one.functions.end());
}

} // namespace

result<std::vector<guest_device>> guest_devices_of(const model::desired_server& server,
                                                   const std::vector<model::device_info>& devices) {
  std::vector<guest_device> attached;
  for (const auto& attachment : server.attachments) {
    auto device = find_device(attachment, devices);
    if (!device)
      return tl::unexpected{std::move(device).error()};
    attached.push_back(std::move(*device));
  }
  drop_repeated_functions(attached);
  return attached;
}

bool can_be_plugged(const model::device_info& device) {
  return device.unusable_reason.empty() && device.companions.empty();
}

std::uint64_t spare_window(const std::vector<model::device_info>& devices) {
  std::uint64_t largest = std::uint64_t{2} << 20U; // a hot-plug port's own default
  for (const auto& one : devices)
    if (can_be_plugged(one))
      largest = std::max(largest, port_window(one.bar_sizes));
  return std::bit_ceil(largest);
}

void write_function(xml_writer& xml, const model::pci_address& at, const guest_function& guest) {
  xml.open("hostdev", {{"mode", "subsystem"}, {"type", "pci"}, {"managed", "no"}})
      .empty("driver", {{"name", "vfio"}})
      .open("source")
      .empty("address", {{"domain", hex(at.domain)},
                         {"bus", hex(at.bus)},
                         {"slot", hex(at.device)},
                         {"function", hex(at.function)}})
      .close()
      .empty("alias", {{"name", guest.alias}})
      .empty("address", {{"type", "pci"},
                         {"bus", guest.bus},
                         {"slot", "0"},
                         {"function", std::to_string(guest.function)},
                         {"multifunction", guest.multifunction ? "on" : "off"}})
      .close();
}

std::string device_alias(const model::device_id& device) {
  return std::string{alias_prefix} + to_string(device);
}

std::string alias_of(const model::device_id& device, std::size_t function) {
  auto alias = device_alias(device);
  return function == 0 ? alias : alias + "-" + std::to_string(function);
}

std::optional<model::device_id> device_of_alias(std::string_view alias) {
  if (!alias.starts_with(alias_prefix) || alias.size() != alias_prefix.size() + uuid_length)
    return std::nullopt;
  return model::device_id::parse(alias.substr(alias_prefix.size()));
}

} // namespace berth::hostbackend::host_linux
