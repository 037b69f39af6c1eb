#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"

namespace berth::sim {

/// A row that could not be used, with the line it starts on (the header is line 1).
struct bad_row {
  std::size_t line = 0;
  std::string message;

  friend bool operator==(const bad_row&, const bad_row&) = default;
};

struct csv_row {
  std::size_t line = 0;
  std::vector<std::string> fields;

  friend bool operator==(const csv_row&, const csv_row&) = default;
};

/// A table with named columns, RFC 4180: fields may be quoted and then hold commas, quotes
/// (doubled) and line breaks; lines end in LF or CRLF; a byte order mark is skipped; empty lines
/// too.
struct csv_table {
  std::vector<std::string> columns;
  std::vector<csv_row> rows;   ///< those with as many fields as there are columns
  std::vector<bad_row> faulty; ///< the others, by line
};

/// Fails when there is no header, or a quoted field never ends (nothing after it can be trusted).
[[nodiscard]] model::result<csv_table> parse_csv(std::string_view text);

/// Position of a column; fails with the nearest known name.
[[nodiscard]] model::result<std::size_t> column(const csv_table& table, std::string_view name);

/// The whole of a file; fails naming it.
[[nodiscard]] model::result<std::string> read_file(const std::string& path);

} // namespace berth::sim
