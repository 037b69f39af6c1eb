#include "hostbackend/host_backend.hpp"

#include <array>

namespace berth::hostbackend {

std::string_view operation_name(const operation& what) {
  static constexpr std::array<std::string_view, std::variant_size_v<operation>> names{
      "discover",      "bind_device",  "unbind_device", "reset_device",    "verify_device",
      "define_server", "start_server", "stop_server",   "undefine_server", "list_servers"};
  return names.at(what.index());
}

} // namespace berth::hostbackend
