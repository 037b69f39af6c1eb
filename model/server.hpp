#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"
#include "model/plan.hpp"
#include "model/request.hpp"
#include "model/shared_value.hpp"
#include "model/time.hpp"

namespace berth::model {

/// Status words of Cloudpods; `ready` = powered off.
enum class server_status : std::uint8_t {
  init,
  scheduling,
  sched_fail,
  deploying,
  deploy_fail,
  ready,
  starting,
  running,
  stopping,
  start_fail,
  dev_fail,
  deleting,
  unknown,
};
[[nodiscard]] std::string_view to_string(server_status status);
[[nodiscard]] std::optional<server_status> parse_server_status(std::string_view text);

enum class firmware : std::uint8_t { bios, uefi };
[[nodiscard]] std::string_view to_string(firmware kind);
[[nodiscard]] std::optional<firmware> parse_firmware(std::string_view text);

struct disk_spec {
  std::int64_t size_mib = 0; ///< > 0
  std::string image;         ///< backing image's name; empty = blank

  friend bool operator==(const disk_spec&, const disk_spec&) = default;
};

/// What a user asks for. Validated by `validate(server_spec)`.
struct server_spec {
  std::string name; ///< 1..128 characters [A-Za-z0-9._-], unique among servers
  std::string project = "default";
  std::string hypervisor = "kvm";
  std::int64_t vcpus = 1;
  std::int64_t memory_mib = 1024;
  std::vector<disk_spec> disks;
  std::vector<std::string> networks;
  firmware boot = firmware::bios;
  std::string os = "linux"; ///< `linux` or `windows`
  std::vector<device_request> devices;
  topology_wishes topology;
  tag_wishes tags;
  std::string anti_affinity_group;
  std::optional<host_id> host;
  std::optional<host_id> preferred_host;
  bool auto_start = false;
  std::map<std::string, std::string> metadata; ///< the user's own
  /// 0..100; the order among servers that wait for capacity, higher first. Moves nobody who is
  /// placed.
  std::int32_t priority = 0;
  /// How long the server waits for capacity when it fits nowhere; nullopt = it does not wait.
  std::optional<duration> wait_for_capacity{};
  /// How long the server is expected to be there, from its placement on; nullopt = not known. A
  /// hint: nothing ends a server.
  std::optional<duration> lifetime{};
  /// Handed to the guest's cloud-init as it is; may hold secrets, so it is never shown again. At
  /// most 16 KiB.
  std::string user_data;
  /// Appended to QEMU's command line, on hosts whose operator allows it.
  std::vector<std::string> qemu_arguments;

  friend bool operator==(const server_spec&, const server_spec&) = default;
};

[[nodiscard]] resources amount_of(const server_spec& spec);
/// `now` is when the server would be placed.
[[nodiscard]] placement_request to_placement_request(server_id id, const server_spec& spec,
                                                     timestamp now);
/// Checks every bound of the specification; the failure names the field and what would be right.
[[nodiscard]] result<void> validate(const server_spec& spec);

/// A device given to a server.
struct attachment {
  device_id device;
  device_epoch epoch = 0;
  dev_type type = dev_type::gpu_hpc; ///< as it was when attached or last updated

  friend bool operator==(const attachment&, const attachment&) = default;
};

enum class power : std::uint8_t { off, on };
[[nodiscard]] std::string_view to_string(power state);

/// A host that is kept for a waiting server.
struct reservation {
  host_id host;
  /// The promise: when the server can start there by the expected lifetimes of those who are there.
  /// nullopt = one of them has none.
  std::optional<timestamp> starts_at;
  timestamp since{};

  friend bool operator==(const reservation&, const reservation&) = default;
};

/// A server as the controller knows it.
struct server_record {
  server_id id;
  shared_value<server_spec> spec; ///< as created: never changes
  server_status status = server_status::init;
  std::string
      status_reason; ///< why scheduling, sched_fail, deploy_fail, start_fail, dev_fail, unknown
  power desired_power = power::off;
  std::optional<host_id> host;
  std::vector<attachment> attachments;
  std::optional<refusal> why_refused;         ///< stored with a server that waits or is sched_fail
  std::optional<placement_reason> why_placed; ///< where it was asked for; of its first placement
  timestamp created_at{};
  timestamp updated_at{};
  /// Bumped by restart: the host power-cycles when it sees a higher number than it has done.
  std::uint32_t restarts = 0;
  bool deleting = false;
  sequence_number created = 0;         ///< of the event that created it
  std::optional<timestamp> ends_at;    ///< when it is expected to be gone; of a placed server
  std::optional<reservation> reserved; ///< of a waiting server

  friend bool operator==(const server_record&, const server_record&) = default;
};

/// In the queue: kept until there is room for it, or its time is over.
[[nodiscard]] inline bool is_waiting(const server_record& server) {
  return server.status == server_status::scheduling && !server.host;
}
/// When a waiting server's time is over.
[[nodiscard]] timestamp wait_deadline(const server_record& server);

} // namespace berth::model
