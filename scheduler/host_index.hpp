#pragma once

#include <cstdint>
#include <vector>

#include "model/request.hpp"
#include "scheduler/device_mask.hpp"
#include "scheduler/host_shape.hpp"
#include "scheduler/kinds.hpp"

namespace berth::scheduler {

/// Position of a host in inventory::impl::hosts.
using host_slot_id = std::uint32_t;

/// A set of host slots that is cheap to change and to walk in ascending order.
class slot_set {
public:
  void insert(host_slot_id slot) {
    if (slot / 64 >= words_.size()) {
      words_.resize(slot / 64 + 1);
    }
    words_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  }
  void erase(host_slot_id slot) {
    if (slot / 64 < words_.size()) {
      words_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    }
  }
  template <class Visit> void for_each(Visit visit) const {
    for (std::size_t word = 0; word < words_.size(); ++word) {
      for (std::uint64_t left = words_[word]; left != 0; left &= left - 1) {
        visit(static_cast<host_slot_id>(word * 64) +
              static_cast<host_slot_id>(std::countr_zero(left)));
      }
    }
  }

private:
  std::vector<std::uint64_t> words_;
};

/// What one selector matches, and (once asked for) the open hosts by their number of matching free
/// devices, so that best fit looks at the tightest hosts first.
class device_pool {
public:
  device_pool(model::device_selector selector, std::vector<bool> kinds)
      : selector_(std::move(selector)), kinds_(std::move(kinds)) {}

  [[nodiscard]] const model::device_selector& selector() const { return selector_; }
  /// Devices of a shape that match, free or not.
  [[nodiscard]] device_mask matching(shape_id shape, const shape_table& shapes);
  /// Another shape got this number.
  void forget_shape(shape_id shape);

  [[nodiscard]] bool is_indexed() const { return indexed_; }
  void start_index() { indexed_ = true; }
  /// The host has now so many matching free devices; -1 = it is not open.
  void set(host_slot_id slot, int matching_free);
  [[nodiscard]] int most_free() const { return static_cast<int>(buckets_.size()) - 1; }
  [[nodiscard]] const slot_set& with_free(int matching_free) const {
    return buckets_[static_cast<std::size_t>(matching_free)];
  }

private:
  struct known_mask {
    device_mask mask = 0;
    bool known = false;
  };

  model::device_selector selector_;
  std::vector<bool> kinds_;
  std::vector<known_mask> masks_; ///< by shape
  bool indexed_ = false;
  std::vector<std::int16_t> counts_; ///< by slot; -1 = in no bucket
  std::vector<slot_set> buckets_;    ///< by number of matching free devices
};

} // namespace berth::scheduler
