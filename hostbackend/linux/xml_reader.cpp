#include "hostbackend/linux/xml_reader.hpp"

#include <libxml/parser.h>

namespace berth::hostbackend::host_linux {

xml_document parse_xml(std::string_view text) {
  return {xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, nullptr,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING),
          xmlFreeDoc};
}

std::string_view text_of(const xmlChar* text) {
  return text == nullptr ? std::string_view{} : reinterpret_cast<const char*>(text);
}

std::optional<std::string> attribute(const xmlNode& node, const char* name) {
  const std::unique_ptr<xmlChar, decltype(xmlFree)> value{
      xmlGetNoNsProp(&node, reinterpret_cast<const xmlChar*>(name)), xmlFree};
  return value ? std::optional{std::string{text_of(value.get())}} : std::nullopt;
}

const xmlNode* child(const xmlNode& node, std::string_view name) {
  const auto* one = node.children;
  while (one != nullptr && (one->type != XML_ELEMENT_NODE || text_of(one->name) != name))
    one = one->next;
  return one;
}

std::string content(const xmlNode& node) {
  const std::unique_ptr<xmlChar, decltype(xmlFree)> text{xmlNodeGetContent(&node), xmlFree};
  return std::string{text_of(text.get())};
}

} // namespace berth::hostbackend::host_linux
