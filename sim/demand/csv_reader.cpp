#include "sim/demand/csv_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace berth::sim {

namespace {

constexpr std::size_t block_bytes = std::size_t{256} * 1024;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  const auto first = text.find_first_not_of(blanks);
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

} // namespace

std::string to_text(const csv_record& faulty) {
  return "the row " + std::string{faulty.rule} +
         (faulty.found.empty() ? std::string{} : " (" + faulty.found + ")");
}

csv_reader::csv_reader(std::unique_ptr<byte_source> from, std::string name, table_limits limits)
    : from_(std::move(from)), name_(std::move(name)), limits_(limits),
      buffer_(limits.row_bytes_max + block_bytes + 1) {}

model::result<csv_reader> csv_reader::open(std::unique_ptr<byte_source> from, std::string name,
                                           table_limits limits) {
  csv_reader reader{std::move(from), std::move(name), limits};
  csv_record header;
  auto found = reader.skip_byte_order_mark().and_then([&] { return reader.next_record(header); });
  if (!found) {
    return tl::unexpected{found.error()};
  }
  if (!*found) {
    return model::fail(model::errc::invalid_argument,
                       reader.name_ + " is empty: a line with the names of the columns is needed");
  }
  if (header.rule.empty() && header.fields.size() > limits.columns_max) {
    header.rule = "has too many columns";
  }
  if (!header.rule.empty()) {
    return model::fail(model::errc::too_large, reader.name_ + " line " +
                                                   std::to_string(header.line) + ": the header " +
                                                   std::string{header.rule});
  }
  for (const auto field : header.fields) {
    std::string column{trimmed(field)};
    if (!column.empty() && std::find(reader.columns_.begin(), reader.columns_.end(), column) !=
                               reader.columns_.end()) {
      return model::fail(model::errc::invalid_argument, reader.name_ + " has two columns called " +
                                                            in_quotes(column) + ": rename one");
    }
    reader.columns_.push_back(std::move(column));
  }
  return reader;
}

model::result<bool> csv_reader::next(csv_record& record) {
  auto found = next_record(record);
  if (found && *found && record.rule.empty()) {
    judge(record);
  }
  return found;
}

model::result<void> csv_reader::skip_byte_order_mark() {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  while (end_ < mark.size() && !source_ended_) {
    if (auto filled = refill(); !filled) {
      return filled;
    }
  }
  if (std::string_view{buffer_.data(), end_}.substr(0, mark.size()) == mark) {
    at_ = mark.size();
  }
  return {};
}

model::result<bool> csv_reader::next_record(csv_record& record) {
  while (true) {
    const auto ended = scan();
    if (ended == scan_end::record) {
      record.line = line_;
      record.fields = fields_;
      record.rule = {};
      const std::size_t bytes = record_end_ - at_;
      at_ = record_end_;
      line_ += record_lines_;
      if (bytes > limits_.row_bytes_max) {
        record.rule = "is too long";
        record.found = std::to_string(bytes) + " bytes";
        return true;
      }
      if (fields_.size() == 1 && fields_.front().empty()) {
        continue; // an empty line
      }
      return true;
    }
    if (!source_ended_ && end_ - at_ <= limits_.row_bytes_max) {
      if (auto filled = refill(); !filled) {
        return tl::unexpected{filled.error()};
      }
      continue;
    }
    if (ended == scan_end::cut_in_quotes) {
      return model::fail(model::errc::invalid_argument,
                         name_ + " line " + std::to_string(line_) +
                             ": a quoted field never ends, or only after more than " +
                             std::to_string(limits_.row_bytes_max) + " bytes");
    }
    if (at_ == end_) {
      return false;
    }
    return pass_over_long_line(record);
  }
}

model::result<bool> csv_reader::pass_over_long_line(csv_record& record) {
  record.line = line_++;
  record.fields = {};
  record.rule = "is too long";
  record.found = "more than " + std::to_string(limits_.row_bytes_max) + " bytes";
  while (true) {
    const auto* const from = buffer_.data() + at_;
    if (const void* feed = std::memchr(from, '\n', end_ - at_)) {
      at_ += static_cast<std::size_t>(static_cast<const char*>(feed) - from) + 1;
      return true;
    }
    at_ = end_;
    if (source_ended_) {
      return true;
    }
    if (auto filled = refill(); !filled) {
      return tl::unexpected{filled.error()};
    }
  }
}

/// Reads more behind what is there; at the end the last line gets its line feed.
model::result<void> csv_reader::refill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  end_ -= std::exchange(at_, 0);
  const auto got = from_->read(std::span{buffer_}.subspan(end_, buffer_.size() - 1 - end_));
  if (!got) {
    return tl::unexpected{got.error()};
  }
  source_ended_ = *got == 0;
  end_ += *got;
  bytes_ += *got;
  if (bytes_ > limits_.bytes_max) {
    return model::fail(model::errc::too_large, name_ + " is larger than " +
                                                   std::to_string(limits_.bytes_max) +
                                                   " bytes: read a part of it");
  }
  if (source_ended_ && end_ > 0 && buffer_[end_ - 1] != '\n') {
    buffer_[end_++] = '\n';
  }
  return {};
}

/// Splits the record at `at_` into its fields.
csv_reader::scan_end csv_reader::scan() {
  fields_.clear();
  unescaped_.clear();
  record_lines_ = 1;
  text_behind_quotes_ = false;
  char* p = buffer_.data() + at_;
  char* const end = buffer_.data() + end_;
  *end = '\n'; // stops the loop below; told from a real one by its place
  while (true) {
    std::optional<std::string_view> inside_quotes;
    if (*p == '"') {
      inside_quotes = scan_quoted(p);
      if (!inside_quotes) {
        return scan_end::cut_in_quotes;
      }
    }
    const char* const first = p;
    while (*p != ',' && *p != '\n') {
      ++p;
    }
    if (p == end) {
      return scan_end::cut;
    }
    const bool carriage_return = *p == '\n' && p != first && p[-1] == '\r';
    const auto length = static_cast<std::size_t>(p - first) - (carriage_return ? 1U : 0U);
    text_behind_quotes_ = text_behind_quotes_ || (inside_quotes && length > 0);
    fields_.push_back(inside_quotes.value_or(std::string_view{first, length}));
    if (*p++ == '\n') {
      record_end_ = static_cast<std::size_t>(p - buffer_.data());
      return scan_end::record;
    }
  }
}

std::optional<std::string_view> csv_reader::scan_quoted(char*& p) {
  const char* const end = buffer_.data() + end_;
  const char* const first = ++p;
  bool doubled = false;
  for (; p != end; ++p) {
    if (*p == '\n') {
      ++record_lines_;
    } else if (*p == '"' && p + 1 != end && p[1] == '"') {
      doubled = true;
      ++p;
    } else if (*p == '"') {
      const std::string_view inside{first, static_cast<std::size_t>(p++ - first)};
      return doubled ? without_doubled_quotes(inside) : inside;
    }
  }
  return std::nullopt;
}

/// Not in place: a record that is cut off is scanned again.
std::string_view csv_reader::without_doubled_quotes(std::string_view text) {
  auto& plain = unescaped_.emplace_back();
  for (std::size_t i = 0; i < text.size(); ++i) {
    plain.push_back(text[i]);
    i += text[i] == '"' ? 1U : 0U;
  }
  return plain;
}

void csv_reader::judge(csv_record& record) const {
  if (text_behind_quotes_) {
    record.rule = "has text behind a closing quote";
    record.found = {};
  } else if (record.fields.size() != columns_.size()) {
    record.rule = "has another number of fields than the header";
    record.found =
        std::to_string(record.fields.size()) + " instead of " + std::to_string(columns_.size());
  }
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string shown = "'";
  for (const char c : text.substr(0, longest)) {
    shown.push_back(c >= ' ' && c != '\x7f' ? c : '?'); // bytes of UTF-8 are negative: '?' as well
  }
  return shown + (text.size() > longest ? "...'" : "'");
}

} // namespace berth::sim
