#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host.hpp"
#include "model/plan.hpp"
#include "model/server.hpp"

namespace berth::model {

// What a user can ask of the cluster. Things are named by `ref`: an id, or a name where the kind
// has one. The API builds these from JSON; the cluster answers every one exactly once.

// --- Commands: they change something
// --------------------------------------------------------------------------

/// Creates servers, each placed on its own; the reply has one entry per specification, in order.
struct create_servers {
  std::vector<server_spec> specs;
  /// True: a server that fits nowhere is kept with status sched_fail and the reasons. False: it
  /// fails with does_not_fit and leaves nothing.
  bool keep_refused = true;
};

enum class server_action : std::uint8_t { start, stop, restart, remove };
[[nodiscard]] std::string_view to_string(server_action action); ///< `remove` reads `delete`
[[nodiscard]] std::optional<server_action> parse_server_action(std::string_view text);

struct act_on_server {
  std::string server;
  server_action action = server_action::start;
};

/// Attach and detach need a stopped server (status ready) unless the host allows hot-plug.
struct attach_device {
  std::string server;
  std::string device;
  std::optional<dev_type> type;
};
struct detach_device {
  std::string server;
  std::string device;
};

/// Unset values stay as they are.
struct update_devices {
  std::vector<std::string> devices;
  std::optional<std::int64_t> reserved_cpus;
  std::optional<std::int64_t> reserved_memory_mib;
  std::optional<std::int64_t> reserved_storage_mib;
  std::optional<dev_type> type;
  std::optional<bool> enabled;
};

/// Removes the record of a device that its host no longer reports. `detach`: take it from its
/// server first.
struct remove_device {
  std::string device;
  bool detach = false;
};

/// Unset values stay as they are.
struct update_host {
  std::string host;
  std::optional<bool> enabled;
  std::optional<bool> maintenance;
  std::optional<std::vector<std::string>> tags;
  std::optional<resources> reserve;
  std::optional<std::int32_t> cpu_overcommit_milli;    ///< 1000..10000
  std::optional<std::int32_t> memory_overcommit_milli; ///< 1000..2000
};
/// Asks the host's agent for a rescan.
struct probe_host {
  std::string host;
};
/// Forgets a host that is offline, disabled and empty.
struct remove_host {
  std::string host;
};

/// Places nothing; answers what create_servers would do now, and why.
struct forecast_servers {
  server_spec spec;
  std::int32_t count = 1; ///< 1..10000
};

/// Places nothing; answers where one server would go and why there, or why it fits nowhere, and
/// what placement thinks of single hosts.
struct explain_placement {
  static constexpr std::size_t hosts_max = 16;
  server_spec spec;
  std::vector<std::string> hosts; ///< to be judged; at most hosts_max
};

using command = std::variant<create_servers, act_on_server, attach_device, detach_device,
                             update_devices, remove_device, update_host, probe_host, remove_host,
                             forecast_servers, explain_placement>;

// --- Replies
// --------------------------------------------------------------------------------------------------

struct servers_created {
  std::vector<result<server_record>> servers;
};
struct devices_updated {
  std::vector<result<device_record>> devices; ///< in the order of the command
};
struct forecast {
  bool can_create = false;
  std::int32_t allow_count = 0;      ///< how many of `count` would be placed, one after another
  std::vector<placement> placements; ///< of those, in order, the first with its scores
  std::optional<refusal> why_not;    ///< of the first that was not
};
struct explanation {
  decision where;        ///< with scores and runner-up, or with suggestions
  std::string host_name; ///< of the host it would go to; empty = none
  std::string policy;
  std::int64_t capacity = 0;       ///< how many such servers fit now, one after another
  std::vector<host_verdict> hosts; ///< in the order of the command
};
struct accepted {};

using reply = std::variant<servers_created, server_record, devices_updated, device_record,
                           host_record, forecast, explanation, accepted>;

// --- Queries: they read
// -----------------------------------------------------------------------------------------

/// A slice of a list: `limit` 1..1000 rows from `offset`. Newest first, as Cloudpods lists;
/// `ascending` turns it.
struct page {
  std::int32_t limit = 20;
  std::int64_t offset = 0;
  bool ascending = false;
};

struct get_server {
  std::string server;
};
struct get_device {
  std::string device;
};
struct get_host {
  std::string host;
};
struct list_servers {
  page slice;
  std::optional<bool>
      gpu; ///< holds (true) or does not hold (false) a device whose type starts with GPU
  std::string host;
  std::string project;
  std::optional<server_status> status;
  std::string search; ///< substring of name or id
};
struct list_devices {
  page slice;
  bool gpu = false;    ///< only types that start with GPU
  bool unused = false; ///< only those without an owner
  std::string host;
  std::string server;
  std::vector<dev_type> types;
  std::vector<std::string> models;    ///< as in device_selector
  std::vector<std::string> addresses; ///< short or full form
  std::vector<std::string> vendor_device_ids;
  std::optional<int> numa_node;
  std::optional<device_state> state;
  std::string search; ///< substring of id, model, address or host name
};
struct list_hosts {
  page slice;
  std::optional<bool> enabled;
  std::optional<host_status> status;
  std::string search;
};
/// Totals over the cluster.
struct get_usage {};

/// Everything that a plan of tomorrow begins with, as it is at one moment. Linear in the cluster:
/// for people and planners, not for polling.
struct get_inventory {
  static constexpr std::size_t things_max = 1'000'000; ///< hosts, devices and servers; else refused
};

using query = std::variant<get_server, get_device, get_host, list_servers, list_devices, list_hosts,
                           get_usage, get_inventory>;

/// A device with the names that a table shows.
struct device_row {
  device_record device;
  std::string host_name;
  std::string server_name; ///< empty without an owner
  std::optional<server_status> owner_status;
};
struct server_row {
  server_record server;
  std::string host_name; ///< empty without a host
  std::vector<device_row> devices;
  std::int64_t queue_position = 0; ///< 1 = next in line; 0 = it does not wait
  std::string reserved_host_name;  ///< of the host that is kept for it; empty = none
};
struct host_row {
  host_record host;
  resources used;         ///< by all servers on it
  resources gpu_reserved; ///< R of the reserve formula
  resources free;         ///< for ordinary servers
  resources free_for_gpu; ///< for servers with devices
  std::int32_t devices = 0;
  std::int32_t devices_free = 0; ///< offerable now
  std::int32_t servers = 0;
};
template <class Row> struct rows {
  std::vector<Row> items;
  std::int64_t total = 0; ///< without the slice
};
struct usage {
  std::int64_t hosts = 0;
  std::int64_t hosts_online = 0;
  std::int64_t servers = 0;
  std::int64_t devices = 0;
  std::int64_t devices_free = 0;
  std::int64_t devices_allocated = 0;
  sequence_number sequence = 0; ///< of the last event
};

/// Hosts, devices and servers, each in the order of their creation.
struct inventory_answer {
  sequence_number sequence = 0; ///< of the last event in it
  timestamp at{};               ///< when it was asked for
  std::vector<host_record> hosts;
  std::vector<device_record> devices;
  std::vector<server_record> servers; ///< those that wait or failed, too
};

using answer = std::variant<server_row, device_row, host_row, rows<server_row>, rows<device_row>,
                            rows<host_row>, usage, inventory_answer>;

} // namespace berth::model
