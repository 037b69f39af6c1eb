#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/command.hpp"
#include "model/failure.hpp"

namespace berth::api {

/// Strict reading of query parameters. Name what may come, then ask `failure`: the first refusal
/// wins, and a parameter that nobody asked for is one.
class query_reader {
public:
  using parameters = std::vector<std::pair<std::string, std::string>>;
  explicit query_reader(const parameters& given) : given_(given) {}

  void read(std::string_view name, std::string& out);
  void read(std::string_view name, bool& out);
  void read(std::string_view name, std::optional<bool>& out);
  void read(std::string_view name, std::int64_t& out, std::int64_t least, std::int64_t most);
  void read(std::string_view name, std::vector<std::string>& out); ///< may be repeated
  /// limit, offset and order.
  void read(model::page& out);

  /// A word: whatever `parse` (text -> optional) accepts.
  template <class T, class Parse>
  void read_word(std::string_view name, std::optional<T>& out, Parse parse,
                 std::string_view expected) {
    if (const auto* text = one(name)) {
      out = parse(*text);
      if (!out) {
        refuse(name, *text, expected);
      }
    }
  }
  template <class T, class Parse>
  void read_words(std::string_view name, std::vector<T>& out, Parse parse,
                  std::string_view expected) {
    for (const auto* text : all(name)) {
      if (auto word = parse(*text)) {
        out.push_back(*std::move(word));
      } else {
        refuse(name, *text, expected);
      }
    }
  }

  /// What is wrong with the parameters; nullopt if nothing. Call it last.
  [[nodiscard]] std::optional<model::failure> failure();

private:
  /// The one value of `name`; null if absent or refused.
  const std::string* one(std::string_view name);
  std::vector<const std::string*> all(std::string_view name);
  void refuse(std::string_view name, std::string_view value, std::string_view expected);

  const parameters& given_;
  std::vector<std::string_view> known_;
  std::optional<model::failure> failure_;
};

} // namespace berth::api
