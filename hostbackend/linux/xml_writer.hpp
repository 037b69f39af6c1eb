#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::hostbackend::host_linux {

/// Writes an XML document, indented by two spaces. Whatever is given as a value comes back from a
/// parser as that value: markup is escaped, and control characters, which XML 1.0 cannot hold,
/// become `?`. Names of elements and attributes are the program's own and not checked.
class xml_writer {
public:
  using attributes = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// An element with children: everything until the matching close().
  xml_writer& open(std::string_view name, attributes values = {});
  xml_writer& close();
  /// An element without content.
  xml_writer& empty(std::string_view name, attributes values = {});
  /// An element that holds text only.
  xml_writer& text(std::string_view name, std::string_view content, attributes values = {});

  /// The document. Every open() was closed.
  [[nodiscard]] std::string take() &&;

private:
  void start(std::string_view name, attributes values);

  std::string out_;
  std::vector<std::string> open_;
  std::size_t content_at_ = 0; ///< where the innermost open element's content begins
};

} // namespace berth::hostbackend::host_linux
