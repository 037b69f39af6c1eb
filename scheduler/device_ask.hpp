#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/request.hpp"
#include "scheduler/device_pool.hpp"
#include "scheduler/device_selection.hpp"
#include "scheduler/finding.hpp"

namespace berth::scheduler {

struct hard_rule;

/// One described device request, resolved against an inventory.
struct described_devices {
  int count = 1;
  std::vector<std::shared_ptr<device_pool>> pools; ///< one per alternative, in order
  /// The requests that were merged into this one (equal ones without alternatives), by position.
  std::vector<std::size_t> requests;
};

/// Which alternative each described request takes.
struct combination {
  std::vector<std::shared_ptr<device_pool>> pools; ///< one per described request
  int rank = 0;  ///< sum of the alternatives' positions; 0 = every first choice
  int order = 0; ///< position among all combinations: those of one rank differ in it
};

inline constexpr std::size_t combinations_max = 256;

/// The device part of a request, resolved once and kept, with what was found out about groups of
/// hosts: servers of one flavour ask the same again and again.
struct device_ask {
  // The question.
  std::vector<model::device_request> devices;
  model::topology_wishes topology;

  // What it means for the present kinds of devices.
  std::vector<model::device_id> named;
  std::vector<described_devices> described;
  int described_count = 0;
  /// In the order they are tried: by rank, then the earlier request's choice first. At most
  /// combinations_max; never empty.
  std::vector<combination> combinations;

  /// The best devices of a group for a combination.
  struct group_choice {
    bool known = false;
    bool possible = false;
    std::int32_t closeness = 0; ///< points
    device_choice best;
  };
  /// The first rule about devices that a group's hosts break; null = none.
  struct group_verdict {
    bool known = false;
    const hard_rule* broken = nullptr;
    finding found;
  };
  /// Remembered, by group: shapes and free devices of a group never change.
  mutable std::vector<std::vector<group_choice>> choices; ///< of the first combinations
  mutable std::vector<group_verdict> verdicts;
  mutable std::vector<std::optional<std::int64_t>> times; ///< a host can give the devices
};

} // namespace berth::scheduler
