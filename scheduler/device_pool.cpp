#include "scheduler/device_pool.hpp"

namespace berth::scheduler {

device_mask device_pool::matching(shape_id shape, const shape_table& shapes) const {
  if (shape >= masks_.size()) {
    masks_.resize(shapes.size());
  }
  auto& entry = masks_[shape];
  if (!entry.known) {
    entry = {shapes.at(shape).of_kinds(kinds_), true};
  }
  return entry.mask;
}

void device_pool::forget_shape(shape_id shape) {
  if (shape < masks_.size()) {
    masks_[shape] = {};
  }
}

void device_pool::set(group_number group, int matching_free) {
  if (group >= counts_.size()) {
    counts_.resize(group + 1, -1);
  }
  auto& known = counts_[group];
  if (known == matching_free) {
    return;
  }
  if (known >= 0) {
    buckets_[static_cast<std::size_t>(known)].erase(group);
  }
  if (matching_free >= 0) {
    const auto bucket = static_cast<std::size_t>(matching_free);
    if (bucket >= buckets_.size()) {
      buckets_.resize(bucket + 1);
    }
    buckets_[bucket].insert(group);
  }
  known = static_cast<std::int16_t>(matching_free);
}

} // namespace berth::scheduler
