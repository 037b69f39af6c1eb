#include "model/request.hpp"

#include "model/enum_names.hpp"

namespace berth::model {

namespace {
constexpr enum_names<wish, wish::require> wishes{"none", "prefer", "require"};
} // namespace

std::string_view to_string(wish w) {
  return name_of(wishes, w);
}

std::optional<wish> parse_wish(std::string_view text) {
  return value_of<wish>(wishes, text);
}

} // namespace berth::model
