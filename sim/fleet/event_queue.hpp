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
  std::int64_t at = 0;       ///< nanoseconds of virtual time
  std::uint64_t number = 0;  ///< of scheduling: what was scheduled first comes first
  std::uint32_t subject = 0; ///< a server's slot, a device or a host
  std::uint32_t life = 0;    ///< of the subject: an event of an earlier one is stale
  event_kind kind = event_kind::server_ends;

  /// Of one moment, what frees comes before what takes, and within a kind the first scheduled.
  [[nodiscard]] friend bool operator<(const event& a, const event& b) {
    if (a.at != b.at)
      return a.at < b.at;
    if (a.kind != b.kind)
      return a.kind < b.kind;
    return a.number < b.number;
  }
};

/// Events in their order: a heap of four children per node, so that a pop touches half as many
/// cache lines as a binary heap's. Allocates only when it outgrows what it ever held.
class event_queue {
public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  /// Must not be empty.
  [[nodiscard]] const event& next() const { return heap_.front(); }

  void push(event what) {
    what.number = ++scheduled_;
    heap_.push_back(what);
    std::size_t at = heap_.size() - 1;
    while (at > 0) {
      const auto parent = (at - 1) / children;
      if (!(what < heap_[parent]))
        break;
      heap_[at] = heap_[parent];
      at = parent;
    }
    heap_[at] = what;
  }

  /// Must not be empty.
  event pop() {
    const auto first = heap_.front();
    const auto last = heap_.back();
    heap_.pop_back();
    if (heap_.empty())
      return first;
    std::size_t at = 0;
    for (;;) {
      const auto least = least_child(at);
      if (least == at || !(heap_[least] < last))
        break;
      heap_[at] = heap_[least];
      at = least;
    }
    heap_[at] = last;
    return first;
  }

private:
  static constexpr std::size_t children = 4;

  /// `at` itself if it has none.
  [[nodiscard]] std::size_t least_child(std::size_t at) const {
    const auto first = at * children + 1;
    if (first >= heap_.size())
      return at;
    const auto end = first + children < heap_.size() ? first + children : heap_.size();
    auto least = first;
    for (auto child = first + 1; child < end; ++child)
      if (heap_[child] < heap_[least])
        least = child;
    return least;
  }

  std::vector<event> heap_;
  std::uint64_t scheduled_ = 0;
};

} // namespace berth::sim
