#include "hostbackend/simulated/yaml_reader.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>

#include "model/text.hpp"

namespace berth::hostbackend::simulated {

using model::errc;

namespace {

[[noreturn]] void refuse_at(const std::string& source, int line, errc code,
                            const std::string& message) {
  throw yaml_document::bad_yaml{{code, source + ":" + std::to_string(line) + ": " + message}};
}

/// Walks the document without building it and stops at the first excess.
class limit_guard : public YAML::EventHandler {
public:
  limit_guard(std::string source, const yaml_limits& limits)
      : source_{std::move(source)}, limits_{limits} {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { count(mark, "", anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse_at(source_, mark.line + 1, errc::invalid_argument,
              "aliases are not accepted: write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string&) override {
    count(mark, tag, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    descend(mark, tag, anchor);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    descend(mark, tag, anchor);
  }
  void OnMapEnd() override { --depth_; }

private:
  void count(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      refuse_at(source_, mark.line + 1, errc::invalid_argument, "anchors are not accepted");
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse_at(source_, mark.line + 1, errc::invalid_argument, "tags are not accepted");
    if (++nodes_ > limits_.nodes_max)
      refuse_at(source_, mark.line + 1, errc::too_large,
                "more than " + std::to_string(limits_.nodes_max) + " values");
  }
  void descend(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    count(mark, tag, anchor);
    if (++depth_ > limits_.depth_max)
      refuse_at(source_, mark.line + 1, errc::too_large,
                "nested deeper than " + std::to_string(limits_.depth_max) + " levels");
  }

  std::string source_;
  const yaml_limits& limits_;
  std::size_t nodes_ = 0;
  std::size_t depth_ = 0;
};

template <class Number> std::optional<Number> parse_number(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

} // namespace

yaml_document::yaml_document(std::string_view text, std::string source, const yaml_limits& limits)
    : source_{std::move(source)} {
  if (text.size() > limits.bytes_max)
    refuse_at(source_, 1, errc::too_large,
              "larger than " + std::to_string(limits.bytes_max) + " bytes");
  const std::string copy{text};
  std::istringstream guarded{copy};
  YAML::Parser parser{guarded};
  limit_guard guard{source_, limits};
  if (!parser.HandleNextDocument(guard))
    refuse_at(source_, 1, errc::invalid_argument, "empty");
  if (limit_guard rest{source_, limits}; parser.HandleNextDocument(rest))
    refuse_at(source_, 1, errc::invalid_argument, "holds more than one document");
  root_ = YAML::Load(copy);
}

void yaml_document::refuse(const YAML::Node& where, errc code, const std::string& message) const {
  refuse_at(source_, std::max(where.Mark().line, 0) + 1, code, message);
}

yaml_fields::yaml_fields(const yaml_document& document, YAML::Node node, std::string what,
                         std::initializer_list<std::string_view> known)
    : document_{document}, node_{std::move(node)}, what_{std::move(what)} {
  if (!node_.IsMap())
    document_.refuse(node_, errc::invalid_argument, what_ + " must be a mapping of keys to values");
  const std::vector<std::string_view> names{known};
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const auto key = scalar(document_, entry.first, "a key");
    if (std::find(names.begin(), names.end(), key) == names.end()) {
      const auto near = model::nearest_name(key, std::span<const std::string_view>{names});
      document_.refuse(entry.first, errc::unknown_field,
                       what_ + " has no key `" + key + "`" +
                           (near ? ", did you mean `" + std::string{*near} + "`?" : ""));
    }
    if (!seen.insert(key).second)
      document_.refuse(entry.first, errc::invalid_argument,
                       what_ + " has the key `" + key + "` twice");
  }
}

bool yaml_fields::has(const std::string& key) const {
  return std::as_const(node_)[key].IsDefined();
}

YAML::Node yaml_fields::at(const std::string& key) const {
  auto value = std::as_const(node_)[key];
  if (!value.IsDefined())
    document_.refuse(node_, errc::invalid_argument, what_ + " needs the key `" + key + "`");
  return value;
}

std::string yaml_fields::text(const std::string& key) const {
  return scalar(document_, at(key), "`" + key + "`");
}

std::string yaml_fields::text(const std::string& key, std::string otherwise) const {
  return has(key) ? text(key) : std::move(otherwise);
}

std::int64_t yaml_fields::integer(const std::string& key, std::int64_t least,
                                  std::int64_t most) const {
  return whole(document_, at(key), "`" + key + "`", least, most);
}

std::int64_t yaml_fields::integer(const std::string& key, std::int64_t least, std::int64_t most,
                                  std::int64_t otherwise) const {
  return has(key) ? integer(key, least, most) : otherwise;
}

double yaml_fields::number(const std::string& key, double least, double most,
                           double otherwise) const {
  if (!has(key))
    return otherwise;
  const auto value = parse_number<double>(text(key));
  if (!value || !(*value >= least && *value <= most))
    refuse(key, "`" + key + "` must be a number from " + std::to_string(least) + " to " +
                    std::to_string(most));
  return *value;
}

bool yaml_fields::boolean(const std::string& key, bool otherwise) const {
  if (!has(key))
    return otherwise;
  const auto value = text(key);
  if (value != "true" && value != "false")
    refuse(key, "`" + key + "` must be true or false, not `" + value + "`");
  return value == "true";
}

std::vector<YAML::Node> yaml_fields::items(const std::string& key, std::size_t most) const {
  if (!has(key))
    return {};
  const auto list = at(key);
  if (!list.IsSequence())
    refuse(key, "`" + key + "` must be a list");
  if (list.size() > most)
    document_.refuse(list, errc::too_large,
                     "`" + key + "` has " + std::to_string(list.size()) + " entries, at most " +
                         std::to_string(most) + " are accepted");
  std::vector<YAML::Node> all;
  all.reserve(list.size());
  for (const auto& one : list)
    all.push_back(one);
  return all;
}

void yaml_fields::refuse(const std::string& key, const std::string& message) const {
  document_.refuse(has(key) ? at(key) : node_, errc::invalid_argument, message);
}

std::string scalar(const yaml_document& document, const YAML::Node& node, std::string_view what) {
  if (!node.IsScalar())
    document.refuse(node, errc::invalid_argument, std::string{what} + " must be a single value");
  const auto& text = node.Scalar();
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (text.empty() || text.size() > 200 || !plain)
    document.refuse(node, errc::invalid_argument,
                    std::string{what} + " must have 1 to 200 characters, none of control");
  return text;
}

std::int64_t whole(const yaml_document& document, const YAML::Node& node, std::string_view what,
                   std::int64_t least, std::int64_t most) {
  const auto text = scalar(document, node, what);
  const auto value = parse_number<std::int64_t>(text);
  if (!value || *value < least || *value > most)
    document.refuse(node, errc::invalid_argument,
                    std::string{what} + " must be a whole number from " + std::to_string(least) +
                        " to " + std::to_string(most) + ", not `" + text + "`");
  return *value;
}

model::result<std::string> read_text_file(const std::string& path, std::size_t bytes_max) {
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return model::fail(errc::not_found, "cannot read " + path);
  std::string text;
  text.resize(bytes_max + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad())
    return model::fail(errc::not_found, "cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > bytes_max)
    return model::fail(errc::too_large,
                       path + " is larger than " + std::to_string(bytes_max) + " bytes");
  return text;
}

} // namespace berth::hostbackend::simulated
