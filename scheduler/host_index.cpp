#include "scheduler/host_index.hpp"

namespace berth::scheduler {

device_mask device_pool::matching(shape_id shape, const shape_table& shapes) {
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

void device_pool::set(host_slot_id slot, int matching_free) {
  if (slot >= counts_.size()) {
    counts_.resize(slot + 1, -1);
  }
  auto& known = counts_[slot];
  if (known == matching_free) {
    return;
  }
  if (known >= 0) {
    buckets_[static_cast<std::size_t>(known)].erase(slot);
  }
  if (matching_free >= 0) {
    const auto bucket = static_cast<std::size_t>(matching_free);
    if (bucket >= buckets_.size()) {
      buckets_.resize(bucket + 1);
    }
    buckets_[bucket].insert(slot);
  }
  known = static_cast<std::int16_t>(matching_free);
}

} // namespace berth::scheduler
