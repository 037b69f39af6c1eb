#include "cli/table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace berth::cli {
namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string spaces(std::size_t count) {
  return std::string(count, ' ');
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos)
    return text;
  std::string out = "\"";
  for (const char c : text)
    out += c == '"' ? std::string{"\"\""} : std::string{c};
  return out + "\"";
}

void add_csv_line(std::string& out, const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i)
    out += (i == 0 ? "" : ",") + csv_cell(cells[i]);
  out += "\n";
}

} // namespace

std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (code < 0x20 || code == 0x7f)
      out += fmt::format("\\x{:02x}", code);
    else
      out += c;
  }
  return out;
}

std::string to_text(const table& content) {
  std::vector<std::size_t> widths;
  for (const auto& title : content.header)
    widths.push_back(width_of(title));
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : content.rows) {
    auto& cells = rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells.push_back(printable(row[i]));
      widths[i] = std::max(widths[i], width_of(cells[i]));
    }
  }
  std::string rule = "+";
  for (const auto width : widths)
    rule += std::string(width + 2, '-') + "+";
  rule += "\n";

  std::string out = rule + "|";
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::size_t spare = widths[i] - width_of(content.header[i]);
    out += spaces(1 + spare / 2) + content.header[i] + spaces(1 + spare - spare / 2) + "|";
  }
  out += "\n" + rule;
  for (const auto& cells : rows) {
    out += "|";
    for (std::size_t i = 0; i < cells.size(); ++i)
      out += " " + cells[i] + spaces(1 + widths[i] - width_of(cells[i])) + "|";
    out += "\n";
  }
  return rows.empty() ? out : out + rule;
}

std::string to_csv(const table& content) {
  std::string out;
  add_csv_line(out, content.header);
  for (const auto& row : content.rows)
    add_csv_line(out, row);
  return out;
}

} // namespace berth::cli
