#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/request.hpp"
#include "scheduler/host_groups.hpp"

namespace berth::scheduler {

/// What one selector matches, and (once asked for) the groups by their number of matching free
/// devices, so that a search can begin with the tightest hosts.
class device_pool {
public:
  device_pool(model::device_selector selector, std::vector<bool> kinds)
      : selector_(std::move(selector)), kinds_(std::move(kinds)) {}

  [[nodiscard]] const model::device_selector& selector() const { return selector_; }
  /// Devices of a shape that match, free or not.
  [[nodiscard]] device_mask matching(shape_id shape, const shape_table& shapes) const;
  /// Another shape got this number.
  void forget_shape(shape_id shape);

  [[nodiscard]] bool is_indexed() const { return indexed_; }
  void start_index() { indexed_ = true; }
  /// The group's hosts have now so many matching free devices; -1 = it has no hosts.
  void set(group_number group, int matching_free);
  [[nodiscard]] int most_free() const { return static_cast<int>(buckets_.size()) - 1; }
  [[nodiscard]] const group_set& with_free(int matching_free) const {
    return buckets_[static_cast<std::size_t>(matching_free)];
  }

private:
  struct known_mask {
    device_mask mask = 0;
    bool known = false;
  };

  model::device_selector selector_;
  std::vector<bool> kinds_;
  mutable std::vector<known_mask> masks_; ///< by shape
  bool indexed_ = false;
  std::vector<std::int16_t> counts_; ///< by group; -1 = in no bucket
  std::vector<group_set> buckets_;   ///< by number of matching free devices
};

} // namespace berth::scheduler
