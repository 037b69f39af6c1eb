#include "hostbackend/linux/hot_plug.hpp"

#include <charconv>
#include <set>

#include "hostbackend/linux/guest_devices.hpp"
#include "hostbackend/linux/xml_reader.hpp"

namespace berth::hostbackend::host_linux {

namespace {

/// `7` or `0x07`.
std::optional<unsigned> number(std::optional<std::string> text) {
  if (!text)
    return std::nullopt;
  std::string_view digits{*text};
  const int base = digits.starts_with("0x") ? 16 : 10;
  digits.remove_prefix(base == 16 ? 2 : 0);
  unsigned value = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

const xmlNode* child_of(const xmlNode* node, std::string_view name) {
  for (const auto* child = node == nullptr ? nullptr : node->children; child != nullptr;
       child = child->next)
    if (child->type == XML_ELEMENT_NODE && text_of(child->name) == name)
      return child;
  return nullptr;
}

} // namespace

std::optional<unsigned> free_root_port(std::string_view domain_xml) {
  const auto document = parse_xml(domain_xml);
  const auto* const devices =
      document ? child_of(xmlDocGetRootElement(document.get()), "devices") : nullptr;
  std::set<unsigned> ports;
  std::set<unsigned> taken;
  for (const auto* device = devices == nullptr ? nullptr : devices->children; device != nullptr;
       device = device->next) {
    if (device->type != XML_ELEMENT_NODE)
      continue;
    if (attribute(*device, "model") == "pcie-root-port")
      if (const auto index = number(attribute(*device, "index")))
        ports.insert(*index);
    if (const auto* const address = child_of(device, "address"))
      if (const auto bus = number(attribute(*address, "bus")))
        taken.insert(*bus);
  }
  for (const auto port : ports)
    if (!taken.contains(port))
      return port;
  return std::nullopt;
}

bool holds_device(std::string_view domain_xml, const model::device_id& device) {
  return domain_xml.find("<alias name='" + device_alias(device) + "'/>") != std::string_view::npos;
}

model::result<std::string> hot_plug_xml(const model::attachment& attachment,
                                        const model::device_info& device, unsigned bus) {
  if (!device.companions.empty())
    return model::fail(model::errc::wrong_state,
                       "device " + to_string(device.address) +
                           " has companions and cannot be plugged in or out of a "
                           "running server: stop it first");
  if (attachment.type == model::dev_type::gpu_vga)
    return model::fail(model::errc::wrong_state,
                       "device " + to_string(device.address) +
                           " is to be the server's display, which a running server "
                           "cannot change: stop it first");
  xml_writer xml;
  write_function(xml, device.address,
                 {.alias = device_alias(device.id), .bus = std::to_string(bus)});
  return std::move(xml).take();
}

} // namespace berth::hostbackend::host_linux
