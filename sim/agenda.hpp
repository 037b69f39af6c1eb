#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "model/time.hpp"

namespace berth::sim {

/// What is due when; of what is due at one time, what was asked for first comes first. The heap's
/// entries are plain values, cheap to move; the things themselves stay where they are, and their
/// places are used again.
template <class Thing> class agenda {
public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  /// When the first thing is due; never, if there is none.
  [[nodiscard]] model::timestamp next() const {
    return heap_.empty() ? model::timestamp::max() : heap_.front().when;
  }
  /// What is due first; nullptr if there is nothing.
  [[nodiscard]] const Thing* first() const {
    return heap_.empty() ? nullptr : &things_[heap_.front().place];
  }
  void push(model::timestamp when, Thing what) {
    heap_.push_back({when, ++pushed_, keep(std::move(what))});
    std::ranges::push_heap(heap_, is_later);
  }
  /// Must not be empty.
  Thing pop() {
    std::ranges::pop_heap(heap_, is_later);
    const auto place = heap_.back().place;
    heap_.pop_back();
    free_.push_back(place);
    return std::exchange(things_[place], Thing{});
  }
  /// Things that go may ask for others; those go the same way.
  void clear() {
    while (!empty())
      (void)pop();
  }

private:
  struct entry {
    model::timestamp when{};
    std::uint64_t number = 0;
    std::size_t place = 0; ///< in things_
  };
  static bool is_later(const entry& a, const entry& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }
  std::size_t keep(Thing what) {
    if (free_.empty()) {
      things_.push_back(std::move(what));
      return things_.size() - 1;
    }
    const auto place = free_.back();
    free_.pop_back();
    things_[place] = std::move(what);
    return place;
  }

  std::vector<entry> heap_;
  std::vector<Thing> things_;
  std::vector<std::size_t> free_; ///< places in things_
  std::uint64_t pushed_ = 0;
};

} // namespace berth::sim
