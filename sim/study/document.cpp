#include "sim/study/document.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <yaml-cpp/yaml.h>

#include "hostbackend/simulated/yaml_reader.hpp"

namespace berth::sim {

namespace {

using hostbackend::simulated::yaml_document;
using model::errc;

constexpr hostbackend::simulated::yaml_limits limits{
    .bytes_max = 1U << 20U, .nodes_max = 100'000, .depth_max = 12};

class converter {
public:
  converter(const yaml_document& document, std::shared_ptr<const document_origin> from)
      : document_{document}, from_{std::move(from)} {}

  document_node convert(const YAML::Node& node) const {
    document_node made;
    made.from = from_;
    made.line = std::max(node.Mark().line, 0) + 1;
    if (node.IsScalar()) {
      made.is = document_node::form::scalar;
      made.text = node.Scalar();
    } else if (node.IsSequence()) {
      made.is = document_node::form::list;
      for (const auto& item : node)
        made.items.push_back(convert(item));
    } else if (node.IsMap()) {
      made.is = document_node::form::map;
      for (const auto& entry : node)
        add(made, entry.first, entry.second);
    }
    return made;
  }

private:
  void add(document_node& to, const YAML::Node& key, const YAML::Node& value) const {
    if (!key.IsScalar() || key.Scalar().empty())
      document_.refuse(key, errc::invalid_argument, "a key must be a plain word");
    if (const auto* before = to.find(key.Scalar()))
      document_.refuse(key, errc::invalid_argument,
                       key.Scalar() + " is given twice, first in line " +
                           std::to_string(before->line) + ": keep one");
    auto made = convert(value);
    made.key = key.Scalar();
    made.line = std::max(key.Mark().line, 0) + 1;
    to.items.push_back(std::move(made));
  }

  const yaml_document& document_;
  std::shared_ptr<const document_origin> from_;
};

void emit(YAML::Emitter& out, const document_node& node, bool in_list) {
  switch (node.is) {
  case document_node::form::nothing:
    out << YAML::Null;
    return;
  case document_node::form::scalar:
    out << node.text;
    return;
  case document_node::form::list: {
    const bool plain = std::ranges::all_of(
        node.items, [](const auto& one) { return one.is == document_node::form::scalar; });
    out << (plain ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
    for (const auto& item : node.items)
      emit(out, item, true);
    out << YAML::EndSeq;
    return;
  }
  case document_node::form::map:
    out << (in_list ? YAML::Flow : YAML::Block) << YAML::BeginMap;
    for (const auto& item : node.items) {
      out << YAML::Key << item.key << YAML::Value;
      emit(out, item, false);
    }
    out << YAML::EndMap;
    return;
  }
}

} // namespace

std::string document_node::place() const {
  const std::string name = from ? from->name : std::string{};
  return line > 0 ? name + ":" + std::to_string(line) : name;
}

std::string document_node::resolved(const std::string& path) const {
  if (!from || from->directory.empty())
    return path;
  return (std::filesystem::path{from->directory} / path).lexically_normal().string();
}

const document_node* document_node::find(std::string_view name) const {
  const auto found = std::ranges::find(items, name, &document_node::key);
  return is == form::map && found != items.end() ? &*found : nullptr;
}

model::result<document_node> read_document(std::string_view text, std::string name,
                                           std::string directory) {
  auto from = std::make_shared<const document_origin>(
      document_origin{std::move(name), std::move(directory)});
  return hostbackend::simulated::parse<document_node>(from->name, [&] {
    const yaml_document document{text, from->name, limits};
    if (!document.root().IsMap())
      document.refuse(document.root(), errc::invalid_argument,
                      "must be a map of keys and values such as `name: ...`");
    return converter{document, from}.convert(document.root());
  });
}

model::result<document_node> load_document(const std::string& path) {
  const auto text = hostbackend::simulated::read_text_file(path, limits.bytes_max);
  if (!text)
    return tl::unexpected{text.error()};
  return read_document(*text, path, std::filesystem::path{path}.parent_path().string());
}

std::string to_yaml(const document_node& map) {
  YAML::Emitter out;
  emit(out, map, false);
  return std::string{out.c_str(), out.size()} + "\n";
}

} // namespace berth::sim
