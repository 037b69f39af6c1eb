#include "hostbackend/host_backend.hpp"

#include <array>

namespace berth::hostbackend {

namespace {

constexpr std::array<std::string_view, std::variant_size_v<operation>> names{
    "discover",      "bind_device",     "reset_device", "verify_device",
    "define_server", "start_server",    "stop_server",  "plug_device",
    "unplug_device", "undefine_server", "list_servers"};

} // namespace

std::string_view operation_name(const operation& what) {
  return names.at(what.index());
}

std::span<const std::string_view> operation_names() {
  return names;
}

} // namespace berth::hostbackend
