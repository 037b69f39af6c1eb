#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace berth::scheduler {

/// Finds small values by id: open addressing with key and value side by side, so that a look-up
/// costs one cache line where std::unordered_map costs three. Never walked: its order cannot show.
template <class Id, class Value> class id_table {
public:
  /// nullptr = it is not there. Good until the next insert or erase.
  [[nodiscard]] const Value* find(const Id& id) const {
    if (slots_.empty()) {
      return nullptr;
    }
    const auto& slot = slots_[place_of(id)];
    return slot.used ? &slot.value : nullptr;
  }

  /// Puts a value, or replaces the one that is there.
  void put(const Id& id, Value value) {
    if (4 * (size_ + 1) > 3 * slots_.size()) {
      grow();
    }
    auto& slot = slots_[place_of(id)];
    size_ += slot.used ? 0U : 1U;
    slot = {id, std::move(value), true};
  }

  void erase(const Id& id) {
    if (slots_.empty() || !slots_[place_of(id)].used) {
      return;
    }
    // Later ones move up into the gap, so that none is cut off from its home.
    std::size_t gap = place_of(id);
    for (std::size_t at = next(gap); slots_[at].used; at = next(at)) {
      const std::size_t home = home_of(slots_[at].id);
      if (((at - home) & mask()) >= ((at - gap) & mask())) {
        slots_[gap] = std::move(slots_[at]);
        gap = at;
      }
    }
    slots_[gap] = {};
    --size_;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

private:
  struct slot_type {
    Id id{};
    Value value{};
    bool used = false;
  };

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
  [[nodiscard]] std::size_t home_of(const Id& id) const {
    const auto hash = static_cast<std::uint64_t>(std::hash<Id>{}(id)) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>(hash ^ (hash >> 32U)) & mask();
  }
  /// Where the id is, or the free slot where it would be put.
  [[nodiscard]] std::size_t place_of(const Id& id) const {
    std::size_t at = home_of(id);
    while (slots_[at].used && slots_[at].id != id) {
      at = next(at);
    }
    return at;
  }
  void grow() {
    std::vector<slot_type> old(slots_.empty() ? 16 : 2 * slots_.size());
    std::swap(old, slots_);
    for (auto& slot : old) {
      if (slot.used) {
        slots_[place_of(slot.id)] = std::move(slot);
      }
    }
  }

  std::vector<slot_type> slots_; ///< a power of two, at most three quarters used
  std::size_t size_ = 0;
};

} // namespace berth::scheduler
