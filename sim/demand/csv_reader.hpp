#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"
#include "sim/demand/byte_source.hpp"

namespace berth::sim {

/// What a table may be at most, so that a hostile one ends in a message.
struct table_limits {
  std::size_t row_bytes_max = std::size_t{64} * 1024;
  std::size_t columns_max = 256;
  std::uint64_t bytes_max = std::uint64_t{64} * 1024 * 1024 * 1024; ///< decompressed
};

/// A row of a table.
struct csv_record {
  std::uint64_t line = 0; ///< on which it starts; the header is line 1
  /// As many as there are columns, unless the row is faulty. They point into the reader and hold
  /// until its next call.
  std::span<const std::string_view> fields;
  std::string_view rule; ///< not empty: the row is faulty, and breaks this rule
  std::string found;     ///< what is there instead
};

/// What is wrong with a faulty row.
[[nodiscard]] std::string to_text(const csv_record& faulty);

/// Reads a table with named columns row by row, in place. RFC 4180: fields may be quoted and then
/// hold commas, quotes (doubled) and line breaks; lines end in LF or CRLF. A byte order mark is
/// skipped, and so are empty lines.
class csv_reader {
public:
  /// Reads the header. Fails when there is none, when two columns have one name, and when it
  /// exceeds a limit. `name` is what messages call the table.
  [[nodiscard]] static model::result<csv_reader> open(std::unique_ptr<byte_source> from,
                                                      std::string name, table_limits limits);

  [[nodiscard]] std::span<const std::string> columns() const { return columns_; }
  [[nodiscard]] const std::string& name() const { return name_; }

  /// The next row; false at the end. Fails when the source does, when the table is larger than its
  /// limit, and when a quoted field never ends: nothing after it can be trusted.
  [[nodiscard]] model::result<bool> next(csv_record& record);

private:
  enum class scan_end { record, cut, cut_in_quotes };

  csv_reader(std::unique_ptr<byte_source> from, std::string name, table_limits limits);

  [[nodiscard]] model::result<void> skip_byte_order_mark();
  [[nodiscard]] model::result<bool> next_record(csv_record& record);
  [[nodiscard]] model::result<void> refill();
  [[nodiscard]] model::result<bool> pass_over_long_line(csv_record& record);
  scan_end scan();
  /// What is between the quote at `p` and the one that closes it; `p` then stands behind that.
  /// Nullopt if there is no such one yet.
  std::optional<std::string_view> scan_quoted(char*& p);
  std::string_view without_doubled_quotes(std::string_view text);
  void judge(csv_record& record) const;

  std::unique_ptr<byte_source> from_;
  std::string name_;
  table_limits limits_;
  std::vector<std::string> columns_;

  std::vector<char> buffer_; ///< always with room for a line feed behind `end_`
  std::size_t at_ = 0;       ///< of the next record
  std::size_t end_ = 0;      ///< of what has been read
  bool source_ended_ = false;
  std::uint64_t bytes_ = 0; ///< read so far
  std::uint64_t line_ = 1;  ///< of the next record

  // Of the record that was scanned last.
  std::vector<std::string_view> fields_;
  std::deque<std::string> unescaped_; ///< fields that had doubled quotes
  std::size_t record_end_ = 0;
  std::uint64_t record_lines_ = 0;
  bool text_behind_quotes_ = false;
};

/// `text` in quotes for a message: shortened, and with nothing in it that could garble a terminal.
[[nodiscard]] std::string in_quotes(std::string_view text);

} // namespace berth::sim
