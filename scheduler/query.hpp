#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "model/request.hpp"
#include "scheduler/device_ask.hpp"
#include "scheduler/inventory_impl.hpp"

namespace berth::scheduler {

/// A placement request, made ready for one decision on one inventory: good until the inventory
/// changes.
struct query {
  const model::placement_request& request;
  std::shared_ptr<const device_ask> ask;
  bool holds_devices = false;
  group_id group = 0; ///< 0 = none, or nobody is in it yet
};

[[nodiscard]] query resolve(const inventory::impl& world, const model::placement_request& request);

/// The named devices that are on this host; `all_here` false: some are not.
struct named_here {
  device_mask devices = 0;
  bool all_here = true;
};
[[nodiscard]] named_here named_on(const inventory::impl& world, const query& asked,
                                  host_slot_id host);

/// What a combination wants of a host of this shape, by position of the device.
[[nodiscard]] std::vector<wanted_devices> wanted_on(const inventory::impl& world,
                                                    const query& asked, const combination& choice,
                                                    shape_id shape);

/// Devices of a shape, free or not, that any part of a combination matches.
[[nodiscard]] device_mask matching_of(const inventory::impl& world, const combination& choice,
                                      shape_id shape);

/// The first combination that the host can serve, with its best devices.
struct host_choice {
  device_choice devices;
  const combination* choice = nullptr;
};
[[nodiscard]] std::optional<host_choice> choose_on(const inventory::impl& world, const query& asked,
                                                   host_slot_id host, strictness how);

/// The devices in the order of the request; within one request in PCI order.
[[nodiscard]] std::vector<model::device_id> in_request_order(const inventory::impl& world,
                                                             const query& asked, host_slot_id host,
                                                             const host_choice& chosen);

} // namespace berth::scheduler
