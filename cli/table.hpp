#pragma once

#include <string>
#include <vector>

namespace berth::cli {

/// Text in rows and columns; every row has as many cells as the header.
struct table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};

/// The frame of the page: headers centred, cells to the left. Widths count code points.
[[nodiscard]] std::string to_text(const table& content);

/// RFC 4180 with line feeds.
[[nodiscard]] std::string to_csv(const table& content);

/// `text` with control characters made visible (`\n`, `\x1b`), so that a name can never steer a
/// terminal or break a table.
[[nodiscard]] std::string printable(const std::string& text);

} // namespace berth::cli
