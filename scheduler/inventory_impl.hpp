#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/device_mask.hpp"
#include "scheduler/host_index.hpp"
#include "scheduler/host_shape.hpp"
#include "scheduler/kinds.hpp"
#include "scheduler/reserve.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::scheduler {

/// Number of an anti-affinity group; 0 = none.
using group_id = std::uint32_t;

/// What placement keeps of a device record.
struct device_entry {
  model::device_id id;
  model::pci_address address;
  kind_id kind = 0;
  model::device_state state = model::device_state::discovered;
  bool enabled = true;
  bool present = true;
  bool usable = true; ///< no unusable_reason
  bool owned = false;
  model::resources gpu_reserve; ///< what it adds to R; zero for what is no GPU
};

struct host_slot {
  bool known = false; ///< false: the slot is unused
  model::host_record record;
  std::vector<device_entry> devices; ///< in PCI order
  shape_id shape = 0;
  device_mask free = 0; ///< offerable and not taken by an allocation since
  scheduler::load load;
  free_amounts amounts;
  std::int32_t servers = 0;
  bool has_gpus = false;
  std::vector<std::pair<group_id, std::int32_t>> groups; ///< members of anti-affinity groups here
};

/// The part of a host that every search reads, kept apart so that it stays in the cache.
struct hot_host {
  bool open = false; ///< enabled, online, settled and not in maintenance
  bool has_gpus = false;
  shape_id shape = 0;
  model::resources ordinary;
  double cpu_scale = 0;    ///< 1000 / capacity.cpus; 0 without any
  double memory_scale = 0; ///< 1000 / capacity.memory_mib; 0 without any
  model::resources gpu;
  model::resources capacity; ///< with overcommit
  device_mask free = 0;
  model::host_id id;
};

/// What bounds the open hosts of one block of neighbouring slots, so that a search for an ordinary
/// server can pass over the block as a whole.
struct host_block {
  static constexpr std::size_t size = 32; ///< slots
  bool stale = true;                      ///< a host changed: compute it again
  bool any_open = false;
  bool any_gpu_free = false; ///< one of them has no GPUs
  model::resources most;     ///< of each amount, the most that any of them has free
  double least_sum = 0;      ///< least sum of free CPUs and memory, in thousandths of the capacity
  double cpu_scale = 0;      ///< the greatest
  double memory_scale = 0;   ///< the greatest
};

/// `part` in thousandths of a whole whose scale (1000 / whole) is known, as the scores round it
/// down: 0 to 1000.
[[nodiscard]] inline double thousandths(std::int64_t part, double scale) {
  return std::clamp(static_cast<double>(part) * scale, 0.0, 1000.0);
}

struct allocation {
  host_slot_id host = 0;
  model::resources amount;
  bool holds_devices = false;
  group_id group = 0;

  friend bool operator==(const allocation&, const allocation&) = default;
};

struct device_place {
  host_slot_id host = 0;
  std::uint32_t position = 0;
};

/// Invariants: (1) hot[i] is derived from hosts[i]; (2) every indexed pool has each open host in
/// the bucket of its matching free devices and no other host; (3) load and groups of a host are the
/// sums over its allocations. Unordered maps are looked up only, or walked where order cannot show.
struct inventory::impl {
  kind_table kinds;
  shape_table shapes;
  std::vector<host_slot> hosts;
  std::vector<hot_host> hot;
  std::vector<host_slot_id> unused_slots;
  std::size_t host_count = 0;
  std::unordered_map<model::host_id, host_slot_id> host_by_id;
  std::unordered_map<model::device_id, device_place> device_by_id;
  std::unordered_map<model::server_id, allocation> servers;
  std::unordered_map<std::string, group_id> group_by_name;

  /// A cache: which pools exist depends on what was asked, what they hold only on the inventory.
  mutable std::vector<device_pool> pools;
  mutable std::uint64_t pools_generation = 0;
  /// A cache as well: of hot.
  mutable std::vector<host_block> blocks;

  /// Makes room for new pools; call once before a decision. Pool numbers stay good until the next.
  void begin_decision() const;
  /// The pool of a selector.
  [[nodiscard]] std::size_t pool_of(const model::device_selector& selector) const;
  /// The same pool with its buckets filled.
  [[nodiscard]] const device_pool& indexed_pool(std::size_t pool) const;

  /// The bounds of every block of slots, up to date.
  [[nodiscard]] const std::vector<host_block>& fresh_blocks() const;

  [[nodiscard]] std::optional<host_slot_id> find_host(const model::host_id& id) const;
  [[nodiscard]] std::optional<device_place> find_device(const model::device_id& id) const;
  [[nodiscard]] std::optional<group_id> find_group(const std::string& name) const;

  void apply(const host_changed& update);
  void apply(const host_gone& update);
  void apply(const device_changed& update);
  void apply(const server_allocated& update);
  void apply(const server_released& update);

private:
  host_slot_id slot_for(const model::host_id& id);
  void drop_devices(host_slot_id slot);
  void set_shape(host_slot_id slot, host_shape shape);
  /// Takes an allocation off its host's sums; the entry in `servers` is the caller's.
  void take_off(const allocation& old);
  /// Recomputes what is derived from the host's devices and load.
  void refresh(host_slot_id slot);
};

} // namespace berth::scheduler
