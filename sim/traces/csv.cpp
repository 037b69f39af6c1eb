#include "sim/traces/csv.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "model/text.hpp"

namespace berth::sim {

namespace {

/// Walks the text once, record by record.
class csv_scanner {
public:
  explicit csv_scanner(std::string_view text) : text_(text) {
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (text_.substr(0, byte_order_mark.size()) == byte_order_mark) {
      at_ = byte_order_mark.size();
    }
  }

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }

  /// The next record; an empty line gives one with a single empty field.
  model::result<csv_row> next() {
    csv_row row{line_, {}};
    while (true) {
      auto field = read_field(row.line);
      if (!field) {
        return tl::unexpected{field.error()};
      }
      row.fields.push_back(*std::move(field));
      if (at_end() || !take(',')) {
        break;
      }
    }
    take('\r');
    if (take('\n')) {
      ++line_;
    }
    return row;
  }

private:
  bool take(char wanted) {
    const bool found = at_ < text_.size() && text_[at_] == wanted;
    at_ += found ? 1U : 0U;
    return found;
  }

  model::result<std::string> read_field(std::size_t row_line) {
    std::string field;
    if (!take('"')) {
      const std::size_t end = std::min(text_.find_first_of(",\n", at_), text_.size());
      field = text_.substr(at_, end - at_);
      at_ = end;
      if (!field.empty() && field.back() == '\r' && (at_end() || text_[at_] == '\n')) {
        field.pop_back();
      }
      return field;
    }
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"' && !take('"')) {
        // What follows a closing quote up to the separator is kept as it is.
        const std::size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
        field += text_.substr(at_, end - at_);
        at_ = end;
        return field;
      }
      line_ += c == '\n' ? 1U : 0U;
      field.push_back(c);
    }
    return model::fail(model::errc::invalid_argument,
                       "line " + std::to_string(row_line) + ": a quoted field never ends",
                       {{"line", std::to_string(row_line)}});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

} // namespace

model::result<csv_table> parse_csv(std::string_view text) {
  csv_table table;
  csv_scanner scanner{text};
  while (!scanner.at_end()) {
    auto row = scanner.next();
    if (!row) {
      return tl::unexpected{row.error()};
    }
    if (row->fields.size() == 1 && row->fields.front().empty()) {
      continue;
    }
    if (table.columns.empty()) {
      table.columns = std::move(row->fields);
    } else if (row->fields.size() == table.columns.size()) {
      table.rows.push_back(*std::move(row));
    } else {
      table.faulty.push_back({row->line, "has " + std::to_string(row->fields.size()) +
                                             " fields: the header has " +
                                             std::to_string(table.columns.size())});
    }
  }
  if (table.columns.empty()) {
    return model::fail(model::errc::invalid_argument, "the table is empty: a header is needed");
  }
  return table;
}

model::result<std::size_t> column(const csv_table& table, std::string_view name) {
  const auto found = std::find(table.columns.begin(), table.columns.end(), name);
  if (found != table.columns.end()) {
    return static_cast<std::size_t>(found - table.columns.begin());
  }
  const auto near = model::nearest_name(name, std::span<const std::string>{table.columns});
  return model::fail(model::errc::unknown_field,
                     "the table has no column " + std::string{name} +
                         (near ? ", but one called " + std::string{*near} : std::string{}));
}

model::result<std::string> read_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in.is_open() || in.bad()) {
    return model::fail(model::errc::not_found, "cannot read " + path + ": " + std::strerror(errno));
  }
  return text;
}

} // namespace berth::sim
