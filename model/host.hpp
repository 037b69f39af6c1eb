#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.hpp"
#include "model/ids.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"

namespace berth::model {

/// A predefined set of fabric modules that can be isolated together (NVSwitch shared mode).
struct fabric_partition {
  std::string fabric;
  int id = 0;
  std::vector<int> modules; ///< device_info::fabric_module numbers, ascending

  friend bool operator==(const fabric_partition&, const fabric_partition&) = default;
};

/// What a host agent reports about its machine.
struct host_info {
  host_id id;
  std::string name;    ///< as in the agent's certificate (URI SAN `berth-host:<name>`)
  std::string machine; ///< product name, e.g. `NVIDIA DGX A100`
  std::string agent_version;
  resources capacity; ///< physical
  int numa_nodes = 1;
  std::vector<device_info> devices;         ///< ascending by PCI address
  std::vector<fabric_partition> partitions; ///< empty = no partitioned fabric
  bool hot_plug = false;

  friend bool operator==(const host_info&, const host_info&) = default;
};

enum class host_status : std::uint8_t { offline, online };
[[nodiscard]] std::string_view to_string(host_status status);
[[nodiscard]] std::optional<host_status> parse_host_status(std::string_view text);

/// A host as the controller knows it. Its devices are separate records.
struct host_record {
  host_id id;
  std::string name;
  std::string machine;
  std::string agent_version;
  resources capacity;
  int numa_nodes = 1;
  std::vector<fabric_partition> partitions;
  bool hot_plug = false;
  // The operator's settings.
  bool enabled = true;
  bool maintenance = false;
  std::vector<std::string> tags;               ///< sorted, unique
  resources reserve;                           ///< kept for the host itself
  std::int32_t cpu_overcommit_milli = 1000;    ///< 1000 = 1.0
  std::int32_t memory_overcommit_milli = 1000; ///< 1000 = 1.0
  // Liveness and settlement.
  host_status status = host_status::offline;
  /// False until the devices have been reported in the agent's present life: missing inventory is
  /// unsettled, not zero.
  bool settled = false;
  incarnation_id incarnation;
  timestamp last_seen{};
  generation_number generation = 0; ///< of the desired state
  sequence_number created = 0;      ///< of the event that registered it

  friend bool operator==(const host_record&, const host_record&) = default;
};

} // namespace berth::model
