#include "hostbackend/linux/foreign_domains.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "hostbackend/linux/sysfs_reader.hpp"
#include "hostbackend/linux/xml_reader.hpp"

namespace berth::hostbackend::host_linux {

namespace {

bool is_element(const xmlNode& node, std::string_view name) {
  return node.type == XML_ELEMENT_NODE && text_of(node.name) == name;
}

/// libvirt writes `0x61`; a person may have written `97`.
template <class Number> std::optional<Number> number_of(const xmlNode& address, const char* name) {
  const auto text = attribute(address, name).value_or("");
  return parse_number<Number>(text, text.starts_with("0x") ? 16 : 10);
}

std::optional<model::pci_address> address_of(const xmlNode& address) {
  const auto domain = number_of<std::uint32_t>(address, "domain");
  const auto bus = number_of<std::uint8_t>(address, "bus");
  const auto slot = number_of<std::uint8_t>(address, "slot");
  const auto function = number_of<std::uint8_t>(address, "function");
  if (!domain || !bus || !slot || *slot > 0x1f || !function || *function > 0x7)
    return std::nullopt;
  return model::pci_address{*domain, *bus, *slot, *function};
}

/// Calls `found` with each child element of this name.
template <class Found>
void for_each_child(const xmlNode& parent, std::string_view name, const Found& found) {
  for (const auto* child = parent.children; child != nullptr; child = child->next)
    if (is_element(*child, name))
      found(*child);
}

bool has_function(const model::device_info& device, const model::pci_address& function) {
  return device.address == function ||
         std::any_of(device.companions.begin(), device.companions.end(),
                     [&function](const auto& one) { return one.address == function; });
}

/// The name of the domain that holds each device, empty if none does; in the devices' order.
std::vector<std::string> holders_of(const foreign_holds& holds,
                                    const std::vector<model::device_info>& devices) {
  std::map<int, std::string> groups;
  std::vector<std::string> holders;
  for (const auto& device : devices) {
    const auto held = std::find_if(holds.begin(), holds.end(), [&device](const auto& one) {
      return has_function(device, one.first);
    });
    holders.push_back(held == holds.end() ? std::string{} : held->second);
    if (held != holds.end() && device.iommu_group >= 0)
      groups.emplace(device.iommu_group, held->second);
  }
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (const auto group = groups.find(devices[i].iommu_group);
        holders[i].empty() && group != groups.end())
      holders[i] = group->second;
  return holders;
}

} // namespace

void mark_foreign(const foreign_holds& holds, std::vector<model::device_info>& devices) {
  const auto holders = holders_of(holds, devices);
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (!holders[i].empty() && devices[i].unusable_reason.empty())
      devices[i].unusable_reason = "the domain " + holders[i] +
                                   ", which is not berth's, holds it or its IOMMU group: it is "
                                   "offered again when that domain has ended";
}

std::vector<model::device_id> differently_held(const std::vector<model::device_info>& devices,
                                               const foreign_holds& before,
                                               const foreign_holds& after) {
  const auto then = holders_of(before, devices);
  const auto now = holders_of(after, devices);
  std::vector<model::device_id> changed;
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (then[i] != now[i])
      changed.push_back(devices[i].id);
  return changed;
}

std::set<model::pci_address> passed_functions(std::string_view domain_xml) {
  std::set<model::pci_address> functions;
  const auto document = parse_xml(domain_xml);
  const auto* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
  if (root == nullptr)
    return functions;
  const auto take = [&functions](const xmlNode& address) {
    if (const auto function = address_of(address))
      functions.insert(*function);
  };
  for_each_child(*root, "devices", [&take](const xmlNode& devices) {
    for (const auto* device = devices.children; device != nullptr; device = device->next)
      if (device->type == XML_ELEMENT_NODE)
        for_each_child(*device, "source",
                       [&take](const xmlNode& source) { for_each_child(source, "address", take); });
  });
  return functions;
}

} // namespace berth::hostbackend::host_linux
