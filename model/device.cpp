#include "model/device.hpp"

#include "model/enum_names.hpp"

namespace berth::model {

namespace {
constexpr enum_names<dev_type, dev_type::pci> types{"GPU-HPC", "GPU-VGA", "PCI"};
constexpr enum_names<device_state, device_state::quarantined> states{
    "discovered", "binding",   "free",     "reserved", "in_use",     "releasing",
    "resetting",  "verifying", "unusable", "lost",     "quarantined"};
} // namespace

std::string_view to_string(dev_type type) {
  return name_of(types, type);
}

std::string_view to_string(device_state state) {
  return name_of(states, state);
}

std::optional<dev_type> parse_dev_type(std::string_view text) {
  return value_of<dev_type>(types, text);
}

std::optional<device_state> parse_device_state(std::string_view text) {
  return value_of<device_state>(states, text);
}

bool is_offerable(const device_record& device) {
  return device.present && device.enabled && !device.owner && device.state == device_state::free &&
         device.info.unusable_reason.empty();
}

} // namespace berth::model
