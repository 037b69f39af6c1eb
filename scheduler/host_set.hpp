#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/ids.hpp"
#include "model/resources.hpp"
#include "scheduler/reserve.hpp"

namespace berth::scheduler {

/// Position of a host in inventory::impl::hosts.
using host_slot_id = std::uint32_t;

/// A host with what it has free for one kind of server.
struct listed_host {
  model::host_id id;
  host_slot_id slot = 0;
  model::resources free;
};

/// What bounds some hosts.
struct amount_bounds {
  model::resources most;  ///< of each amount, the most that any of them has free
  model::resources least; ///< of each amount, the least
};

/// Hosts in the order of their ids, in blocks whose bounds are known, so that a search for room
/// skips what has none: the cost of a search is the number of blocks plus one block.
class host_set {
public:
  static constexpr std::size_t block_size = 16;

  void insert(const listed_host& host);
  /// The host must be in the set.
  void erase(const model::host_id& id);
  /// The host's amounts changed; it must be in the set.
  void update(const listed_host& host);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// The lowest id; the set must not be empty.
  [[nodiscard]] const listed_host& front() const { return blocks_.front().hosts.front(); }
  /// The bounds of all hosts; the set must not be empty.
  [[nodiscard]] const amount_bounds& bounds() const;

  /// The lowest host that has room for `amount` and passes `test(host)`; nullptr = none does.
  template <class Test>
  [[nodiscard]] const listed_host* first(const model::resources& amount, Test test) const {
    for (const auto& each : blocks_) {
      if (!has_room(amount, bounds_of(each).most)) {
        continue;
      }
      for (const auto& host : each.hosts) {
        if (has_room(amount, host.free) && test(host)) {
          return &host;
        }
      }
    }
    return nullptr;
  }

  /// Calls `whole(bounds, hosts)` for each block, and `one_by_one(host)` for the hosts of those
  /// blocks for which it answers false.
  template <class Whole, class Each> void for_each_block(Whole whole, Each one_by_one) const {
    for (const auto& each : blocks_) {
      if (!whole(bounds_of(each), each.hosts)) {
        for (const auto& host : each.hosts) {
          one_by_one(host);
        }
      }
    }
  }

private:
  struct block {
    std::vector<listed_host> hosts; ///< never empty, but in an empty set
    mutable amount_bounds bounds;
    mutable bool stale = true; ///< bounds have to be computed again
  };

  [[nodiscard]] static const amount_bounds& bounds_of(const block& which);
  /// The block that holds the id, or would.
  [[nodiscard]] std::size_t block_for(const model::host_id& id) const;
  void touch(std::size_t which);
  void split(std::size_t which);

  std::vector<block> blocks_;
  std::vector<model::host_id> firsts_; ///< the first id of each block, together for the search
  std::size_t size_ = 0;
  mutable amount_bounds bounds_;
  mutable bool stale_ = true;
};

} // namespace berth::scheduler
