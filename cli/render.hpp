#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/reading.hpp"
#include "cli/table.hpp"

namespace berth::cli {

enum class output_format : std::uint8_t { as_table, as_json, as_csv };

/// A column: its title and the member it shows.
struct column {
  std::string title;
  std::string key;
};

/// The title of a member, as Cloudpods prints it: `id` is `ID`, else the first letter is a capital.
[[nodiscard]] std::string title_of(const std::string& key);
[[nodiscard]] std::vector<column> columns_of(std::span<const std::string> keys);

/// Rows of objects. A column is there only if some row has its member; without rows, all are.
[[nodiscard]] table list_table(const json& items, std::span<const column> columns);

/// `Field`, `Value`, sorted by field; a list of several objects has one row for each.
[[nodiscard]] table object_table(const json& object);

/// How a list is cut and shown.
struct list_view {
  std::vector<column> columns;
  bool footer = false; ///< also when nothing was cut
};

/// The whole output for a list answer `{"items":[],"total":,"limit":,"offset":}`.
[[nodiscard]] std::string render_list(const json& answer, const list_view& view,
                                      output_format format);
/// The whole output for one thing.
[[nodiscard]] std::string render_object(const json& object, output_format format);
/// A table in the wanted form; `source` is what `-o json` prints.
[[nodiscard]] std::string render_table(const table& content, const json& source,
                                       output_format format);

} // namespace berth::cli
