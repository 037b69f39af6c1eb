#include "hostbackend/linux/domain_metadata.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include "hostbackend/linux/xml_reader.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;

namespace {

void write_devices(xml_writer& xml, const domain_note& note, std::string_view element) {
  for (const auto& [attachment, address] : note.devices)
    xml.empty(element, {{"id", to_string(attachment.device)},
                        {"address", to_string(address)},
                        {"epoch", std::to_string(attachment.epoch)},
                        {"type", model::to_string(attachment.type)}});
}

} // namespace

void write_note(xml_writer& xml, const domain_note& note) {
  xml.open("berth:server", {{"xmlns:berth", metadata_namespace},
                            {"id", to_string(note.server)},
                            {"name", note.name},
                            {"project", note.project},
                            {"restarts", std::to_string(note.restarts)}});
  write_devices(xml, note, "berth:device");
  xml.close();
}

std::string bare_note(const domain_note& note) {
  xml_writer xml;
  xml.open("server", {{"id", to_string(note.server)},
                      {"name", note.name},
                      {"project", note.project},
                      {"restarts", std::to_string(note.restarts)}});
  write_devices(xml, note, "device");
  xml.close();
  return std::move(xml).take();
}

namespace {

constexpr std::size_t note_bytes_max = 256 * 1024;

tl::unexpected<model::failure> malformed(const std::string& what) {
  return fail(errc::invalid_argument, "the domain's berth metadata " + what);
}

/// libvirt finds the element by its namespace and gives it back without one.
bool is_element(const xmlNode& node, std::string_view name) {
  return node.type == XML_ELEMENT_NODE && text_of(node.name) == name &&
         (node.ns == nullptr || text_of(node.ns->href) == metadata_namespace);
}

template <class Number> std::optional<Number> number(const std::optional<std::string>& text) {
  if (!text)
    return std::nullopt;
  Number value{};
  const auto* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

std::optional<noted_device> device_of(const xmlNode& node) {
  const auto id = model::device_id::parse(attribute(node, "id").value_or(""));
  const auto address = model::pci_address::parse(attribute(node, "address").value_or(""));
  const auto epoch = number<model::device_epoch>(attribute(node, "epoch"));
  const auto type = model::parse_dev_type(attribute(node, "type").value_or(""));
  if (!id || !address || !epoch || !type)
    return std::nullopt;
  return noted_device{{.device = *id, .epoch = *epoch, .type = *type}, *address};
}

model::result<domain_note> note_of(const xmlNode& root) {
  if (!is_element(root, "server"))
    return malformed("is no element 'server' of " + std::string{metadata_namespace});
  const auto id = model::server_id::parse(attribute(root, "id").value_or(""));
  const auto name = attribute(root, "name");
  const auto project = attribute(root, "project");
  const auto restarts = number<std::uint32_t>(attribute(root, "restarts"));
  if (!id || !name || !project || !restarts)
    return malformed("lacks a readable id, name, project or restarts");
  domain_note note{*id, *name, *project, *restarts, {}};
  for (const auto* child = root.children; child != nullptr; child = child->next) {
    if (child->type == XML_TEXT_NODE || child->type == XML_COMMENT_NODE)
      continue;
    const auto device = is_element(*child, "device") ? device_of(*child) : std::nullopt;
    if (!device)
      return malformed("has something else than readable devices");
    note.devices.push_back(*device);
  }
  return note;
}

} // namespace

model::result<domain_note> read_note(std::string_view xml) {
  if (xml.size() > note_bytes_max)
    return malformed("is longer than " + std::to_string(note_bytes_max) + " bytes");
  const auto document = parse_xml(xml);
  const auto* const root = document ? xmlDocGetRootElement(document.get()) : nullptr;
  return root == nullptr ? malformed("is no XML") : note_of(*root);
}

} // namespace berth::hostbackend::host_linux
