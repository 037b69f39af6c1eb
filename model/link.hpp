#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/ids.hpp"
#include "model/server.hpp"
#include "model/time.hpp"

namespace berth::model {

// What travels between the controller and a host's agent (docs/host-link.md). Level-triggered both
// ways: the controller sends the whole desired state of the host with a generation number, the host
// sends what it observes. A lost message costs a re-send, never a wrong state.

// --- Controller to host
// -----------------------------------------------------------------------------------------

/// First answer to `hello`.
struct link_welcome {
  leader_epoch leader = 0;
  duration heartbeat_interval{};
  duration lease{};
  friend bool operator==(const link_welcome&, const link_welcome&) = default;
};

/// A server as the host shall make it.
struct desired_server {
  server_id id;
  shared_value<server_spec> spec;
  power desired_power = power::off;
  std::uint32_t restarts = 0;
  std::vector<attachment> attachments;
  friend bool operator==(const desired_server&, const desired_server&) = default;
};

/// The owner of a device at an epoch. The host obeys a higher epoch than the one it obeyed last,
/// persisted first, and refuses a lower one.
struct desired_device {
  device_id id;
  device_epoch epoch = 0;
  std::optional<server_id> owner;
  bool enabled = true;
  friend bool operator==(const desired_device&, const desired_device&) = default;
};

/// The whole host. What is not in it is left alone: a server that the controller does not know is
/// reported, never removed.
struct desired_state {
  leader_epoch leader = 0;
  generation_number generation = 0;
  std::vector<desired_server> servers; ///< ascending by id
  std::vector<server_id> removals;     ///< ascending: shall be gone, and are listed until they are
  std::vector<desired_device> devices; ///< ascending by id
  friend bool operator==(const desired_state&, const desired_state&) = default;
};

/// Rescan the machine and send `host_info` anew.
struct probe_request {
  friend bool operator==(const probe_request&, const probe_request&) = default;
};

/// The report with this number is durable at the controller; older ones need not be sent again.
struct report_acknowledged {
  std::uint64_t report = 0;
  friend bool operator==(const report_acknowledged&, const report_acknowledged&) = default;
};

/// The controller could not keep the host's reports: send a full one.
struct full_report_request {
  friend bool operator==(const full_report_request&, const full_report_request&) = default;
};

using to_host = std::variant<link_welcome, desired_state, probe_request, report_acknowledged,
                             full_report_request>;

// --- Host to controller
// -----------------------------------------------------------------------------------------

/// First message of a connection. Carries the inventory, so that a host is never connected but
/// unknown.
struct link_hello {
  host_info info;
  std::string protocol = "berth-link/1";
  friend bool operator==(const link_hello&, const link_hello&) = default;
};

/// The lease is renewed by any message; this one says nothing else.
struct link_heartbeat {
  friend bool operator==(const link_heartbeat&, const link_heartbeat&) = default;
};

struct inventory_report {
  host_info info;
  friend bool operator==(const inventory_report&, const inventory_report&) = default;
};

/// A device that could not be plugged into the running server, or out of it. The controller takes
/// the change of ownership back.
struct plug_failure {
  device_id device;
  device_epoch epoch = 0; ///< of the command that could not be carried out
  std::string reason;
  friend bool operator==(const plug_failure&, const plug_failure&) = default;
};

struct observed_server {
  server_id id;
  server_status status = server_status::unknown;
  std::string reason;
  std::vector<plug_failure> plug_failures{}; ///< ascending by device
  friend bool operator==(const observed_server&, const observed_server&) = default;
};

struct observed_device {
  device_id id;
  device_state state = device_state::discovered;
  std::string reason;
  device_epoch obeyed = 0;
  std::string evidence;
  friend bool operator==(const observed_device&, const observed_device&) = default;
};

/// Of unknown domains that a report names.
inline constexpr std::size_t unknown_domains_max = 100;

/// What the host sees. A full report lists everything on the host (a server that is not listed is
/// gone, given that the host has acted on the generation that removed it); a partial one lists what
/// changed since the last.
struct observed_state {
  std::uint64_t report = 0; ///< rises within an incarnation
  generation_number generation =
      0; ///< of the desired state that the host acts on; 0 = none seen yet
  bool full = false;
  std::vector<observed_server> servers;
  std::vector<server_id> gone; ///< servers undefined since the last report
  std::vector<observed_device> devices;
  /// Names of the hypervisor's domains that are not berth's, ascending; nullopt = as reported last.
  /// At most `unknown_domains_max` of them.
  std::optional<std::vector<std::string>> unknown_domains{};
  friend bool operator==(const observed_state&, const observed_state&) = default;
};

/// The heartbeat comes first: an empty message is one, and costs nothing to make.
using from_host = std::variant<link_heartbeat, link_hello, inventory_report, observed_state>;

/// What every frame carries besides its message. A frame of another incarnation, an older leader or
/// an already seen sequence number is dropped and counted.
struct link_header {
  incarnation_id incarnation;
  leader_epoch leader = 0;    ///< 0 = not known yet
  std::uint64_t sequence = 0; ///< rises by 1 within a connection and direction
  friend bool operator==(const link_header&, const link_header&) = default;
};

template <class Message> struct link_frame {
  link_header header;
  Message message;
  friend bool operator==(const link_frame&, const link_frame&) = default;
};

} // namespace berth::model
