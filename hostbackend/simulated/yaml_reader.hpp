#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "model/failure.hpp"

namespace berth::hostbackend::simulated {

/// How much of a YAML document is read at all; checked before it is built in memory.
struct yaml_limits {
  std::size_t bytes_max = 1U << 20U;
  std::size_t nodes_max = 100'000;
  std::size_t depth_max = 40;
};

/// A strict view of one document. Aliases, anchors, tags and further documents are refused, so
/// there are no cycles and no bombs. What is wrong is thrown as `bad_yaml` inside this folder only:
/// parse() turns it into a result at the edge.
class yaml_document {
public:
  struct bad_yaml {
    model::failure why;
  };

  /// `source`: the file's name, for messages.
  yaml_document(std::string_view text, std::string source, const yaml_limits& limits);

  [[nodiscard]] const YAML::Node& root() const { return root_; }
  /// Throws `source:line: message`.
  [[noreturn]] void refuse(const YAML::Node& where, model::errc code,
                           const std::string& message) const;

private:
  std::string source_;
  YAML::Node root_;
};

/// One mapping of a document: every key must be known and stand once.
class yaml_fields {
public:
  /// `what` names the mapping in messages, e.g. `card`.
  yaml_fields(const yaml_document& document, YAML::Node node, std::string what,
              std::initializer_list<std::string_view> known);

  [[nodiscard]] bool has(const std::string& key) const;
  [[nodiscard]] const YAML::Node& node() const { return node_; }
  /// The value of a key that must be there.
  [[nodiscard]] YAML::Node at(const std::string& key) const;
  [[nodiscard]] std::string text(const std::string& key) const;
  [[nodiscard]] std::string text(const std::string& key, std::string otherwise) const;
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t least,
                                     std::int64_t most) const;
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t least, std::int64_t most,
                                     std::int64_t otherwise) const;
  [[nodiscard]] double number(const std::string& key, double least, double most,
                              double otherwise) const;
  [[nodiscard]] bool boolean(const std::string& key, bool otherwise) const;
  /// The items of a sequence of at most `most`; empty if the key is absent.
  [[nodiscard]] std::vector<YAML::Node> items(const std::string& key, std::size_t most) const;
  [[noreturn]] void refuse(const std::string& key, const std::string& message) const;

private:
  const yaml_document& document_;
  YAML::Node node_;
  std::string what_;
};

/// A plain value of at most 200 characters without control characters.
[[nodiscard]] std::string scalar(const yaml_document& document, const YAML::Node& node,
                                 std::string_view what);
/// A whole number within bounds.
[[nodiscard]] std::int64_t whole(const yaml_document& document, const YAML::Node& node,
                                 std::string_view what, std::int64_t least, std::int64_t most);

/// Runs `read` and turns whatever it or yaml-cpp throws into a failure.
template <class Value>
[[nodiscard]] model::result<Value> parse(const std::string& source,
                                         const std::function<Value()>& read) {
  try {
    return read();
  } catch (const yaml_document::bad_yaml& bad) {
    return tl::unexpected<model::failure>{bad.why};
  } catch (const YAML::Exception& bad) {
    return model::fail(model::errc::invalid_argument, source + ":" +
                                                          std::to_string(bad.mark.line + 1) +
                                                          ": not valid YAML: " + bad.msg);
  }
}

/// Reads a whole file; too_large above the limit.
[[nodiscard]] model::result<std::string> read_text_file(const std::string& path,
                                                        std::size_t bytes_max);

} // namespace berth::hostbackend::simulated
