#pragma once

#include <vector>

#include "control/cluster_state.hpp"
#include "control/cluster_state_journal.hpp"

namespace berth::control {

/// Applies one event. Total: what an event says of an unknown thing is ignored, a thing that exists
/// is not created twice. Internal to cluster_state.
struct cluster_state::fold {
  cluster_state& state;
  model::sequence_number sequence;
  model::timestamp at;
  journal* undo;                                     ///< null: the event is durable
  std::vector<scheduler::inventory_update>* updates; ///< null: there is no inventory

  void operator()(const model::controller_started& event);
  void operator()(const model::host_inventoried& event);
  void operator()(const model::host_status_changed& event);
  void operator()(const model::host_settings_changed& event);
  void operator()(const model::host_removed& event);
  void operator()(const model::server_created& event);
  void operator()(const model::server_status_changed& event);
  void operator()(const model::server_power_requested& event);
  void operator()(const model::server_delete_requested& event);
  void operator()(const model::server_removed& event);
  void operator()(const model::device_attached& event);
  void operator()(const model::device_detached& event);
  void operator()(const model::device_settings_changed& event);
  void operator()(const model::device_state_reported& event);
  void operator()(const model::device_removed& event);
  void operator()(const model::request_answered& event);
  void operator()(const model::server_placed& event);
  void operator()(const model::server_wait_ended& event);
  void operator()(const model::server_reserved& event);

private:
  // Every change goes through one of these: journal, change, counts.
  template <class Change> void remember(Change change);
  template <class Edit> void edit_server(server_entry& entry, Edit edit);
  template <class Edit> void edit_host(host_entry& entry, Edit edit);
  template <class Edit> void edit_device(model::device_record& device, Edit edit);
  template <class Edit> void turn_device(model::device_record& device, Edit edit);

  server_entry* server(model::server_id id);
  host_entry* host(model::host_id id);
  model::device_record* device(model::device_id id);

  void give(model::device_record& device, model::server_id owner, model::device_epoch epoch);
  void take_back(model::device_record& device, model::device_epoch epoch);
  /// The host's desired state changed.
  void bump(host_entry& entry);
  /// What the host shall do with this server changed.
  void touch(server_entry& entry);
  void take_inventory(host_entry& entry, const model::device_info& info);
  void miss(model::device_record& device, const std::string& host_name);
  void erase_server(server_entry& entry);
  void erase_device(model::device_record& device);
  void evict_oldest_answer();

  void publish(scheduler::inventory_update update);
  void publish_host(const host_entry& entry);
  void publish_device(const model::device_record& device);
  /// Only turnover or ownership changed.
  void publish_turn(const model::device_record& device);
  void publish_allocation(const server_entry& entry);
};

// --- The primitives

template <class Change> void cluster_state::fold::remember(Change change) {
  if (undo != nullptr) {
    undo->entries.push_back({sequence, std::move(change)});
  }
}

template <class Edit> void cluster_state::fold::edit_server(server_entry& entry, Edit edit) {
  if (undo != nullptr) {
    remember(journal::server_changed{std::make_unique<server_entry>(entry)});
  }
  state.count_server(entry.record, -1);
  edit(entry);
  state.count_server(entry.record, +1);
}

template <class Edit> void cluster_state::fold::edit_host(host_entry& entry, Edit edit) {
  if (undo != nullptr) {
    remember(journal::host_changed{std::make_unique<model::host_record>(entry.record)});
  }
  state.count_host(entry.record, -1);
  edit(entry.record);
  state.count_host(entry.record, +1);
}

template <class Edit>
void cluster_state::fold::edit_device(model::device_record& device, Edit edit) {
  if (undo != nullptr) {
    remember(journal::device_changed{std::make_unique<model::device_record>(device)});
  }
  // The address is part of two orders and the model of a count: unlink, change, link.
  state.unlink_device(device);
  edit(device);
  state.link_device(device);
}

template <class Edit>
void cluster_state::fold::turn_device(model::device_record& device, Edit edit) {
  if (undo != nullptr) {
    remember(journal::device_turned{device.info.id, device.state, device.state_reason,
                                    device.state_since, device.epoch, device.obeyed, device.owner});
  }
  state.count_device(device, -1);
  edit(device);
  state.count_device(device, +1);
}

/// The update that tells an inventory of a host with its devices.
[[nodiscard]] scheduler::host_changed host_update(const host_entry& entry,
                                                  const cluster_state& state);
/// The update that tells an inventory what a server takes.
[[nodiscard]] scheduler::server_allocated allocation_update(const model::server_record& server);

} // namespace berth::control
