#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"

namespace berth::sim {

/// Where a part of a document was written.
struct document_origin {
  std::string name;      ///< a file, or a flag such as `--hosts`
  std::string directory; ///< that relative paths start from; empty: the current one
};

/// A value as it was written, and where: from a YAML file or from the command line.
struct document_node {
  enum class form { nothing, scalar, list, map };

  form is = form::nothing;
  std::string key;                  ///< in a map
  std::string text;                 ///< of a scalar
  std::vector<document_node> items; ///< of a list or a map, in order
  std::shared_ptr<const document_origin> from{};
  int line = 0; ///< from 1; 0: the origin has none

  /// `file:line`, or the flag.
  [[nodiscard]] std::string place() const;
  /// The path that `path` means where it stands.
  [[nodiscard]] std::string resolved(const std::string& path) const;
  /// Of a map; nullptr: it has no such key.
  [[nodiscard]] const document_node* find(std::string_view name) const;
};

/// Reads YAML of at most 1 MiB: one document, a map, no aliases, no key twice. `name` and
/// `directory` as in document_origin.
[[nodiscard]] model::result<document_node> read_document(std::string_view text, std::string name,
                                                         std::string directory);

/// The same from a file.
[[nodiscard]] model::result<document_node> load_document(const std::string& path);

/// As YAML that read_document reads: the items of lists on a line each.
[[nodiscard]] std::string to_yaml(const document_node& map);

} // namespace berth::sim
