#include "model/host.hpp"

#include "model/enum_names.hpp"

namespace berth::model {

namespace {
constexpr enum_names<host_status, host_status::online> statuses{"offline", "online"};
} // namespace

std::string_view to_string(host_status status) {
  return name_of(statuses, status);
}

std::optional<host_status> parse_host_status(std::string_view text) {
  return value_of<host_status>(statuses, text);
}

} // namespace berth::model
