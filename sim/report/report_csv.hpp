#pragma once

#include <iosfwd>
#include <span>
#include <string_view>

#include "sim/study/result.hpp"

namespace berth::sim {

/// One table of a result.
struct csv_table {
  std::string_view file; ///< its name
  void (*write)(std::ostream&, const study_result&);
};

/// RFC 4180 with line feeds and a header line. docs/sim-outputs.md names the columns.
[[nodiscard]] std::span<const csv_table> csv_tables();

} // namespace berth::sim
