#include "sim/replay/location.hpp"

namespace berth::sim {

namespace {

template <class Item> std::vector<model::device_id> each_device(const std::vector<Item>& items) {
  std::vector<model::device_id> devices;
  devices.reserve(items.size());
  for (const auto& item : items)
    devices.push_back(item.device);
  return devices;
}

} // namespace

std::vector<model::device_id> devices_of(const std::vector<model::attachment>& attachments) {
  return each_device(attachments);
}

std::vector<model::device_id> devices_of(const std::vector<model::device_release>& releases) {
  return each_device(releases);
}

} // namespace berth::sim
