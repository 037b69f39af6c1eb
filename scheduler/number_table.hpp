#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace berth::scheduler {

/// Finds an entry's number by the entry's id, which the entry itself has: a slot is eight bytes, so
/// that the table of a hundred thousand entries stays in a processor's near cache where one with
/// the ids in it would not. Open addressing. Never walked: its order cannot show.
///
/// `has(number)` answers whether that entry has the id; it is asked about few others.
class number_table {
public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  /// `none`: it is not there.
  template <class Id, class Has> [[nodiscard]] std::uint32_t find(const Id& id, Has has) const {
    return slots_.empty() ? none : slots_[place_of(mark_of(id), has)].number;
  }

  /// Puts a number, or replaces the one that is there.
  template <class Id, class Has> void put(const Id& id, std::uint32_t number, Has has) {
    if (4 * (size_ + 1) > 3 * slots_.size()) {
      grow();
    }
    const auto mark = mark_of(id);
    auto& slot = slots_[place_of(mark, has)];
    size_ += slot.number == none ? 1U : 0U;
    slot = {mark, number};
  }

  template <class Id, class Has> void erase(const Id& id, Has has) {
    if (slots_.empty()) {
      return;
    }
    std::size_t gap = place_of(mark_of(id), has);
    if (slots_[gap].number == none) {
      return;
    }
    // Later ones move up into the gap, so that none is cut off from its home.
    for (std::size_t at = next(gap); slots_[at].number != none; at = next(at)) {
      const std::size_t home = slots_[at].mark & mask();
      if (((at - home) & mask()) >= ((at - gap) & mask())) {
        slots_[gap] = slots_[at];
        gap = at;
      }
    }
    slots_[gap] = {};
    --size_;
  }

private:
  struct slot_type {
    std::uint32_t mark = 0; ///< of the id: says where it belongs, and tells most others apart
    std::uint32_t number = none;
  };

  template <class Id> [[nodiscard]] static std::uint32_t mark_of(const Id& id) {
    const auto hash = static_cast<std::uint64_t>(std::hash<Id>{}(id)) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint32_t>(hash >> 32U);
  }
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & mask(); }
  /// Where it is, or the free slot where it would be put.
  template <class Has> [[nodiscard]] std::size_t place_of(std::uint32_t mark, Has has) const {
    std::size_t at = mark & mask();
    while (slots_[at].number != none && (slots_[at].mark != mark || !has(slots_[at].number))) {
      at = next(at);
    }
    return at;
  }
  void grow() {
    std::vector<slot_type> old(slots_.empty() ? 16 : 2 * slots_.size());
    std::swap(old, slots_);
    for (const auto& slot : old) {
      if (slot.number != none) {
        slots_[place_of(slot.mark, [](std::uint32_t) { return false; })] = slot;
      }
    }
  }

  std::vector<slot_type> slots_; ///< a power of two, at most three quarters used
  std::size_t size_ = 0;
};

} // namespace berth::scheduler
