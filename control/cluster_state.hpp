#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "control/counts.hpp"
#include "control/creation_index.hpp"
#include "control/hash_index.hpp"
#include "control/waiting_queue.hpp"
#include "model/event.hpp"
#include "model/failure.hpp"
#include "model/link.hpp"
#include "model/snapshot.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::control {

/// A host with what hangs on it.
struct host_entry {
  model::host_record record;
  std::vector<model::device_id> devices; ///< ascending by (PCI address, id)
  std::vector<model::server_id> servers; ///< ascending; those being deleted included
  model_counts by_model;
};

struct server_entry {
  model::server_record record;
  /// See model::snapshot_server::changed_at.
  model::generation_number changed_at = 0;
};

/// Bounds of the remembered answers; the oldest go first.
struct answer_bounds {
  model::duration kept_for = std::chrono::hours{24};
  std::size_t count_max = 100'000;
  std::size_t bytes_max = 256U << 20U;
};

/// The state of the cluster: a fold over the log. apply() is total and deterministic, so replaying
/// a log (or a snapshot and the rest of the log) gives an equal state. One thread; no clock, no
/// dice.
///
/// A live state also keeps (a) the inventory for placement, after build_inventory(), and (b) an
/// undo journal of the events that are not durable yet.
///
/// Invariants:
///  1. device.owner == s  <=>  s.attachments lists the device, and both sit on the same host.
///  2. A device's epoch never falls; it rises with every change of its ownership.
///  3. A host's generation rises with every event that changes its desired state.
class cluster_state {
public:
  enum class durability { durable, pending };

  explicit cluster_state(answer_bounds bounds = {});
  ~cluster_state();
  cluster_state(cluster_state&&) noexcept;
  cluster_state& operator=(cluster_state&&) noexcept;

  // --- The fold

  /// Applies the next event of the log. `pending`: it can be taken back until mark_durable().
  /// Appends what changed for placement to `updates` (nothing before build_inventory()); the
  /// state's own inventory has them already.
  void apply(const model::log_record& record, durability how,
             std::vector<scheduler::inventory_update>& updates);
  /// The same for replay: durable, no inventory.
  void replay(const model::log_record& record);

  /// The events up to and with this one can no longer be taken back.
  void mark_durable(model::sequence_number up_to);
  /// Takes back every event that is not durable. Returns the updates that bring a replica of the
  /// inventory back; the state's own inventory has them already.
  [[nodiscard]] std::vector<scheduler::inventory_update> rollback();

  [[nodiscard]] model::sequence_number last_sequence() const { return last_sequence_; }
  [[nodiscard]] model::sequence_number durable_sequence() const { return durable_sequence_; }
  [[nodiscard]] model::leader_epoch leader() const { return leader_; }
  [[nodiscard]] const answer_bounds& bounds() const { return bounds_; }

  // --- Placement

  /// Builds the inventory from the present state. Call once, when loading is done.
  void build_inventory();
  [[nodiscard]] const scheduler::inventory& inventory() const { return *inventory_; }
  /// The updates that fill an empty replica with the present state.
  [[nodiscard]] std::vector<scheduler::inventory_update> full_inventory() const;

  // --- Reading. Pointers are valid until the next change.

  [[nodiscard]] const server_entry* find_server(model::server_id id) const;
  [[nodiscard]] const server_entry* find_server_named(std::string_view name) const;
  /// By id or by name.
  [[nodiscard]] const server_entry* resolve_server(std::string_view ref) const;
  [[nodiscard]] const model::device_record* find_device(model::device_id id) const;
  [[nodiscard]] const model::device_record* resolve_device(std::string_view ref) const;
  [[nodiscard]] const host_entry* find_host(model::host_id id) const;
  [[nodiscard]] const host_entry* find_host_named(std::string_view name) const;
  [[nodiscard]] const host_entry* resolve_host(std::string_view ref) const;
  [[nodiscard]] const model::snapshot_answer* find_answer(const std::string& key) const;

  using device_key = std::tuple<model::sequence_number, model::pci_address, model::device_id>;
  using server_index = creation_index<model::sequence_number, server_entry>;
  using device_index = creation_index<device_key, model::device_record>;
  using host_index = creation_index<model::sequence_number, host_entry>;
  [[nodiscard]] const server_index& servers() const { return servers_by_age_; }
  [[nodiscard]] const device_index& devices() const { return devices_by_age_; }
  [[nodiscard]] const host_index& hosts() const { return hosts_by_age_; }
  [[nodiscard]] const counts& totals() const { return counts_; }
  /// The servers with status scheduling.
  [[nodiscard]] const waiting_queue& waiting() const { return waiting_; }

  /// The desired state of a host as it follows from the present state, at its present generation.
  [[nodiscard]] model::desired_state desired_state_of(const host_entry& host) const;

  // --- Snapshots

  /// Takes the items of a snapshot, in order, into an empty state; errc::store_corrupt names the
  /// item that does not fit.
  [[nodiscard]] static model::result<cluster_state>
  from_items(std::vector<model::snapshot_item> items, answer_bounds bounds = {});
  [[nodiscard]] model::result<void> add_item(model::snapshot_item item);

  /// Gives the items one after another, nullopt at the end. The state must not change meanwhile.
  class item_reader {
  public:
    explicit item_reader(const cluster_state& state);
    [[nodiscard]] std::optional<model::snapshot_item> next();

  private:
    const cluster_state* state_;
    std::vector<const host_entry*> hosts_;
    std::vector<const model::device_record*> devices_;
    std::vector<const server_entry*> servers_;
    std::size_t at_ = 0;
  };

  /// Equal in everything that a snapshot holds.
  friend bool operator==(const cluster_state& a, const cluster_state& b);
  /// Rebuilds every index, count and invariant from the records and names the first that differs;
  /// nullopt = sound. For tests; linear in the state.
  [[nodiscard]] std::optional<std::string> audit() const;

private:
  struct journal;
  struct fold;

  struct key_of {
    const model::server_id& operator()(const server_entry& it) const { return it.record.id; }
    const model::device_id& operator()(const model::device_record& it) const { return it.info.id; }
    const model::host_id& operator()(const host_entry& it) const { return it.record.id; }
  };
  struct name_of {
    std::string_view operator()(const server_entry& it) const { return it.record.spec->name; }
    std::string_view operator()(const host_entry& it) const { return it.record.name; }
  };
  template <class Entry> using owner_of = hash_index<std::unique_ptr<Entry>, key_of>;
  template <class Entry> using names_of = hash_index<Entry*, name_of>;

  answer_bounds bounds_;
  model::sequence_number last_sequence_ = 0;
  model::sequence_number durable_sequence_ = 0;
  model::leader_epoch leader_ = 0;

  owner_of<server_entry> servers_;
  owner_of<model::device_record> devices_;
  owner_of<host_entry> hosts_;
  names_of<server_entry> server_names_;
  names_of<host_entry> host_names_;
  server_index servers_by_age_;
  device_index devices_by_age_;
  host_index hosts_by_age_;
  counts counts_;
  waiting_queue waiting_;

  std::deque<model::snapshot_answer> answers_; ///< oldest first
  std::unordered_map<std::string, const model::snapshot_answer*> answers_by_key_;
  std::size_t answer_bytes_ = 0;

  std::unique_ptr<scheduler::inventory> inventory_; ///< null before build_inventory()
  std::unique_ptr<journal> journal_;

  // What adding and removing an entity means for every index and count (cluster_state_index.cpp).
  void link_server(server_entry& entry);
  void unlink_server(server_entry& entry);
  void enter_host(const model::server_record& server);
  void leave_host(const model::server_record& server);
  void link_device(model::device_record& device);
  void unlink_device(model::device_record& device);
  void link_host(host_entry& entry);
  void unlink_host(host_entry& entry);
  void count_server(const model::server_record& server, int sign);
  void count_device(const model::device_record& device, int sign);
  void count_host(const model::host_record& host, int sign);
  [[nodiscard]] std::vector<scheduler::inventory_update> compensation(const journal& undone) const;
};

} // namespace berth::control
