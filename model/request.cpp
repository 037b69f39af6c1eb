#include "model/request.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "model/enum_names.hpp"

namespace berth::model {

namespace {

constexpr enum_names<wish, wish::require> wishes{"none", "prefer", "require"};

constexpr std::array<std::pair<std::string_view, wish topology_wishes::*>, 4> topology_fields{
    {{"numa", &topology_wishes::numa},
     {"pcie_root", &topology_wishes::pcie_root},
     {"pcie_switch", &topology_wishes::pcie_switch},
     {"fabric", &topology_wishes::fabric}}};

} // namespace

std::string_view to_string(wish w) {
  return name_of(wishes, w);
}

std::optional<wish> parse_wish(std::string_view text) {
  return value_of<wish>(wishes, text);
}

std::string to_string(const topology_wishes& all) {
  std::string text;
  for (const auto& [name, member] : topology_fields)
    if (all.*member != topology_wishes{}.*member)
      ((text += text.empty() ? "" : " ") += name) += "=" + std::string{to_string(all.*member)};
  return text;
}

std::optional<topology_wishes> parse_topology(std::string_view text) {
  topology_wishes all;
  std::array<bool, topology_fields.size()> said{};
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto equals = std::min(one.find('='), one.size());
    const auto* const field =
        std::ranges::find(topology_fields, one.substr(0, equals),
                          &std::pair<std::string_view, wish topology_wishes::*>::first);
    const auto value = parse_wish(one.substr(std::min(equals + 1, one.size())));
    if (field == topology_fields.end() || !value ||
        std::exchange(said.at(static_cast<std::size_t>(field - topology_fields.begin())), true))
      return std::nullopt;
    all.*field->second = *value;
  }
  return all;
}

} // namespace berth::model
