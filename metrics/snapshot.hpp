#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/exposition.hpp"
#include "model/device.hpp"
#include "model/host.hpp"
#include "model/server.hpp"
#include "model/time.hpp"

namespace berth::metrics {

inline constexpr std::size_t device_states =
    static_cast<std::size_t>(model::device_state::quarantined) + 1;
inline constexpr std::size_t server_statuses =
    static_cast<std::size_t>(model::server_status::unknown) + 1;

/// One device, as text for its labels.
struct device_sample {
  std::string id, host, pci_address, vendor_device_id, model;
  std::string numa_node, iommu_group, pcie_root, fabric;
  model::device_state state = model::device_state::discovered;
  model::timestamp state_since{};
  bool allocated = false;
  bool healthy = true;
};

/// A server's claim on a device, from the server's own record: two claims on one device show as two
/// series.
struct allocation_sample {
  std::string device_id, host, pci_address, server_id, project;
};

struct host_sample {
  std::string name;
  model::timestamp last_seen{};
  std::optional<model::timestamp> inventory_at; ///< nullopt: none under the present leadership
  std::int64_t unknown_domains = 0;
};

/// An immutable picture of the cluster, made where the cluster's state lives and read by scrapes.
struct cluster_snapshot {
  model::timestamp taken{};
  model::sequence_number sequence = 0;
  model::leader_epoch epoch = 0;

  std::vector<device_sample> devices;
  std::vector<allocation_sample> allocations;
  std::vector<host_sample> hosts;
  /// In the order of the label values of berth_hosts.
  std::array<std::int64_t, 5> host_states{};
  std::array<std::int64_t, server_statuses> servers{};
  std::map<std::pair<std::string, std::string>, std::int64_t> stranded; ///< (model, reason)
  /// A server whose capacity is counted, as the label values of berth_placeable_servers.
  struct placeable_shape {
    std::string model;
    std::int64_t gpus = 0;
    std::string topology;
    friend auto operator<=>(const placeable_shape&, const placeable_shape&) = default;
  };
  std::map<placeable_shape, std::int64_t> placeable; ///< how many more fit
  std::map<std::string, double> fragmentation;       ///< by model
  struct partition_count {
    std::int64_t free = 0;
    std::int64_t blocked = 0;
  };
  std::map<std::pair<std::string, std::int64_t>, partition_count> partitions; ///< (host, gpus)
  std::int64_t unplaced_requests = 0; ///< wait for their first plan and are no servers yet
  std::optional<model::timestamp> oldest_pending;
  std::int64_t missing = 0;            ///< devices absent from their host's inventory
  std::int64_t orphan_allocations = 0; ///< devices in use, confirmed by the host, without an owner
};

/// Makes a snapshot from the records: first every host, then every device, then the servers.
/// Servers without devices may be left out and only be counted with `count_servers`; then the
/// oldest of those that wait for a place is told with `note_pending`. Requests that are no servers
/// yet are told with `count_requests`.
class snapshot_builder {
public:
  void add_host(const model::host_record& host, std::optional<model::timestamp> inventory_at,
                std::int64_t unknown_domains = 0);
  void add_device(const model::device_record& device);
  void add_server(const model::server_record& server);
  void count_servers(model::server_status status, std::int64_t count);
  void count_requests(std::size_t count);
  void note_pending(model::timestamp created_at);
  void add_placeable(cluster_snapshot::placeable_shape shape, std::int64_t servers);
  void add_stranded(const std::string& model, const std::string& reason, std::int64_t devices);
  void add_fragmentation(const std::string& model, double ratio);
  [[nodiscard]] std::shared_ptr<const cluster_snapshot>
  finish(model::timestamp taken, model::sequence_number sequence, model::leader_epoch epoch);

private:
  struct host_facts {
    std::string name;
    std::string_view stranding_reason; ///< empty: its free devices can be given away
    std::vector<model::fabric_partition> partitions;
    std::map<std::pair<std::string, int>, bool> module_is_free;
  };
  struct device_facts {
    std::string host, pci_address;
  };
  void count_partitions();

  std::shared_ptr<cluster_snapshot> made_ = std::make_shared<cluster_snapshot>();
  std::map<model::host_id, host_facts> hosts_;
  std::map<model::device_id, device_facts> devices_;
};

/// Where the cluster puts its latest snapshot and a scrape finds it. Both sides hold the lock for
/// the copy of one pointer. Thread-safe.
class snapshot_slot {
public:
  void set(std::shared_ptr<const cluster_snapshot> latest);
  /// Null before the first one.
  [[nodiscard]] std::shared_ptr<const cluster_snapshot> get() const;

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const cluster_snapshot> latest_;
};

/// Hands every series of the snapshot to `sink`, in the table's order.
void collect(const cluster_snapshot& snapshot, sample_sink& sink);

} // namespace berth::metrics
