#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/ids.hpp"
#include "model/request.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"

namespace berth::scheduler {

// How an inventory is kept current. The owner of the truth (control/) publishes these in order;
// applying the same updates to the same inventory gives the same inventory. All are level-triggered
// or keyed, so one may come twice.

/// A host appeared or anything about it or its set of devices changed. `devices` is all of them.
struct host_changed {
  model::host_record host;
  std::vector<model::device_record> devices;
};

/// A host is gone, with its devices and its servers' allocations.
struct host_gone {
  model::host_id host;
};

/// One device of a known host changed (state, owner, settings).
struct device_changed {
  model::device_record device;
};

/// The frequent part of device_changed: a device's turnover went on, or its owner changed.
struct device_turned {
  model::host_id host;
  model::device_id device;
  model::device_state state = model::device_state::discovered;
  bool owned = false;
};

/// A server takes part of a host. A second one for the same server replaces the first.
struct server_allocated {
  model::server_id server;
  model::host_id host;
  model::resources amount;
  std::vector<model::device_id>
      devices; ///< become unavailable, until a device_changed or device_turned says otherwise
  std::string anti_affinity_group;
  std::optional<model::timestamp> ends_at{}; ///< when it is expected to be gone, if known
  model::timestamp placed_at{};              ///< with ends_at: when it was placed
  /// The devices it asked for, so that more like it can be expected. Empty: any would have done.
  std::vector<model::device_request> asked{};
};

/// The server takes nothing any more. Its devices stay unavailable until a device_changed or
/// device_turned says otherwise.
struct server_released {
  model::server_id server;
};

using inventory_update = std::variant<host_changed, host_gone, device_changed, device_turned,
                                      server_allocated, server_released>;

} // namespace berth::scheduler
