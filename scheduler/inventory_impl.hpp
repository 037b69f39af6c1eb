#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/allocation_table.hpp"
#include "scheduler/device_ask.hpp"
#include "scheduler/host_index.hpp"
#include "scheduler/host_shape.hpp"
#include "scheduler/kinds.hpp"
#include "scheduler/number_table.hpp"
#include "scheduler/outlook_keeper.hpp"
#include "scheduler/request_mix.hpp"
#include "scheduler/reserve.hpp"
#include "scheduler/scheduler.hpp"
#include "scheduler/stay.hpp"
#include "scheduler/tag_table.hpp"

namespace berth::scheduler {

/// Number of an anti-affinity group; 0 = none.
using group_id = std::uint32_t;

/// What placement keeps of a device record.
struct device_entry {
  model::pci_address address;
  kind_id kind = 0;
  model::device_state state = model::device_state::discovered;
  bool enabled = true;
  bool present = true;
  bool usable = true; ///< no unusable_reason
  bool owned = false;
  bool is_gpu = false;
  model::resources reserve; ///< the operator's setting

  [[nodiscard]] bool is_offerable() const {
    return present && enabled && usable && !owned && state == model::device_state::free;
  }
  /// What it adds to R: every GPU that can be given away or is, attached or not.
  [[nodiscard]] model::resources gpu_reserve() const {
    return is_gpu && usable && (present || owned) ? reserve : model::resources{};
  }
};

struct host_slot {
  bool known = false; ///< false: the slot is unused
  bool has_gpus = false;
  closure closed = closure::none;
  shape_id shape = 0;
  tag_set_id tags = 0;
  std::int32_t servers = 0;
  device_mask free = 0; ///< offerable and not taken by an allocation since
  model::host_id id;    ///< the record's, beside what decisions look at
  cell_steps steps;
  // By how often they are looked at: a slot is many cache lines.
  free_amounts amounts;
  std::vector<model::device_id> device_ids; ///< in PCI order
  std::vector<device_entry> devices;        ///< the same devices
  scheduler::load load;
  host_amounts whole;
  std::vector<std::int64_t> ends;                        ///< rounded, of the servers with devices
  std::vector<std::pair<group_id, std::int32_t>> groups; ///< members of anti-affinity groups here
  model::host_record record;

  [[nodiscard]] bool is_open() const { return known && closed == closure::none; }
  /// The position of a device that is on this host.
  [[nodiscard]] std::optional<std::size_t> find(const model::device_id& device) const {
    const auto found = std::find(device_ids.begin(), device_ids.end(), device);
    return found == device_ids.end()
               ? std::nullopt
               : std::optional{static_cast<std::size_t>(found - device_ids.begin())};
  }
};

/// Large members first, so that it is small: there are as many as servers.
struct allocation {
  device_mask devices = 0; ///< those of the first device_slots_max
  model::resources amount;
  std::int64_t ends = unknown_end; ///< rounded
  host_slot_id host = 0;
  group_id group = 0;
  flavour_id kind_of_server = request_mix::none; ///< of those with devices
  bool holds_devices = false;

  friend bool operator==(const allocation&, const allocation&) = default;
};

struct device_place {
  host_slot_id host = 0;
  std::uint32_t position = 0;
};

class watched_shape;

/// Invariants: (1) after begin_decision() that index agrees with `hosts`, and every indexed pool
/// has each filled group of hosts for devices in the bucket of its matching free devices; (2) load
/// and groups of a host are the sums over its allocations. Unordered maps are looked up only, or
/// walked where order cannot show.
struct inventory::impl {
  impl();
  ~impl();
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  kind_table kinds;
  shape_table shapes;
  tag_table tags;
  std::vector<host_slot> hosts;
  std::vector<host_slot_id> unused_slots;
  std::size_t host_count = 0;
  number_table host_by_id;   ///< slots
  number_table device_by_id; ///< slots of their hosts
  allocation_table<allocation> servers;
  std::unordered_map<std::string, group_id> group_by_name;
  request_mix mix; ///< of the servers with devices
  /// By anti-affinity group: hosts with members, unsorted.
  std::unordered_map<group_id, std::vector<host_slot_id>> group_hosts;

  std::vector<watched_shape> watched;
  std::vector<host_slot_id> unwatched;  ///< changed since the watched shapes were counted
  std::uint64_t watched_generation = 0; ///< of the kinds that they were counted with

  mutable host_index devices_index{true};   ///< for servers with devices
  mutable host_index ordinary_index{false}; ///< for the others
  // Caches: what they hold depends on what was asked, its content only on the inventory.
  mutable std::vector<std::shared_ptr<device_pool>> pools;
  mutable std::vector<std::shared_ptr<device_ask>> asks; ///< the latest first
  mutable std::uint64_t pools_generation = 0;
  mutable outlook_keeper outlooks;

  /// Brings the index for such servers up to date; call once before a decision.
  void begin_decision(bool holds_devices) const;
  /// Agrees with `hosts` after begin_decision() for the same kind of server.
  [[nodiscard]] const host_index& index(bool holds_devices) const {
    return holds_devices ? devices_index : ordinary_index;
  }
  /// The pool of a selector.
  [[nodiscard]] std::shared_ptr<device_pool> pool_of(const model::device_selector& selector) const;
  /// Makes the index tell hosts apart by stay, from now on.
  void see_stays() const;
  /// Sees to it that the pool's buckets are filled.
  void index_pool(device_pool& pool) const;

  [[nodiscard]] std::optional<host_slot_id> find_host(const model::host_id& id) const;
  [[nodiscard]] std::optional<device_place> find_device(const model::device_id& id) const;
  [[nodiscard]] std::optional<group_id> find_group(const std::string& name) const;

  void apply(const host_changed& update);
  void apply(const host_gone& update);
  void apply(const device_changed& update);
  void apply(const device_turned& update);
  void apply(const server_allocated& update);
  void apply(const server_released& update);

  /// A server that is out of the inventory for a moment.
  struct lifted {
    model::server_id server;
    allocation was;
    device_mask free = 0;
    std::vector<device_entry> devices; ///< of its host
  };
  /// Takes a server out as if it were gone and its devices clean; it must be known.
  [[nodiscard]] lifted lift(const model::server_id& server);
  /// Puts it back: the inventory is as before.
  void put_back(const lifted& gone);

private:
  /// The last host that was looked for: updates about one host come together.
  mutable std::optional<std::pair<model::host_id, host_slot_id>> latest_;

  /// Puts a group into the right bucket of a pool.
  void count_group(device_pool& pool, group_number group) const;
  host_slot_id slot_for(const model::host_id& id);
  void drop_devices(host_slot_id slot);
  /// The positions of the host's devices changed: allocations follow.
  void renumber(host_slot_id slot, const std::vector<model::device_id>& former_ids);
  void set_shape(host_slot_id slot, host_shape shape);
  /// Adds an allocation to its host's sums, or takes it off; the entry in `servers` is the
  /// caller's.
  void put_on(const allocation& added);
  void take_off(const allocation& old);
  void count_member(host_slot_id slot, group_id group, std::int32_t change);
  /// Recomputes the host's free amounts, and touches it.
  void refresh(host_slot_id slot);
  /// What decisions look at has changed.
  void touch(host_slot_id slot);
};

} // namespace berth::scheduler
