#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <libxml/tree.h>

namespace berth::hostbackend::host_linux {

// A few steps over libxml2. Only sources of this folder include this.

using xml_document = std::unique_ptr<xmlDoc, decltype(&xmlFreeDoc)>;

/// Null if it is no XML. Entities stay unexpanded and nothing is fetched: the text may be
/// anybody's.
[[nodiscard]] xml_document parse_xml(std::string_view text);
[[nodiscard]] std::string_view text_of(const xmlChar* text);
/// Of no namespace.
[[nodiscard]] std::optional<std::string> attribute(const xmlNode& node, const char* name);
/// The first child element of that name; null if there is none.
[[nodiscard]] const xmlNode* child(const xmlNode& node, std::string_view name);
/// All text inside.
[[nodiscard]] std::string content(const xmlNode& node);

} // namespace berth::hostbackend::host_linux
