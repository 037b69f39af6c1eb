#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "scheduler/cell.hpp"
#include "scheduler/device_mask.hpp"
#include "scheduler/host_set.hpp"
#include "scheduler/host_shape.hpp"
#include "scheduler/stay.hpp"
#include "scheduler/tag_table.hpp"

namespace berth::scheduler {

/// Number of a group in a group_table.
using group_number = std::uint32_t;

/// What a policy may know of a host besides how much CPU and memory it has free.
struct group_key {
  bool has_gpus = false; ///< any, free or not
  bool any_free = false; ///< any device can be given away
  tag_set_id tags = 0;
  shape_id shape = 0;   ///< 0 for servers without devices, which see less of a host
  device_mask free = 0; ///< devices that can be given away; 0 for servers without devices
  cell_steps steps;
  /// How long its servers keep the host; left out unless a policy looks at it, and where no device
  /// is free.
  host_stay stay;

  friend bool operator==(const group_key&, const group_key&) = default;
};

/// The hosts of one group that have about the same free.
struct host_cell {
  cell_levels levels;
  std::unique_ptr<host_set> hosts; ///< never empty
};

struct host_group {
  group_key key;
  int free_devices = 0;         ///< in the key
  std::vector<host_cell> cells; ///< ascending by levels
  std::size_t hosts = 0;
  std::uint64_t changes = 0; ///< rises when hosts come, go or change cells

  /// The host with the lowest id; the group must not be empty.
  [[nodiscard]] const listed_host& lowest() const;
};

/// A set of group numbers that is cheap to change and to walk in ascending order.
class group_set {
public:
  void insert(group_number group);
  void erase(group_number group);
  template <class Visit> void for_each(Visit visit) const {
    for (std::size_t word = 0; word < words_.size(); ++word) {
      for (std::uint64_t left = words_[word]; left != 0; left &= left - 1) {
        visit(static_cast<group_number>(word * 64) +
              static_cast<group_number>(std::countr_zero(left)));
      }
    }
  }

private:
  std::vector<std::uint64_t> words_;
};

/// Where a host is in a group_table.
struct group_place {
  static constexpr group_number nowhere = ~group_number{0};
  group_number group = nowhere;
  cell_levels levels;

  friend bool operator==(const group_place&, const group_place&) = default;
};

/// Open hosts by group and, within it, by cell: what a decision looks at instead of hosts. Keeps
/// the numbers of groups that have become empty for when they fill again.
class group_table {
public:
  /// Puts a host, or moves it from where it was. Answers where it is now.
  group_place put(const group_place& was, const group_key& key, const listed_host& host);
  /// Takes a host out.
  void take_out(const group_place& was, const model::host_id& id);

  [[nodiscard]] const host_group& at(group_number group) const { return groups_[group]; }
  /// Numbers given so far.
  [[nodiscard]] std::size_t size() const { return groups_.size(); }
  /// Those of them that have hosts.
  [[nodiscard]] std::size_t filled() const { return filled_; }
  /// Groups that became empty or filled since the last call, perhaps twice.
  [[nodiscard]] std::vector<group_number>& changed() { return changed_; }

private:
  struct key_hash {
    std::size_t operator()(const group_key& key) const noexcept;
  };

  group_number number_of(const group_key& key);
  [[nodiscard]] std::unique_ptr<host_set> empty_set();

  std::unordered_map<group_key, group_number, key_hash> numbers_;
  std::vector<host_group> groups_;
  std::vector<group_number> changed_;
  std::vector<std::unique_ptr<host_set>> spare_; ///< of cells that are gone: they come back
  std::size_t filled_ = 0;
};

} // namespace berth::scheduler
