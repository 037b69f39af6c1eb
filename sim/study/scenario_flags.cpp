#include "sim/study/scenario_flags.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sim/study/study_keys.hpp"

namespace berth::sim {

namespace {

using model::errc;
using model::fail;

/// A flag and the key that it stands for.
struct flag_path {
  scenario_flag is;
  std::vector<std::string> keys;
  std::string item_key; ///< of an item of that list; empty: the item itself
  bool is_percent = false;
};

std::string word_of(const key_description& key) {
  if (!key.is.word.empty())
    return std::string{key.is.word};
  if (key.form == key_form::section || key.form == key_form::sections) {
    const bool goes_on = key.form == key_form::sections && !key.brief.keys.empty();
    return std::string{key.brief.pattern} + (goes_on ? "[,KEY=VALUE...]" : "");
  }
  switch (key.is.rule.kind) {
  case value_kind::boolean:
  case value_kind::text:
  case value_kind::machine:
  case value_kind::choice:
    return key.is.rule.kind == value_kind::boolean ? "" : "NAME";
  case value_kind::file:
    return "FILE";
  case value_kind::count:
  case value_kind::number:
    return "N";
  case value_kind::share:
    return "SHARE";
  case value_kind::memory:
    return "SIZE";
  case value_kind::duration:
  case value_kind::seconds:
    return "TIME";
  }
  return {};
}

/// A flag that begins with a dash goes on where that of its section ends.
std::string flag_of(const key_description& key, const std::string& prefix) {
  if (!key.is.flag.starts_with('-'))
    return std::string{key.is.flag};
  return key.is.flag == "-" ? prefix : prefix + std::string{key.is.flag};
}

class flag_collector {
public:
  void walk(const std::vector<key_description>& keys, const std::string& prefix,
            const std::string& within) {
    for (const auto& key : keys) {
      path_.emplace_back(key.is.name);
      const auto flag = flag_of(key, prefix);
      // Then it is only the beginning of the flags below it.
      const bool is_prefix = std::ranges::any_of(
          key.below, [](const auto& one) { return one.is.flag.starts_with('-'); });
      if (!flag.empty() && !is_prefix)
        add(key, flag, within);
      if (key.form == key_form::section && key.is.word.empty()) // a plan's keys are no flags
        walk(key.below, flag, below(within, key.is.name));
      if (key.form == key_form::sections)
        add_items(key);
      path_.pop_back();
    }
  }
  std::vector<flag_path> take() && { return std::move(found_); }

private:
  void add(const key_description& key, const std::string& flag, const std::string& within) {
    flag_path made;
    made.is.name = flag;
    made.is.word = word_of(key);
    made.is.help = std::string{key.is.help};
    if (!key.standard.empty() && key.is.rule.kind != value_kind::boolean)
      made.is.help += fmt::format(" ({})", key.standard);
    if (key.is.flag.starts_with('-'))
      made.is.help = within + ": " + made.is.help;
    made.is.is_list = key.form == key_form::sections || key.form == key_form::values;
    made.is.is_bool = key.is.rule.kind == value_kind::boolean && key.form == key_form::value;
    made.keys = path_;
    made.is_percent = key.is.word == "PERCENT";
    found_.push_back(std::move(made));
  }
  /// Flags that make an item of a list by one of its keys.
  void add_items(const key_description& list) {
    for (const auto& key : list.below)
      if (!key.is.flag.empty()) {
        add(key, std::string{key.is.flag}, {});
        found_.back().is.is_list = true;
        found_.back().item_key = key.is.name;
      }
  }

  std::vector<std::string> path_;
  std::vector<flag_path> found_;
};

const std::vector<flag_path>& paths() {
  static const auto all = [] {
    flag_collector collector;
    collector.walk(describe(study_draft{}), {}, {});
    return std::move(collector).take();
  }();
  return all;
}

document_node& child(document_node& of, const std::string& key) {
  of.is = document_node::form::map;
  const auto found = std::ranges::find(of.items, key, &document_node::key);
  if (found != of.items.end())
    return *found;
  auto& made = of.items.emplace_back();
  made.key = key;
  return made;
}

document_node scalar_of(const given_flag& given, const flag_path& path,
                        std::shared_ptr<const document_origin> from) {
  document_node made;
  made.is = document_node::form::scalar;
  made.text = given.value;
  if (path.is_percent && !made.text.ends_with('%'))
    made.text += '%';
  made.from = std::move(from);
  return made;
}

} // namespace

const std::vector<scenario_flag>& scenario_flags() {
  static const auto all = [] {
    std::vector<scenario_flag> flags;
    for (const auto& one : paths())
      flags.push_back(one.is);
    return flags;
  }();
  return all;
}

model::result<document_node> document_of(std::span<const given_flag> given) {
  document_node root;
  root.is = document_node::form::map;
  for (const auto& one : given) {
    const auto path = std::ranges::find_if(
        paths(), [&one](const auto& known) { return known.is.name == one.name; });
    if (path == paths().end())
      return fail(errc::unknown_field, "there is no flag --" + one.name);
    auto* at = &root;
    const auto from = std::make_shared<const document_origin>(document_origin{"--" + one.name, {}});
    for (const auto& key : path->keys) {
      at = &child(*at, key);
      at->from = from;
    }
    auto value = scalar_of(one, *path, from);
    if (!path->is.is_list) {
      if (at->is != document_node::form::nothing)
        return fail(errc::invalid_argument, "--" + one.name + " is given twice: keep one");
      value.key = at->key;
      *at = std::move(value);
      continue;
    }
    at->is = document_node::form::list;
    if (!path->item_key.empty()) {
      document_node item;
      item.is = document_node::form::map;
      item.from = from;
      value.key = path->item_key;
      item.items.push_back(std::move(value));
      value = std::move(item);
    }
    at->items.push_back(std::move(value));
  }
  return root;
}

} // namespace berth::sim
