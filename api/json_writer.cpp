#include "api/json_writer.hpp"

#include <array>
#include <chrono>

#include "api/utf8.hpp"

namespace berth::api {

namespace {

constexpr std::string_view hex = "0123456789abcdef";

/// 0: as it is; 1: must be escaped; 2: starts a sequence of more bytes, or is no UTF-8.
constexpr std::array<std::uint8_t, 256> classes = [] {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) {
    table[c] = 1;
  }
  table['"'] = 1;
  table['\\'] = 1;
  for (std::size_t c = 0x80; c < 256; ++c) {
    table[c] = 2;
  }
  return table;
}();

void append_escape(std::string& out, char c) {
  switch (c) {
  case '"':
    out += "\\\"";
    return;
  case '\\':
    out += "\\\\";
    return;
  case '\n':
    out += "\\n";
    return;
  case '\r':
    out += "\\r";
    return;
  case '\t':
    out += "\\t";
    return;
  default:
    out += "\\u00";
    out += hex[static_cast<std::size_t>(c) >> 4U];
    out += hex[static_cast<std::size_t>(c) & 15U];
  }
}

void append_digits(char*& at, std::int64_t value, int width) {
  for (int i = width - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  at += width;
}

std::string_view write_time(char* buffer, model::timestamp when) {
  using namespace std::chrono;
  const auto day = floor<days>(when);
  const year_month_day date{day};
  const auto within = duration_cast<microseconds>(when - day).count();
  char* at = buffer;
  append_digits(at, int{date.year()}, 4);
  *at++ = '-';
  append_digits(at, unsigned{date.month()}, 2);
  *at++ = '-';
  append_digits(at, unsigned{date.day()}, 2);
  *at++ = 'T';
  append_digits(at, within / 3'600'000'000, 2);
  *at++ = ':';
  append_digits(at, within / 60'000'000 % 60, 2);
  *at++ = ':';
  append_digits(at, within / 1'000'000 % 60, 2);
  *at++ = '.';
  append_digits(at, within % 1'000'000, 6);
  *at++ = 'Z';
  return {buffer, static_cast<std::size_t>(at - buffer)};
}

} // namespace

void json_writer::quote(std::string_view text) {
  out_ += '"';
  std::size_t start = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    const auto kind = classes[static_cast<unsigned char>(text[i])];
    const auto sequence = kind == 2 ? utf8_sequence(text.substr(i)) : 1;
    if (kind == 0 || (kind == 2 && sequence > 0)) {
      i += sequence;
      continue;
    }
    out_.append(text, start, i - start);
    if (kind == 1) {
      append_escape(out_, text[i]);
    } else {
      out_ += "\xEF\xBF\xBD";
    }
    start = ++i;
  }
  out_.append(text, start, text.size() - start);
  out_ += '"';
}

void json_writer::value(const model::uuid& id) {
  separate();
  char text[38];
  char* at = text;
  *at++ = '"';
  const auto bytes = id.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      *at++ = '-';
    }
    *at++ = hex[bytes[i] >> 4U];
    *at++ = hex[bytes[i] & 15U];
  }
  *at++ = '"';
  out_.append(text, sizeof text);
}

void json_writer::value(model::timestamp at) {
  separate();
  char buffer[40];
  out_ += '"';
  out_ += write_time(buffer, at);
  out_ += '"';
}

std::string to_rfc3339(model::timestamp at) {
  char buffer[40];
  return std::string{write_time(buffer, at)};
}

} // namespace berth::api
