#include "hostbackend/linux/domain_functions.hpp"

#include <cstdint>
#include <optional>

#include "hostbackend/linux/sysfs_reader.hpp"
#include "hostbackend/linux/xml_reader.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::pci_address;

namespace {

bool is_element(const xmlNode& node, std::string_view name) {
  return node.type == XML_ELEMENT_NODE && text_of(node.name) == name;
}

const xmlNode* child_of(const xmlNode* node, std::string_view name) {
  for (const auto* child = node == nullptr ? nullptr : node->children; child != nullptr;
       child = child->next)
    if (is_element(*child, name))
      return child;
  return nullptr;
}

/// libvirt writes `0x1f`; a number without a prefix is decimal.
std::optional<std::uint32_t> number(const xmlNode& node, const char* name, std::uint32_t most) {
  const auto text = attribute(node, name).value_or("");
  const auto value = parse_number<std::uint32_t>(text, text.starts_with("0x") ? 16 : 10);
  return value && *value <= most ? value : std::nullopt;
}

/// The PCI address that is a device's source; nullopt = its source is something else.
std::optional<pci_address> source_of(const xmlNode& device) {
  const auto* const address = child_of(child_of(&device, "source"), "address");
  if (address == nullptr)
    return std::nullopt;
  const auto domain = number(*address, "domain", UINT32_MAX);
  const auto bus = number(*address, "bus", 0xff);
  const auto slot = number(*address, "slot", 0x1f);
  const auto function = number(*address, "function", 7);
  if (!domain || !bus || !slot || !function)
    return std::nullopt;
  return pci_address{*domain, static_cast<std::uint8_t>(*bus), static_cast<std::uint8_t>(*slot),
                     static_cast<std::uint8_t>(*function)};
}

} // namespace

model::result<std::set<pci_address>> passed_functions(std::string_view domain_xml) {
  const auto document = parse_xml(domain_xml);
  const auto* const root = document ? xmlDocGetRootElement(document.get()) : nullptr;
  if (root == nullptr || !is_element(*root, "domain"))
    return fail(errc::invalid_argument, "the domain's description is no XML of a domain");
  std::set<pci_address> functions;
  const auto* const devices = child_of(root, "devices");
  for (const auto* one = devices == nullptr ? nullptr : devices->children; one != nullptr;
       one = one->next) {
    if (one->type != XML_ELEMENT_NODE)
      continue;
    const bool is_pci = is_element(*one, "hostdev") && attribute(*one, "type") == "pci";
    if (const auto address = source_of(*one))
      functions.insert(*address);
    else if (is_pci)
      return fail(errc::invalid_argument,
                  "the domain's description has a PCI device without a readable address");
  }
  return functions;
}

} // namespace berth::hostbackend::host_linux
