#pragma once

#include <string>
#include <string_view>

#include "model/failure.hpp"
#include "sim/demand/arrival.hpp"

namespace berth::sim {

/// The header of berth's own format with every column, and its line feed.
[[nodiscard]] std::string berth_csv_header();

/// Appends a field of any table, quoted where RFC 4180 wants it.
void append_csv_field(std::string& to, std::string_view text);

/// Appends the row of `count` equal servers. What is unknown or endless stays as it is when the row
/// is read again, to the nanosecond.
void append_berth_csv(std::string& to, const arrival& one, std::int64_t count,
                      const demand_names& names);

/// What was written.
struct written_csv {
  std::uint64_t rows = 0;
  std::uint64_t arrivals = 0;
};

/// Writes all that `source` still gives, one row for equal arrivals that follow each other as parts
/// of one job. The path `-` is standard output; a path that ends in `.gz` is compressed. A file
/// appears under its name only when it is complete. Fails naming the file.
[[nodiscard]] model::result<written_csv> write_berth_csv(arrival_source& source,
                                                         const std::string& path);

} // namespace berth::sim
