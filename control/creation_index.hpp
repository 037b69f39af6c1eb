#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace berth::control {

/// Entries in the order of their creation, for lists. Keys rise as entries are appended; an erased
/// entry leaves a hole until half of the slots are holes, so that append and erase are cheap and a
/// walk over a million entries touches memory in order. Owns nothing: the entries must stay where
/// they are (nodes of a map).
template <class Key, class Entry> class creation_index {
public:
  void insert(const Key& key, const Entry* entry) {
    ++live_;
    if (slots_.empty() || slots_.back().key < key) {
      slots_.push_back({key, entry});
      return;
    }
    const auto at = find(key);
    if (at != slots_.end() && at->key == key) {
      at->entry = entry;
    } else {
      slots_.insert(at, {key, entry});
    }
  }

  void erase(const Key& key) {
    const auto at = find(key);
    if (at == slots_.end() || at->key != key || at->entry == nullptr) {
      return;
    }
    at->entry = nullptr;
    --live_;
    if (slots_.size() > 64 && live_ < slots_.size() / 2) {
      std::erase_if(slots_, [](const slot& hole) { return hole.entry == nullptr; });
    }
  }

  [[nodiscard]] std::size_t size() const { return live_; }
  void reserve(std::size_t entries) { slots_.reserve(entries); }

  /// Calls `visit(entry)` from the oldest on (or from the newest on) until it returns false.
  template <class Visit> void walk(bool ascending, Visit visit) const {
    const std::size_t count = slots_.size();
    for (std::size_t i = 0; i < count; ++i) {
      const slot& here = slots_[ascending ? i : count - 1 - i];
      if (here.entry != nullptr && !visit(*here.entry)) {
        return;
      }
    }
  }

  /// The same from the oldest on, without those up to `after`.
  template <class Visit> void walk_after(const Key& after, Visit visit) const {
    auto here = std::upper_bound(slots_.begin(), slots_.end(), after,
                                 [](const Key& a, const slot& b) { return a < b.key; });
    for (; here != slots_.end(); ++here) {
      if (here->entry != nullptr && !visit(*here->entry)) {
        return;
      }
    }
  }

private:
  struct slot {
    Key key;
    const Entry* entry;
  };

  typename std::vector<slot>::iterator find(const Key& key) {
    return std::lower_bound(slots_.begin(), slots_.end(), key,
                            [](const slot& a, const Key& b) { return a.key < b; });
  }

  std::vector<slot> slots_;
  std::size_t live_ = 0;
};

} // namespace berth::control
