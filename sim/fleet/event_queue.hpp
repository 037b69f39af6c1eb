#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace berth::sim {

enum class event_kind : std::uint8_t {
  hosts_arrive, ///< subject: the group
  rack_mended,
  machine_mended,
  device_mended,
  work_ends, ///< maintenance; subject: in works_
  device_clean,
  server_ends,
  wait_ends,   ///< subject and life: the halves of the server's number
  queue_look,  ///< the queue's keeper asked for it
  work_closes, ///< subject: the plan, life: its batch
  work_begins,
  rack_fails,
  machine_fails,
  device_fails,
};

/// Something that will happen. Small: millions are held.
struct event {
  std::int64_t at = 0;       ///< nanoseconds of virtual time, 0 or later
  std::uint64_t order = 0;   ///< among those of one moment: the kind, then the number of scheduling
  std::uint32_t subject = 0; ///< a server's slot, a device or a host
  std::uint32_t life = 0;    ///< of the subject: an event of an earlier one is stale

  static constexpr unsigned number_bits = 56;
  [[nodiscard]] static std::uint64_t order_of(event_kind kind, std::uint64_t number) {
    return static_cast<std::uint64_t>(kind) << number_bits | number;
  }
  [[nodiscard]] event_kind kind() const { return static_cast<event_kind>(order >> number_bits); }

  /// Of one moment, what frees comes before what takes, and within a kind the first scheduled.
  /// Without a branch: which of two events is first cannot be foreseen.
  [[nodiscard]] friend bool operator<(const event& a, const event& b) { return a.key() < b.key(); }

private:
  __extension__ typedef unsigned __int128 wide;
  [[nodiscard]] wide key() const { return wide{static_cast<std::uint64_t>(at)} << 64U | order; }
};

/// Events in their order: a heap of four children per node, so that a pop touches half as many
/// cache lines as a binary heap's. Allocates only when it outgrows what it ever held.
class event_queue {
public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  /// Must not be empty.
  [[nodiscard]] const event& next() const { return heap_.front(); }

  void push(std::int64_t at, event_kind kind, std::uint32_t subject, std::uint32_t life = 0) {
    const event what{at, event::order_of(kind, ++scheduled_), subject, life};
    heap_.push_back(what);
    std::size_t place = heap_.size() - 1;
    while (place > 0) {
      const auto parent = (place - 1) / children;
      if (!(what < heap_[parent]))
        break;
      heap_[place] = heap_[parent];
      place = parent;
    }
    heap_[place] = what;
  }

  /// Must not be empty.
  event pop() {
    const auto first = heap_.front();
    const auto last = heap_.back();
    heap_.pop_back();
    if (heap_.empty())
      return first;
    std::size_t place = 0;
    for (;;) {
      const auto least = least_child(place);
      if (least == place || !(heap_[least] < last))
        break;
      heap_[place] = heap_[least];
      place = least;
    }
    heap_[place] = last;
    return first;
  }

private:
  static constexpr std::size_t children = 4;

  /// `place` itself if it has none.
  [[nodiscard]] std::size_t least_child(std::size_t place) const {
    const auto first = place * children + 1;
    if (first + children <= heap_.size()) {
      const auto* const four = &heap_[first];
      const std::size_t left = four[1] < four[0] ? 1 : 0;
      const std::size_t right = four[3] < four[2] ? 3 : 2;
      return first + (four[right] < four[left] ? right : left);
    }
    auto least = first < heap_.size() ? first : place;
    for (auto child = first + 1; child < heap_.size(); ++child)
      if (heap_[child] < heap_[least])
        least = child;
    return least;
  }

  std::vector<event> heap_;
  std::uint64_t scheduled_ = 0;
};

} // namespace berth::sim
