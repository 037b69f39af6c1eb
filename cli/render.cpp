#include "cli/render.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

namespace berth::cli {
namespace {

bool is_simple(const json& value) {
  return !value.is_structured();
}

/// `cpus=32 memory_mib=131072`
std::string pairs_of(const json& object) {
  std::string out;
  for (const auto& [key, value] : object.items()) {
    if (value.is_null() || (value.is_structured() && value.empty()))
      continue;
    auto text = is_simple(value) ? cell_of(value) : dump(value);
    if (value.is_string() && text.find(' ') != std::string::npos)
      text = fmt::format("\"{}\"", text);
    out += fmt::format("{}{}={}", out.empty() ? "" : " ", key, text);
  }
  return out;
}

/// The line that Cloudpods prints below a list, in its words.
std::string footer_of(const json& answer) {
  const auto total = number_of(answer, "total");
  const auto limit = std::max<std::int64_t>(1, number_of(answer, "limit"));
  const auto offset = number_of(answer, "offset");
  return fmt::format("***  Total: {} Pages: {} Limit: {} Offset: {} Page: {}  ***\n", total,
                     (total + limit - 1) / limit, limit, offset, offset / limit + 1);
}

} // namespace

const json& at(const json& object, std::string_view key) {
  static const json nothing;
  if (!object.is_object())
    return nothing;
  const auto found = object.find(std::string{key});
  return found == object.end() ? nothing : *found;
}

std::string dump(const json& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace);
}

std::string cell_of(const json& value) {
  if (value.is_null())
    return {};
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_object())
    return pairs_of(value);
  if (!value.is_array())
    return dump(value);
  const auto* gap = std::ranges::all_of(value, is_simple) ? ", " : "; ";
  std::string out;
  for (const auto& item : value)
    out += (out.empty() ? "" : gap) + (item.is_array() ? dump(item) : cell_of(item));
  return out;
}

std::string text_of(const json& object, std::string_view key) {
  return cell_of(at(object, key));
}

std::int64_t number_of(const json& object, std::string_view key) {
  const auto& value = at(object, key);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string title_of(const std::string& key) {
  if (key == "id")
    return "ID";
  if (key == "pcie_info")
    return "PCIE_Info";
  std::string title = key;
  if (!title.empty())
    title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

std::vector<column> columns_of(std::span<const std::string> keys) {
  std::vector<column> out;
  for (const auto& key : keys)
    out.push_back({title_of(key), key});
  return out;
}

table list_table(const json& items, std::span<const column> columns) {
  table out;
  std::vector<const column*> shown;
  for (const auto& c : columns) {
    const auto has = [&](const json& item) { return !at(item, c.key).is_null(); };
    if (items.empty() || std::ranges::any_of(items, has))
      shown.push_back(&c);
  }
  for (const auto* c : shown)
    out.header.push_back(c->title);
  for (const auto& item : items) {
    auto& row = out.rows.emplace_back();
    for (const auto* c : shown)
      row.push_back(text_of(item, c->key));
  }
  return out;
}

table object_table(const json& object) {
  std::map<std::string, std::string> sorted;
  for (const auto& [key, value] : object.items())
    if (value.is_array() && value.size() > 1 && !std::ranges::all_of(value, is_simple))
      for (std::size_t i = 0; i < value.size(); ++i)
        sorted.emplace(fmt::format("{}.{:02}", key, i), cell_of(value[i]));
    else
      sorted.emplace(key, cell_of(value));
  table out{{"Field", "Value"}, {}};
  for (const auto& [key, value] : sorted)
    out.rows.push_back({key, value});
  return out;
}

std::string render_table(const table& content, const json& source, output_format format) {
  switch (format) {
  case output_format::as_json:
    return dump(source, 2) + "\n";
  case output_format::as_csv:
    return to_csv(content);
  case output_format::as_table:
    return to_text(content);
  }
  return {};
}

std::string render_list(const json& answer, const list_view& view, output_format format) {
  const auto& items = at(answer, "items");
  auto out = render_table(list_table(items, view.columns), answer, format);
  const bool cut = static_cast<std::int64_t>(items.size()) < number_of(answer, "total");
  if (format == output_format::as_table && (cut || view.footer))
    out += footer_of(answer);
  return out;
}

std::string render_object(const json& object, output_format format) {
  return render_table(object_table(object), object, format);
}

} // namespace berth::cli
