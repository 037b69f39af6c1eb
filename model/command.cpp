#include "model/command.hpp"

#include "model/enum_names.hpp"

namespace berth::model {

namespace {
constexpr enum_names<server_action, server_action::remove> actions{"start", "stop", "restart",
                                                                   "delete"};
} // namespace

std::string_view to_string(server_action action) {
  return name_of(actions, action);
}

std::optional<server_action> parse_server_action(std::string_view text) {
  return value_of<server_action>(actions, text);
}

} // namespace berth::model
