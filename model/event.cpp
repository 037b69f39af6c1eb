#include "model/event.hpp"

#include <array>

namespace berth::model {

namespace {
/// In the order of the variant.
constexpr std::array<std::string_view, std::variant_size_v<event>> names{
    "controller_started",      "host_inventoried",       "host_status_changed",
    "host_settings_changed",   "host_removed",           "server_created",
    "server_status_changed",   "server_power_requested", "server_delete_requested",
    "server_removed",          "device_attached",        "device_detached",
    "device_settings_changed", "device_state_reported",  "device_removed",
    "request_answered",        "server_placed",          "server_wait_ended",
    "server_reserved",
};
} // namespace

std::string_view event_name(const event& what) {
  return names.at(what.index());
}

} // namespace berth::model
