#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/ids.hpp"
#include "model/time.hpp"

namespace berth::api {

/// Appends JSON to a string: no tree, no allocation but the string's. The caller keeps the order of
/// calls right; commas are set here. Bytes that are not UTF-8 become U+FFFD.
class json_writer {
public:
  static constexpr std::size_t key_max = 60;

  explicit json_writer(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  /// `name` must need no escaping and fit key_max: it is a literal of this program.
  void key(std::string_view name) {
    // One append instead of five: this is the writer's hottest line.
    char buffer[key_max + 4];
    char* at = buffer;
    if (comma_) {
      *at++ = ',';
    }
    *at++ = '"';
    at += name.copy(at, key_max);
    *at++ = '"';
    *at++ = ':';
    out_.append(buffer, static_cast<std::size_t>(at - buffer));
    comma_ = false;
  }

  void value(std::string_view text) {
    separate();
    quote(text);
  }
  void value(const char* text) { value(std::string_view{text}); }
  void value(const std::string& text) { value(std::string_view{text}); }
  void value(bool truth) { literal(truth ? "true" : "false"); }
  template <std::integral Number> void value(Number number) {
    separate();
    char buffer[24];
    out_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
  }
  void value(const model::uuid& id);
  template <class Tag> void value(const model::strong_id<Tag>& id) { value(id.value); }
  /// RFC 3339, UTC, microseconds.
  void value(model::timestamp at);

  template <class T> void field(std::string_view name, const T& what) {
    key(name);
    value(what);
  }
  /// A field whose name comes from outside and is escaped.
  void pair(std::string_view name, std::string_view text) {
    separate();
    quote(name);
    out_ += ':';
    quote(text);
  }
  /// Leaves the field out when the text is empty.
  void field_unless_empty(std::string_view name, std::string_view text) {
    if (!text.empty()) {
      field(name, text);
    }
  }
  template <class T> void list(std::string_view name, std::span<const T> items) {
    key(name);
    begin_array();
    for (const auto& item : items) {
      value(item);
    }
    end_array();
  }
  /// Appends finished JSON as one value.
  void raw(std::string_view json) { literal(json); }

private:
  void separate() {
    if (comma_) {
      out_ += ',';
    }
    comma_ = true;
  }
  void open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    comma_ = true;
  }
  void literal(std::string_view text) {
    separate();
    out_ += text;
  }
  void quote(std::string_view text);

  std::string& out_;
  bool comma_ = false;
};

/// How a timestamp reads in the API, e.g. `2026-03-01T12:00:00.000000Z`.
[[nodiscard]] std::string to_rfc3339(model::timestamp at);

} // namespace berth::api
