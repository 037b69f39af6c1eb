#pragma once

#include <optional>
#include <vector>

#include "model/request.hpp"
#include "scheduler/device_selection.hpp"
#include "scheduler/inventory_impl.hpp"

namespace berth::scheduler {

/// One described device request, resolved against an inventory.
struct described_devices {
  int count = 1;
  std::vector<std::size_t> pools; ///< one per alternative, in order
  /// The requests that were merged into this one (equal ones without alternatives), by position.
  std::vector<std::size_t> requests;
};

/// Which alternative each described request takes.
struct combination {
  std::vector<std::size_t> pools; ///< one per described request
  int rank = 0;                   ///< sum of the alternatives' positions; 0 = every first choice
};

/// A placement request, made ready for one decision on one inventory.
struct query {
  const model::placement_request& request;
  bool holds_devices = false;
  std::vector<model::device_id> named;
  std::vector<described_devices> described;
  int described_count = 0;
  /// In the order they are tried: by rank, then the earlier request's choice first. At most
  /// combinations_max; never empty.
  std::vector<combination> combinations;
  group_id group = 0; ///< 0 = none, or nobody is in it yet
};

inline constexpr std::size_t combinations_max = 256;

[[nodiscard]] query resolve(const inventory::impl& world, const model::placement_request& request);

/// The named devices that are on this host; `all_here` false: some are not.
struct named_here {
  device_mask devices = 0;
  bool all_here = true;
};
[[nodiscard]] named_here named_on(const inventory::impl& world, const query& asked,
                                  host_slot_id host);

/// What a combination wants of a host, by position of the device.
[[nodiscard]] std::vector<wanted_devices> wanted_on(const inventory::impl& world,
                                                    const query& asked, const combination& choice,
                                                    host_slot_id host);

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
