#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace berth::cli {

/// What the controller answers, keys in its order. Read with `text_of` and `at`, which never throw:
/// an answer of another version may lack a field.
using json = nlohmann::ordered_json;

/// The member `key`, or null if there is none.
[[nodiscard]] const json& at(const json& object, std::string_view key);

/// A value as a cell shows it: a text itself, numbers and truth as words, a list of simple values
/// joined by commas, an object as `key=value` pairs, what lies deeper as compact JSON; empty for
/// null.
[[nodiscard]] std::string cell_of(const json& value);

/// cell_of(at(object, key))
[[nodiscard]] std::string text_of(const json& object, std::string_view key);

/// The member as a number, 0 if it is none.
[[nodiscard]] std::int64_t number_of(const json& object, std::string_view key);

/// Without an exception on bad UTF-8.
[[nodiscard]] std::string dump(const json& value, int indent = -1);

} // namespace berth::cli
