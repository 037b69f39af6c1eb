#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "apps/config_reader.hpp"
#include "model/text.hpp"

namespace berth::apps {
namespace {

using model::errc;
using model::fail;

/// One walk through a document; collects the settings and stops at the first fault.
class yaml_walk {
public:
  yaml_walk(std::string_view file, std::span<const key_description> keys)
      : file_(file), keys_(keys) {}

  model::result<void> section(const YAML::Node& node, const std::string& prefix);
  std::vector<raw_setting> take() { return std::move(settings_); }

private:
  model::result<void> entry(const std::string& name, const YAML::Node& key,
                            const YAML::Node& value);
  model::result<void> value(std::size_t index, const YAML::Node& key, const YAML::Node& value);
  [[nodiscard]] tl::unexpected<model::failure> unknown(const std::string& name,
                                                       const YAML::Node& key) const;
  [[nodiscard]] tl::unexpected<model::failure> wrong(const YAML::Node& at,
                                                     const std::string& message) const {
    return fail(errc::invalid_argument, fmt::format("{}: {}", place(at), message),
                {{"file", std::string{file_}}, {"line", line(at)}});
  }
  [[nodiscard]] static std::string line(const YAML::Node& at) {
    return fmt::format("{}", at.Mark().line + 1);
  }
  [[nodiscard]] std::string place(const YAML::Node& at) const {
    return fmt::format("{}:{}", file_, line(at));
  }
  [[nodiscard]] std::vector<std::string> keys_below(const std::string& prefix) const;

  std::string_view file_;
  std::span<const key_description> keys_;
  std::map<std::string, std::string> seen_; ///< name -> line
  std::vector<raw_setting> settings_;
};

std::vector<std::string> yaml_walk::keys_below(const std::string& prefix) const {
  std::vector<std::string> out;
  for (const auto& key : keys_)
    if (key.name.starts_with(prefix))
      out.emplace_back(key.name.substr(prefix.size()));
  return out;
}

model::result<void> yaml_walk::section(const YAML::Node& node, const std::string& prefix) {
  for (const auto& pair : node) {
    if (!pair.first.IsScalar())
      return wrong(pair.first, "a key must be a plain word");
    const std::string& word = pair.first.Scalar();
    if (word.find('.') != std::string::npos)
      return wrong(pair.first,
                   fmt::format("write {} as a section: the part after the dot goes below it, "
                               "indented",
                               word));
    if (auto done = entry(prefix + word, pair.first, pair.second); !done)
      return done;
  }
  return {};
}

model::result<void> yaml_walk::entry(const std::string& name, const YAML::Node& key,
                                     const YAML::Node& value) {
  const auto [first, fresh] = seen_.emplace(name, line(key));
  if (!fresh)
    return wrong(key,
                 fmt::format("{} is given twice, first in line {}; keep one", name, first->second));
  const auto known = std::ranges::find(keys_, name, &key_description::name);
  if (known != keys_.end())
    return this->value(static_cast<std::size_t>(known - keys_.begin()), key, value);
  const auto below = keys_below(name + ".");
  if (below.empty())
    return unknown(name, key);
  if (value.IsNull())
    return {}; // a section whose keys are all commented out
  if (!value.IsMap())
    return wrong(key, fmt::format("{} is a section: its keys ({}) go below it, indented", name,
                                  fmt::join(below, ", ")));
  return section(value, name + ".");
}

model::result<void> yaml_walk::value(std::size_t index, const YAML::Node& key,
                                     const YAML::Node& value) {
  const auto& known = keys_[index];
  if (value.IsNull())
    return wrong(
        key, fmt::format("{} has no value; it must be {}", known.name, expectation(*known.rule)));
  if (!value.IsScalar())
    return wrong(key, fmt::format("{} must be {}, got a {}", known.name, expectation(*known.rule),
                                  value.IsMap() ? "section" : "list"));
  const bool quoted = value.Tag() == "!";
  const bool bare = known.rule->kind == value_kind::boolean ||
                    known.rule->kind == value_kind::count || known.rule->kind == value_kind::number;
  if (quoted && bare)
    return wrong(key,
                 fmt::format("{} must be {} without quotes", known.name, expectation(*known.rule)));
  settings_.push_back({index, value.Scalar(), fmt::format("{}: {}", place(key), known.name)});
  return {};
}

tl::unexpected<model::failure> yaml_walk::unknown(const std::string& name,
                                                  const YAML::Node& key) const {
  std::vector<std::string> candidates;
  for (const auto& k : keys_) {
    candidates.emplace_back(k.name);
    // The key may also sit in the wrong section.
    if (k.name.substr(k.name.find('.') + 1) == name.substr(name.find('.') + 1)) {
      candidates = {std::string{k.name}};
      break;
    }
  }
  const std::string near{candidates.size() == 1
                             ? candidates.front()
                             : model::nearest_name(name, candidates).value_or("")};
  std::string message = fmt::format("{}: unknown key {}", place(key), name);
  if (!near.empty())
    message += fmt::format("; the nearest known key is {}", near);
  return fail(
      errc::unknown_field, std::move(message),
      {{"file", std::string{file_}}, {"line", line(key)}, {"key", name}, {"nearest", near}});
}

} // namespace

model::result<std::vector<raw_setting>> read_yaml(std::string_view text, std::string_view file,
                                                  std::span<const key_description> keys) {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(std::string{text});
  } catch (const YAML::Exception& problem) {
    return fail(errc::invalid_argument,
                fmt::format("{}:{}: not YAML: {}", file, problem.mark.line + 1, problem.msg),
                {{"file", std::string{file}}, {"line", fmt::format("{}", problem.mark.line + 1)}});
  }
  if (documents.size() > 1)
    return fail(errc::invalid_argument,
                fmt::format("{}: {} YAML documents; one is expected", file, documents.size()));
  if (documents.empty() || documents.front().IsNull())
    return std::vector<raw_setting>{};
  if (!documents.front().IsMap())
    return fail(errc::invalid_argument,
                fmt::format("{}:1: must be a map of keys and values such as `{}: ...`", file,
                            keys.front().name));
  yaml_walk walk{file, keys};
  if (auto done = walk.section(documents.front(), ""); !done)
    return tl::unexpected{done.error()};
  return walk.take();
}

} // namespace berth::apps
