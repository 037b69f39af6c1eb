#include "metrics/snapshot.hpp"

#include <chrono>

namespace berth::metrics {

namespace {

double seconds(model::timestamp at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

using labels = std::initializer_list<std::string_view>;

/// Calls the sink with a brace list.
class emitter {
public:
  explicit emitter(sample_sink& sink) : sink_(sink) {}
  void family(metric id) { sink_.family(id); }
  void put(labels values, double value) { sink_.sample({values.begin(), values.size()}, value); }
  void one(metric id, double value) {
    family(id);
    put({}, value);
  }

private:
  sample_sink& sink_;
};

void device_counts(const cluster_snapshot& snapshot, emitter& out) {
  std::map<std::pair<std::string_view, std::string_view>, std::array<std::int64_t, device_states>>
      counts;
  for (const auto& device : snapshot.devices) {
    ++counts[{device.host, device.model}][static_cast<std::size_t>(device.state)];
  }
  out.family(metric::devices);
  for (const auto& [key, states] : counts) {
    for (std::size_t state = 0; state < device_states; ++state) {
      out.put({key.first, key.second, to_string(static_cast<model::device_state>(state))},
              static_cast<double>(states[state]));
    }
  }
}

void device_series(const cluster_snapshot& snapshot, emitter& out) {
  out.family(metric::device_info);
  for (const auto& d : snapshot.devices) {
    out.put({d.id, d.host, d.pci_address, d.vendor_device_id, d.model, d.numa_node, d.iommu_group,
             d.pcie_root, d.fabric},
            1);
  }
  out.family(metric::device_allocated);
  for (const auto& d : snapshot.devices) {
    out.put({d.id}, d.allocated ? 1 : 0);
  }
  out.family(metric::device_healthy);
  for (const auto& d : snapshot.devices) {
    out.put({d.id}, d.healthy ? 1 : 0);
  }
  out.family(metric::device_state_entered_timestamp_seconds);
  for (const auto& d : snapshot.devices) {
    out.put({d.id}, seconds(d.state_since));
  }
  out.family(metric::device_allocation_info);
  for (const auto& a : snapshot.allocations) {
    out.put({a.device_id, a.host, a.pci_address, "", a.server_id, a.project}, 1);
  }
}

void host_counts(const cluster_snapshot& snapshot, emitter& out) {
  out.family(metric::hosts);
  const auto& states = describe(metric::hosts).labels[0].values;
  for (std::size_t i = 0; i < snapshot.host_states.size(); ++i) {
    out.put({states[i]}, static_cast<double>(snapshot.host_states[i]));
  }
  out.family(metric::fabric_partitions);
  for (const auto& [key, count] : snapshot.partitions) {
    const auto gpus = std::to_string(key.second);
    out.put({key.first, gpus, "free"}, static_cast<double>(count.free));
    out.put({key.first, gpus, "blocked"}, static_cast<double>(count.blocked));
  }
}

void capacity(const cluster_snapshot& snapshot, emitter& out) {
  out.family(metric::placeable_servers);
  for (const auto& [shape, servers] : snapshot.placeable) {
    out.put({shape.model, std::to_string(shape.gpus), shape.topology},
            static_cast<double>(servers));
  }
  out.family(metric::stranded_devices);
  for (const auto& [key, devices] : snapshot.stranded) {
    out.put({key.first, key.second}, static_cast<double>(devices));
  }
  out.family(metric::fragmentation_ratio);
  for (const auto& [model, ratio] : snapshot.fragmentation) {
    out.put({model}, ratio);
  }
}

void server_counts(const cluster_snapshot& snapshot, emitter& out) {
  const auto count = [&](model::server_status status) {
    return static_cast<double>(snapshot.servers[static_cast<std::size_t>(status)]);
  };
  out.family(metric::requests_pending);
  out.put({"scheduling"}, static_cast<double>(snapshot.unplaced_requests));
  out.put({"waiting"}, count(model::server_status::scheduling));
  out.put({"does_not_fit"}, count(model::server_status::sched_fail));
  out.one(metric::oldest_pending_request_timestamp_seconds,
          snapshot.oldest_pending ? seconds(*snapshot.oldest_pending) : 0);
  out.family(metric::servers);
  for (std::size_t i = 0; i < server_statuses; ++i) {
    const auto status = static_cast<model::server_status>(i);
    out.put({to_string(status)}, count(status));
  }
}

} // namespace

void collect(const cluster_snapshot& snapshot, sample_sink& sink) {
  emitter out{sink};
  device_counts(snapshot, out);
  device_series(snapshot, out);
  host_counts(snapshot, out);
  capacity(snapshot, out);
  server_counts(snapshot, out);
  out.family(metric::drift_devices);
  out.put({"missing"}, static_cast<double>(snapshot.missing));
  out.put({"orphan_allocation"}, static_cast<double>(snapshot.orphan_allocations));
  out.family(metric::unknown_domains);
  for (const auto& host : snapshot.hosts)
    out.put({host.name}, static_cast<double>(host.unknown_domains));
  out.family(metric::agent_last_seen_timestamp_seconds);
  for (const auto& host : snapshot.hosts) {
    out.put({host.name}, seconds(host.last_seen));
  }
  out.family(metric::inventory_last_success_timestamp_seconds);
  for (const auto& host : snapshot.hosts) {
    if (host.inventory_at) {
      out.put({host.name}, seconds(*host.inventory_at));
    }
  }
  out.one(metric::lease_epoch, static_cast<double>(snapshot.epoch));
  out.one(metric::log_sequence, static_cast<double>(snapshot.sequence));
  out.one(metric::snapshot_timestamp_seconds, seconds(snapshot.taken));
}

} // namespace berth::metrics
