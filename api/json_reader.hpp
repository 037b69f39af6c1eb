#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "model/failure.hpp"

namespace berth::api {

// Strict reading of JSON bodies. Every refusal names the field by its path, says what was given and
// what would be right.

using json_value = simdjson::dom::element;

/// Where a value sits in the body; lives on the stack, becomes text only in a refusal.
struct json_path {
  static constexpr std::size_t no_index = std::numeric_limits<std::size_t>::max();
  const json_path* parent = nullptr;
  std::string_view name;
  std::size_t index = no_index;
};

/// E.g. `servers[3].devices[0].count`; empty for the body itself.
[[nodiscard]] std::string to_string(const json_path& path);

/// invalid_argument: `<path> is <what was given>: must be <what would be right>`.
[[nodiscard]] tl::unexpected<model::failure> wrong_value(const json_path& path, json_value given,
                                                         std::string_view expected);

/// Plain integers only: `1.0` and `1e3` are refused.
[[nodiscard]] model::result<std::int64_t> read_integer(json_value value, const json_path& path,
                                                       std::int64_t least, std::int64_t most);
[[nodiscard]] model::result<bool> read_bool(json_value value, const json_path& path);
/// The view lives as long as the document.
[[nodiscard]] model::result<std::string_view> read_string(json_value value, const json_path& path,
                                                          std::size_t longest = 4096);
[[nodiscard]] model::result<std::vector<std::string>>
read_strings(json_value value, const json_path& path, std::size_t most = 1024);
[[nodiscard]] model::result<std::map<std::string, std::string>>
read_string_map(json_value value, const json_path& path, std::size_t most = 64);

/// A word or an id: whatever `parse` (text -> optional) accepts; `expected` names it in a refusal.
template <class Parse>
[[nodiscard]] auto read_word(json_value value, const json_path& path, Parse parse,
                             std::string_view expected)
    -> model::result<typename decltype(parse(std::string_view{}))::value_type> {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    if (auto parsed = parse(text)) {
      return *std::move(parsed);
    }
  }
  return wrong_value(path, value, expected);
}

template <class T> struct stored { using type = T; };
template <class T> struct stored<std::optional<T>> { using type = T; };

/// Stores a read value (range-checked where it narrows), or passes the failure on.
template <class Target, class T>
[[nodiscard]] model::result<void> store(Target& target, model::result<T> read) {
  if (!read) {
    return tl::unexpected{std::move(read).error()};
  }
  target = static_cast<typename stored<Target>::type>(*std::move(read));
  return {};
}

/// One field that an object may have.
template <class T> struct json_field {
  std::string_view name;
  model::result<void> (*read)(T& out, json_value value, const json_path& path);
};

/// unknown_field, with the nearest of `known`.
[[nodiscard]] tl::unexpected<model::failure> unknown_field(const json_path& where,
                                                           std::string_view name,
                                                           std::span<const std::string_view> known);
[[nodiscard]] tl::unexpected<model::failure> repeated_field(const json_path& path);

/// Reads an object whose fields are exactly `fields`, each at most once. At most 64 fields.
template <class T>
[[nodiscard]] model::result<void> read_object(json_value value, const json_path& where,
                                              std::span<const json_field<T>> fields, T& out) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    return wrong_value(where, value, "an object");
  }
  std::uint64_t seen = 0;
  for (const auto [name, member] : object) {
    std::size_t i = 0;
    while (i < fields.size() && fields[i].name != name) {
      ++i;
    }
    if (i == fields.size()) {
      std::vector<std::string_view> known;
      for (const auto& field : fields) {
        known.push_back(field.name);
      }
      return unknown_field(where, name, known);
    }
    const json_path path{&where, fields[i].name};
    if (((seen >> i) & 1U) != 0) {
      return repeated_field(path);
    }
    seen |= std::uint64_t{1} << i;
    if (auto ok = fields[i].read(out, member, path); !ok) {
      return ok;
    }
  }
  return {};
}

/// Parses `body` and reads it as one object. The body may be reallocated for padding. An empty body
/// is an empty object if `may_be_empty`.
class json_document {
public:
  /// Fails with invalid_argument naming line and column.
  [[nodiscard]] static model::result<json_value> parse(std::string& body);
};

template <class T>
[[nodiscard]] model::result<T> read_body(std::string& body, std::span<const json_field<T>> fields,
                                         bool may_be_empty = false) {
  T out{};
  if (body.empty() && may_be_empty) {
    return out;
  }
  auto root = json_document::parse(body);
  if (!root) {
    return tl::unexpected{std::move(root).error()};
  }
  if (auto ok = read_object(*root, json_path{}, fields, out); !ok) {
    return tl::unexpected{std::move(ok).error()};
  }
  return out;
}

} // namespace berth::api
