#include "api/json_syntax.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "api/utf8.hpp"

namespace berth::api {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Walks the text; every member returns false after noting the first fault at `at_`.
class walker {
public:
  explicit walker(std::string_view text) : text_(text) {}

  std::optional<json_fault> run() {
    skip_space();
    if (value(0)) {
      skip_space();
      if (at_ == text_.size()) {
        return std::nullopt;
      }
      (void)stop("unexpected text after the value");
    }
    json_fault fault;
    fault.what = what_;
    for (std::size_t i = 0; i < at_ && i < text_.size(); ++i) {
      ++fault.column;
      if (text_[i] == '\n') {
        ++fault.line;
        fault.column = 1;
      }
    }
    return fault;
  }

private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool stop(const char* what) {
    what_ = at_ >= text_.size() ? std::string{"the text ends here: "} + what : what;
    return false;
  }
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool value(std::size_t depth) {
    switch (peek()) {
    case '{':
    case '[':
      if (depth >= json_depth_max) {
        return stop("nested too deep, at most 16 levels are allowed");
      }
      return peek() == '{' ? object(depth) : array(depth);
    case '"':
      return string();
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    default:
      return peek() == '-' || is_digit(peek()) ? number() : stop("expected a value");
    }
  }

  bool object(std::size_t depth) {
    ++at_;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return true;
    }
    while (true) {
      if (peek() != '"') {
        return stop("expected a field name in double quotes");
      }
      if (!string()) {
        return false;
      }
      skip_space();
      if (peek() != ':') {
        return stop("expected ':'");
      }
      ++at_;
      skip_space();
      if (!value(depth + 1)) {
        return false;
      }
      skip_space();
      if (peek() == '}') {
        ++at_;
        return true;
      }
      if (peek() != ',') {
        return stop("expected ',' or '}'");
      }
      ++at_;
      skip_space();
    }
  }

  bool array(std::size_t depth) {
    ++at_;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return true;
    }
    while (true) {
      if (!value(depth + 1)) {
        return false;
      }
      skip_space();
      if (peek() == ']') {
        ++at_;
        return true;
      }
      if (peek() != ',') {
        return stop("expected ',' or ']'");
      }
      ++at_;
      skip_space();
    }
  }

  bool string() {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c < 0x20) {
        return stop("a control character in a string, escape it");
      }
      if (c == '\\') {
        if (!escape()) {
          return false;
        }
        continue;
      }
      const auto length = utf8_sequence(text_.substr(at_));
      if (length == 0) {
        return stop("not UTF-8");
      }
      at_ += length;
    }
    if (at_ >= text_.size()) {
      return stop("expected '\"'");
    }
    ++at_;
    return true;
  }

  bool escape() {
    const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (std::string_view{"\"\\/bfnrt"}.find(kind) != std::string_view::npos && kind != '\0') {
      at_ += 2;
      return true;
    }
    if (kind != 'u') {
      return stop("an unknown escape in a string");
    }
    const auto first = code_unit(at_);
    if (!first) {
      return stop("expected four hexadecimal digits after \\u");
    }
    if (*first >= 0xDC00 && *first <= 0xDFFF) {
      return stop("half a surrogate pair");
    }
    if (*first >= 0xD800 && *first <= 0xDBFF) {
      const auto second = text_.substr(at_ + 6, 2) == "\\u" ? code_unit(at_ + 6) : std::nullopt;
      if (!second || *second < 0xDC00 || *second > 0xDFFF) {
        return stop("half a surrogate pair");
      }
      at_ += 6;
    }
    at_ += 6;
    return true;
  }

  /// The four digits of the \u escape that starts at `from`.
  [[nodiscard]] std::optional<std::uint32_t> code_unit(std::size_t from) const {
    std::uint32_t unit = 0;
    for (std::size_t i = from + 2; i < from + 6; ++i) {
      const char c = i < text_.size() ? text_[i] : '\0';
      if (is_digit(c)) {
        unit = unit * 16 + static_cast<std::uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        unit = unit * 16 + static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
      } else {
        return std::nullopt;
      }
    }
    return unit;
  }

  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) {
      return stop("expected a value");
    }
    at_ += expected.size();
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) {
      return stop("expected a digit");
    }
    while (is_digit(peek())) {
      ++at_;
    }
    return true;
  }

  bool number() {
    const std::size_t start = at_;
    at_ += peek() == '-' ? 1 : 0;
    bool whole = true;
    if (peek() == '0' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])) {
      return stop("a number may not start with 0");
    }
    if (!digits()) {
      return false;
    }
    if (peek() == '.') {
      whole = false;
      ++at_;
      if (!digits()) {
        return false;
      }
    }
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      ++at_;
      at_ += peek() == '+' || peek() == '-' ? 1 : 0;
      if (!digits()) {
        return false;
      }
    }
    return in_range(start, whole);
  }

  bool in_range(std::size_t start, bool whole) {
    const std::string text{text_.substr(start, at_ - start)};
    const double size = std::abs(std::strtod(text.c_str(), nullptr));
    const double most = text.front() == '-' ? 9223372036854775808.0 : 18446744073709551615.0;
    if (whole ? size > most || (size == most && beyond_64_bits(text)) : std::isinf(size)) {
      at_ = start;
      return stop("the number is too large");
    }
    return true;
  }

  static bool beyond_64_bits(const std::string& text) {
    const std::string_view limit =
        text.front() == '-' ? "-9223372036854775808" : "18446744073709551615";
    return text.size() > limit.size() || (text.size() == limit.size() && text > limit);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string what_;
};

} // namespace

std::optional<json_fault> find_json_fault(std::string_view text) {
  return walker{text}.run();
}

} // namespace berth::api
