#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "model/host.hpp"
#include "scheduler/host_groups.hpp"

namespace berth::scheduler {

struct host_slot;

/// Why nothing new goes to a host, in the order of the hard rules.
enum class closure : std::uint8_t { none, disabled, offline, unsettled, maintenance };
inline constexpr std::size_t closures = 5;

[[nodiscard]] closure closure_of(const model::host_record& host);

/// The group of an open host, for servers with devices and for the others.
[[nodiscard]] group_key device_group_of(const host_slot& host, bool by_stay);
[[nodiscard]] group_key ordinary_group_of(const host_slot& host);

/// The hosts as decisions for one kind of server, with devices or without, look for them: open ones
/// by group and cell, closed ones by reason. Changes are gathered and indexed when a decision of
/// that kind begins, so that what changes often in between is indexed once; until the first such
/// decision there is no index.
class host_index {
public:
  explicit host_index(bool for_devices) : for_devices_(for_devices) {}

  /// From now on hosts are told apart by their servers' stays as well. Touches every host.
  void see_stays();
  [[nodiscard]] bool sees_stays() const { return by_stay_; }
  /// Most of the groups that were ever met are empty now: ends of stays, for one, never come back.
  [[nodiscard]] bool has_outgrown() const {
    constexpr std::size_t empty_max = 1'024;
    return groups_.size() > empty_max + 2 * groups_.filled();
  }
  /// Forgets every group; the next freshen() indexes every host again.
  void start_anew();
  /// The host in this slot changed, appeared or went.
  void touch(host_slot_id slot) {
    if (!asked_) {
      return;
    }
    if (slot >= is_dirty_.size()) {
      is_dirty_.resize(slot + 1);
    }
    if (is_dirty_[slot] == 0) {
      is_dirty_[slot] = 1;
      dirty_.push_back(slot);
    }
  }
  /// Takes in every change.
  void freshen(const std::vector<host_slot>& hosts);

  [[nodiscard]] const group_table& groups() const { return groups_; }
  /// Groups that have hosts.
  [[nodiscard]] const group_set& filled() const { return filled_; }
  [[nodiscard]] std::size_t open_hosts() const { return open_; }
  /// Closed hosts, ascending by id.
  [[nodiscard]] const std::set<std::pair<model::host_id, host_slot_id>>& closed(closure why) const {
    return closed_[static_cast<std::size_t>(why)];
  }
  /// Where an open host is.
  [[nodiscard]] const group_place& place(host_slot_id slot) const { return known_[slot].at; }
  /// The groups for devices that became empty or filled since the last call, some of them twice.
  [[nodiscard]] std::vector<group_number> take_changed();

private:
  /// What the index has of a slot.
  struct indexed_host {
    bool present = false;
    closure closed = closure::none;
    model::host_id id;
    group_place at;
    model::resources free; ///< as listed there
  };

  void put(indexed_host& known, const host_slot& host, host_slot_id slot);
  void take_out(indexed_host& known, host_slot_id slot);
  [[nodiscard]] group_key group_of(const host_slot& host) const;

  bool for_devices_;
  bool asked_ = false; ///< freshen() was called
  bool by_stay_ = false;
  group_table groups_;
  group_set filled_;
  std::array<std::set<std::pair<model::host_id, host_slot_id>>, closures> closed_;
  std::size_t open_ = 0;
  std::vector<indexed_host> known_; ///< by slot
  std::vector<host_slot_id> dirty_;
  std::vector<char> is_dirty_; ///< by slot, apart from the rest: touch() is called most
  std::vector<group_number> changed_;
};

} // namespace berth::scheduler
