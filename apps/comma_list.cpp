#include "apps/comma_list.hpp"

#include <algorithm>

namespace berth::apps {

std::string_view trimmed(std::string_view text) {
  const auto begin = std::min(text.find_first_not_of(' '), text.size());
  const auto end = text.find_last_not_of(' ');
  return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end - begin + 1);
}

std::vector<std::string_view> comma_list(std::string_view text) {
  std::vector<std::string_view> entries;
  while (!trimmed(text).empty()) {
    const auto comma = std::min(text.find(','), text.size());
    entries.push_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return entries;
}

} // namespace berth::apps
