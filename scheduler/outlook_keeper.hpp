#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "scheduler/device_pool.hpp"
#include "scheduler/outlook.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::scheduler {

/// The outlook of an inventory, kept from decision to decision: what a group of hosts has room for
/// is counted again only when the group changed. A cache: it depends on the inventory alone.
class outlook_keeper {
public:
  /// The outlook as it is now; good until the inventory changes.
  const outlook& look(const inventory::impl& world);

  /// By flavour of the latest outlook: how many of these devices of a shape match it.
  void count_matching(const inventory::impl& world, shape_id shape, device_mask devices,
                      std::vector<int>& counts) const;

  /// Another shape got a number that had another before, or the kinds of devices changed.
  void forget();

private:
  struct group_room {
    std::uint64_t changes = 0;       ///< of the group, when it was counted
    std::vector<std::int64_t> rooms; ///< by flavour; empty: nothing was counted
    std::int64_t usable = 0;
  };

  void choose_flavours(const inventory::impl& world);
  void count_group(const inventory::impl& world, const host_group& group, group_room& known);
  void take_off(group_room& known);

  outlook now_;
  std::uint64_t mix_changes_ = 0;
  std::uint64_t pools_generation_ = 0;
  bool forgotten_ = true;
  std::vector<flavour> chosen_;
  std::vector<std::vector<std::shared_ptr<device_pool>>> pools_; ///< by flavour and alternative
  std::vector<group_room> rooms_;                                ///< by group
};

} // namespace berth::scheduler
