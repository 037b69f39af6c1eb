#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace berth::control {

/// Finds entries by a key that each entry carries: open addressing, so that a look-up touches one
/// line of the table and then the entry. `Handle` points at an entry (raw, or unique_ptr: then the
/// index owns it); entries stay where they are. `KeyOf{}(entry)` must not change while the entry is
/// in. Never walked, so its order cannot show.
template <class Handle, class KeyOf> class hash_index {
public:
  using entry_type = typename std::pointer_traits<Handle>::element_type;
  using key_type = std::decay_t<std::invoke_result_t<KeyOf, const entry_type&>>;

  [[nodiscard]] entry_type* find(const key_type& key) const {
    const auto at = place_of(key, hash_of(key));
    return at == nowhere ? nullptr : &*slots_[at].entry;
  }
  /// The key must be there.
  [[nodiscard]] entry_type& at(const key_type& key) const { return *find(key); }
  [[nodiscard]] bool contains(const key_type& key) const { return find(key) != nullptr; }

  /// The entry that has the key now, and whether it is the one given; else that one is dropped.
  std::pair<entry_type*, bool> insert(Handle entry) {
    const auto& key = KeyOf{}(std::as_const(*entry));
    const auto hash = hash_of(key);
    if (const auto at = place_of(key, hash); at != nowhere) {
      return {&*slots_[at].entry, false};
    }
    if (2 * (size_ + 1) > slots_.size()) {
      grow();
    }
    ++size_;
    auto* const where = &*entry;
    put({hash, std::move(entry)});
    return {where, true};
  }

  /// Takes the entry out; null if there is none.
  Handle take(const key_type& key) {
    const auto at = place_of(key, hash_of(key));
    if (at == nowhere) {
      return Handle{};
    }
    Handle taken = std::exchange(slots_[at].entry, Handle{});
    --size_;
    close_gap(at);
    return taken;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

private:
  struct slot {
    std::uint64_t hash = 0;
    Handle entry{}; ///< null: free
  };
  static constexpr std::size_t nowhere = ~std::size_t{0};
  static constexpr std::size_t slots_min = 16;

  /// Spread over all bits, whatever the keys share.
  static std::uint64_t hash_of(const key_type& key) {
    const std::uint64_t mixed = std::hash<key_type>{}(key)*0x9e3779b97f4a7c15ULL;
    return mixed ^ (mixed >> 32U);
  }
  [[nodiscard]] std::size_t home_of(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  [[nodiscard]] std::size_t after(std::size_t at) const { return home_of(at + 1); }

  [[nodiscard]] std::size_t place_of(const key_type& key, std::uint64_t hash) const {
    if (size_ == 0) {
      return nowhere;
    }
    for (auto at = home_of(hash); slots_[at].entry != nullptr; at = after(at)) {
      if (slots_[at].hash == hash && KeyOf{}(std::as_const(*slots_[at].entry)) == key) {
        return at;
      }
    }
    return nowhere;
  }

  void put(slot what) {
    auto at = home_of(what.hash);
    while (slots_[at].entry != nullptr) {
      at = after(at);
    }
    slots_[at] = std::move(what);
  }

  void grow() {
    auto before = std::exchange(slots_, std::vector<slot>{});
    slots_.resize(before.empty() ? slots_min : 2 * before.size());
    for (auto& each : before) {
      if (each.entry != nullptr) {
        put(std::move(each));
      }
    }
  }

  /// Moves back what was put behind the free slot because that one was taken, so that every search
  /// still ends at a free slot.
  void close_gap(std::size_t gap) {
    for (auto at = after(gap); slots_[at].entry != nullptr; at = after(at)) {
      const auto distance_home = home_of(at - home_of(slots_[at].hash));
      const auto distance_gap = home_of(at - gap);
      if (distance_home >= distance_gap) {
        slots_[gap] = std::exchange(slots_[at], slot{});
        gap = at;
      }
    }
  }

  std::vector<slot> slots_; ///< a power of two, at most half of them taken
  std::size_t size_ = 0;
};

} // namespace berth::control
