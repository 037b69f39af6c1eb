#include "sim/study/schema.hpp"

#include <fmt/format.h>

#include "model/text.hpp"
#include "sim/study/inventory.hpp"

namespace berth::sim {

using model::errc;
using model::fail;

namespace {

std::string located(const std::string& place, const std::string& path, const std::string& message) {
  if (!place.starts_with("--"))
    return place + ": " + path + (path.empty() ? "" : " ") + message;
  // A flag says enough, but for what is within an item of it.
  const auto item = path.rfind("].");
  return place + (item == std::string::npos ? " " : ": " + path.substr(item + 2) + " ") + message;
}

} // namespace

tl::unexpected<model::failure> reading::wrong(const std::string& path,
                                              const std::string& message) const {
  // What was not given has the place of what it belongs to.
  for (auto above = path; !above.empty();) {
    if (const auto found = places_.find(above); found != places_.end())
      return fail(errc::invalid_argument, above == path || found->second.starts_with("--")
                                              ? located(found->second, path, message)
                                              : found->second + ": " + path + " " + message);
    const auto dot = above.find_last_of(".[");
    above = dot == std::string::npos ? std::string{} : above.substr(0, dot);
  }
  return fail(errc::invalid_argument,
              (whole_.empty() ? "" : whole_ + ": ") + path + (path.empty() ? "" : " ") + message);
}

tl::unexpected<model::failure> wrong_at(const document_node& node, const std::string& path,
                                        const std::string& message) {
  return fail(errc::invalid_argument, located(node.place(), path, message));
}

tl::unexpected<model::failure> unknown_key(const document_node& node, const std::string& path,
                                           const std::vector<std::string_view>& known) {
  const auto near =
      model::nearest_name(node.key, std::span<const std::string_view>{known.data(), known.size()});
  return fail(errc::unknown_field,
              fmt::format("{}: there is no key {}{}", node.place(), path,
                          near ? fmt::format(": the nearest is {}", *near)
                               : fmt::format(": known are {}", fmt::join(known, ", "))));
}

model::result<scenario_value> value_at(const value_rule& rule, const document_node& node,
                                       const std::string& path) {
  if (node.is == document_node::form::nothing)
    return wrong_at(node, path, "has no value: must be " + expectation(rule));
  if (node.is != document_node::form::scalar)
    return wrong_at(node, path,
                    fmt::format("is a {}: must be {}",
                                node.is == document_node::form::list ? "list" : "section",
                                expectation(rule)));
  auto value = convert(rule, node.text);
  if (!value)
    return wrong_at(node, path, value.error().message);
  if (auto* text = std::get_if<std::string>(&*value)) {
    if ((rule.kind == value_kind::file && *text != "-") ||
        (rule.kind == value_kind::machine && is_machine_path(*text)))
      *text = node.resolved(*text);
  }
  return value;
}

model::result<std::vector<document_node>> items_at(const document_node& node,
                                                   const std::string& path, std::size_t most) {
  switch (node.is) {
  case document_node::form::nothing:
    return std::vector<document_node>{};
  case document_node::form::map:
    return wrong_at(node, path, "is a section: must be a list, its items after dashes");
  case document_node::form::scalar:
    return std::vector<document_node>{node};
  case document_node::form::list:
    break;
  }
  if (node.items.size() > most)
    return fail(errc::too_large, located(node.place(), path,
                                         fmt::format("has {} items: at most {} are accepted",
                                                     node.items.size(), most)));
  return node.items;
}

model::result<document_node> expanded(const short_form& form, const document_node& node,
                                      const std::string& path) {
  if (node.is == document_node::form::map)
    return node;
  const auto wrong = [&](const std::string& what) {
    return wrong_at(node, path,
                    what + (form.pattern.empty() ? std::string{}
                                                 : fmt::format(": write it as {}, such as {}",
                                                               form.pattern, form.example)));
  };
  if (node.is != document_node::form::scalar || form.pattern.empty())
    return wrong("must be a section: its keys go below it, indented");
  auto made = node;
  made.is = document_node::form::map;
  std::string_view rest = node.text;
  const auto add = [&](std::string_view key, std::string_view text) {
    document_node item = node;
    item.key = key;
    item.text = text;
    made.items.push_back(std::move(item));
  };
  auto head = rest.substr(0, rest.find(','));
  rest.remove_prefix(std::min(head.size() + 1, rest.size()));
  if (form.keys.empty()) { // keys only
    rest = node.text;
    head = {};
  }
  for (std::size_t i = 0; i < form.keys.size() && !head.empty(); ++i) {
    const bool is_last = i + 1 == form.keys.size();
    const auto part = is_last ? head : head.substr(0, head.find(form.between));
    if (part.empty())
      return wrong(fmt::format("is \"{}\"", node.text));
    add(form.keys[i], part);
    head.remove_prefix(std::min(part.size() + 1, head.size()));
  }
  if (made.items.size() < form.needed)
    return wrong(fmt::format("is \"{}\"", node.text));
  while (!rest.empty()) {
    const auto piece = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(piece.size() + 1, rest.size()));
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return wrong(fmt::format("is \"{}\", where \"{}\" is no key=value", node.text, piece));
    if (made.find(piece.substr(0, equals)) != nullptr)
      return wrong(
          fmt::format("is \"{}\", which says {} twice", node.text, piece.substr(0, equals)));
    add(piece.substr(0, equals), piece.substr(equals + 1));
  }
  return made;
}

tl::unexpected<model::failure> with_hint(model::failure why, const short_form& form,
                                         const document_node& item) {
  if (item.is == document_node::form::scalar && why.message.find(form.pattern) == std::string::npos)
    why.message += fmt::format("; write it as {}, such as {}", form.pattern, form.example);
  return tl::unexpected{std::move(why)};
}

std::string text_of(const document_node& node) {
  std::string text = node.text;
  for (const auto& item : node.items)
    text += (text.empty() ? "" : ", ") + item.text;
  return text;
}

document_node scalar_node(std::string_view key, std::string text) {
  document_node made;
  made.key = key;
  made.is = text.empty() ? document_node::form::nothing : document_node::form::scalar;
  made.text = std::move(text);
  return made;
}

} // namespace berth::sim
