#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/ids.hpp"
#include "model/server.hpp"
#include "model/time.hpp"

namespace berth::model {

// What the controller's log records. The log is the state: applying the events in order to an empty
// cluster gives the same cluster bit for bit (control/cluster_state.hpp). Events are facts in the
// past tense; they carry every value that was decided (ids, epochs, times), so that applying one
// needs no clock, no dice and no scheduler.

/// How the requests of a project, or of all others, are planned.
struct scheduling_in_force {
  std::string policy;
  std::uint32_t schedulers = 1; ///< that plan side by side
  friend bool operator==(const scheduling_in_force&, const scheduling_in_force&) = default;
};

/// What a scheduler's plan was made on: with it the log alone is enough to make the plan again.
struct plan_basis {
  sequence_number seen = 0;     ///< the last event that the scheduler had heard of
  std::uint32_t scheduler = 0;  ///< its number among those of its pool
  std::uint32_t attempt = 1;    ///< above 1: earlier plans did not stand, or were refusals
  duration ago{};               ///< how long before the event it was asked
  std::vector<host_id> avoided; ///< placement_request::avoid_hosts
  friend bool operator==(const plan_basis&, const plan_basis&) = default;
};

/// A controller took over the store.
struct controller_started {
  leader_epoch epoch = 0;
  std::string version;
  std::optional<scheduling_in_force> scheduling{};    ///< nullopt: an older version wrote it
  std::map<std::string, scheduling_in_force> pools{}; ///< by project: those with their own
  friend bool operator==(const controller_started&, const controller_started&) = default;
};

/// A host registered, or reported its inventory anew. Creates and updates its devices; devices that
/// are missing from it stay, marked absent.
struct host_inventoried {
  host_info info;
  incarnation_id incarnation;
  friend bool operator==(const host_inventoried&, const host_inventoried&) = default;
};

/// A host's link came up or its lease ran out; `settled` tells whether its devices are known in
/// this life.
struct host_status_changed {
  host_id host;
  host_status status = host_status::offline;
  bool settled = false;
  friend bool operator==(const host_status_changed&, const host_status_changed&) = default;
};

/// An operator changed a host's settings; all of them are given.
struct host_settings_changed {
  host_id host;
  bool enabled = true;
  bool maintenance = false;
  std::vector<std::string> tags;
  resources reserve;
  std::int32_t cpu_overcommit_milli = 1000;
  std::int32_t memory_overcommit_milli = 1000;
  friend bool operator==(const host_settings_changed&, const host_settings_changed&) = default;
};

struct host_removed {
  host_id host;
  friend bool operator==(const host_removed&, const host_removed&) = default;
};

/// A server was accepted, together with its placement or refusal. Its attachments carry the
/// devices' new epochs.
struct server_created {
  server_record server;
  std::optional<plan_basis> basis{}; ///< nullopt: an older version wrote it
  friend bool operator==(const server_created&, const server_created&) = default;
};

struct server_status_changed {
  server_id server;
  server_status status = server_status::unknown;
  std::string reason;
  friend bool operator==(const server_status_changed&, const server_status_changed&) = default;
};

/// A user asked for another power state, or for a restart.
struct server_power_requested {
  server_id server;
  power desired = power::off;
  std::uint32_t restarts = 0;
  server_status status = server_status::unknown; ///< the status it has from now on
  friend bool operator==(const server_power_requested&, const server_power_requested&) = default;
};

/// A device's ownership ended at this epoch; it is free again only when the host has confirmed the
/// epoch.
struct device_release {
  device_id device;
  device_epoch epoch = 0;
  friend bool operator==(const device_release&, const device_release&) = default;
};

/// A user deleted a server: its devices are released at once, its record stays until the host has
/// let go.
struct server_delete_requested {
  server_id server;
  std::vector<device_release> releases;
  friend bool operator==(const server_delete_requested&, const server_delete_requested&) = default;
};

/// Nothing of the server is left.
struct server_removed {
  server_id server;
  friend bool operator==(const server_removed&, const server_removed&) = default;
};

struct device_attached {
  server_id server;
  attachment device;
  friend bool operator==(const device_attached&, const device_attached&) = default;
};

struct device_detached {
  server_id server;
  device_release release;
  friend bool operator==(const device_detached&, const device_detached&) = default;
};

/// An operator changed a device's settings; all of them are given.
struct device_settings_changed {
  device_id device;
  dev_type type = dev_type::gpu_hpc;
  resources reserve;
  bool enabled = true;
  friend bool operator==(const device_settings_changed&, const device_settings_changed&) = default;
};

/// A host reported another turnover state of a device.
struct device_state_reported {
  device_id device;
  device_state state = device_state::discovered;
  std::string reason;
  device_epoch obeyed = 0;
  std::string evidence; ///< what was checked before `free`, in one line
  friend bool operator==(const device_state_reported&, const device_state_reported&) = default;
};

/// An operator removed the record of a device.
struct device_removed {
  device_id device;
  friend bool operator==(const device_removed&, const device_removed&) = default;
};

/// A POST with an Idempotency-Key was answered; the same key gets the same answer for a day.
struct request_answered {
  std::string key;
  std::uint64_t fingerprint = 0; ///< of method, path and body
  std::uint16_t http_status = 0;
  std::string body;
  friend bool operator==(const request_answered&, const request_answered&) = default;
};

/// A waiting server got its place. Its attachments carry the devices' new epochs.
struct server_placed {
  server_id server;
  host_id host;
  std::vector<attachment> attachments;
  std::optional<timestamp> ends_at; ///< when it is expected to be gone
  /// nullopt: planned on the state just before this event, for the queue.
  std::optional<plan_basis> basis{};
  friend bool operator==(const server_placed&, const server_placed&) = default;
};

/// A server waited in vain; it is sched_fail from now on.
struct server_wait_ended {
  server_id server;
  std::string reason;
  std::optional<refusal> why;
  std::optional<plan_basis> basis{}; ///< of its last try; nullopt: no plan was made
  friend bool operator==(const server_wait_ended&, const server_wait_ended&) = default;
};

/// A host is kept for a waiting server from now on; without one, none is any more.
struct server_reserved {
  server_id server;
  std::optional<reservation> where;
  friend bool operator==(const server_reserved&, const server_reserved&) = default;
};

using event =
    std::variant<controller_started, host_inventoried, host_status_changed, host_settings_changed,
                 host_removed, server_created, server_status_changed, server_power_requested,
                 server_delete_requested, server_removed, device_attached, device_detached,
                 device_settings_changed, device_state_reported, device_removed, request_answered,
                 server_placed, server_wait_ended, server_reserved>;

/// The event's name in the API's stream, e.g. `server_created`.
[[nodiscard]] std::string_view event_name(const event& what);

/// An event at its place in the log.
struct log_record {
  sequence_number sequence = 0;
  timestamp at{};
  event what;
  friend bool operator==(const log_record&, const log_record&) = default;
};

} // namespace berth::model
