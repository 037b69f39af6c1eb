#include "metrics/snapshot.hpp"

#include <algorithm>
#include <string_view>

namespace berth::metrics {

namespace {

using model::device_state;

constexpr std::size_t online = 0;
constexpr std::size_t offline = 1;
constexpr std::size_t unsettled = 2;
constexpr std::size_t disabled = 3;
constexpr std::size_t maintenance = 4;

/// Why a host's free devices are out of reach, as a label value; empty if they are not.
struct host_verdict {
  std::size_t state;
  std::string_view reason;
};

host_verdict judge(const model::host_record& host) {
  if (host.status != model::host_status::online) {
    return {offline, "host_offline"};
  }
  if (!host.settled) {
    return {unsettled, "host_unsettled"};
  }
  if (host.maintenance) {
    return {maintenance, "host_maintenance"};
  }
  if (!host.enabled) {
    return {disabled, "host_disabled"};
  }
  return {online, ""};
}

bool is_healthy(const model::device_record& device) {
  return device.present && device.state != device_state::unusable &&
         device.state != device_state::lost && device.state != device_state::quarantined;
}

std::string number_or_empty(int value) {
  return value < 0 ? std::string{} : std::to_string(value);
}

} // namespace

void snapshot_builder::add_host(const model::host_record& host,
                                std::optional<model::timestamp> inventory_at,
                                std::int64_t unknown_domains) {
  const auto verdict = judge(host);
  ++made_->host_states[verdict.state];
  made_->hosts.push_back({host.name, host.last_seen, inventory_at, unknown_domains});
  hosts_[host.id] = {host.name, verdict.reason, host.partitions, {}};
}

void snapshot_builder::add_device(const model::device_record& device) {
  const auto found = hosts_.find(device.host);
  const std::string host = found == hosts_.end() ? to_string(device.host) : found->second.name;
  const auto& info = device.info;
  device_sample sample{.id = to_string(info.id),
                       .host = host,
                       .pci_address = to_string(info.address),
                       .vendor_device_id = to_string(info.vendor_device),
                       .model = info.model,
                       .numa_node = number_or_empty(info.numa_node),
                       .iommu_group = number_or_empty(info.iommu_group),
                       .pcie_root = info.pcie_root,
                       .fabric = info.fabric,
                       .state = device.state,
                       .state_since = device.state_since,
                       .allocated = device.owner.has_value(),
                       .healthy = is_healthy(device)};
  const bool is_free = device.state == device_state::free && device.present && !device.owner;
  if (found != hosts_.end()) {
    if (info.fabric_module >= 0) {
      found->second.module_is_free[{info.fabric, info.fabric_module}] = is_free;
    }
    const auto reason =
        !device.enabled ? std::string_view{"device_disabled"} : found->second.stranding_reason;
    // Every model has its rows at 0 from the start.
    for (const auto known : {"host_offline", "host_unsettled", "host_maintenance", "host_disabled",
                             "device_disabled"}) {
      made_->stranded.try_emplace({info.model, known}, 0);
    }
    if (is_free && !reason.empty()) {
      ++made_->stranded[{info.model, std::string{reason}}];
    }
  }
  made_->missing += device.present ? 0 : 1;
  if (device.state == device_state::in_use && !device.owner && device.obeyed >= device.epoch) {
    ++made_->orphan_allocations;
  }
  devices_[info.id] = {host, sample.pci_address};
  made_->devices.push_back(std::move(sample));
}

void snapshot_builder::add_server(const model::server_record& server) {
  count_servers(server.status, 1);
  if (server.status == model::server_status::scheduling ||
      server.status == model::server_status::sched_fail) {
    note_pending(server.created_at);
  }
  for (const auto& attached : server.attachments) {
    const auto found = devices_.find(attached.device);
    const auto device = found == devices_.end() ? device_facts{} : found->second;
    made_->allocations.push_back({to_string(attached.device), device.host, device.pci_address,
                                  to_string(server.id), server.spec->project});
  }
}

void snapshot_builder::count_requests(std::size_t count) {
  made_->unplaced_requests += static_cast<std::int64_t>(count);
}

void snapshot_builder::note_pending(model::timestamp created_at) {
  made_->oldest_pending = std::min(made_->oldest_pending.value_or(created_at), created_at);
}

void snapshot_builder::add_placeable(cluster_snapshot::placeable_shape shape,
                                     std::int64_t servers) {
  made_->placeable[std::move(shape)] = servers;
}

void snapshot_builder::add_stranded(const std::string& model, const std::string& reason,
                                    std::int64_t devices) {
  made_->stranded[{model, reason}] += devices;
}

void snapshot_builder::add_fragmentation(const std::string& model, double ratio) {
  made_->fragmentation[model] = ratio;
}

void snapshot_builder::count_servers(model::server_status status, std::int64_t count) {
  made_->servers[static_cast<std::size_t>(status)] += count;
}

void snapshot_builder::count_partitions() {
  for (const auto& entry : hosts_) {
    const auto& host = entry.second;
    for (const auto& partition : host.partitions) {
      const bool is_free = std::ranges::all_of(partition.modules, [&](int module) {
        const auto found = host.module_is_free.find({partition.fabric, module});
        return found != host.module_is_free.end() && found->second;
      });
      auto& count =
          made_->partitions[{host.name, static_cast<std::int64_t>(partition.modules.size())}];
      ++(is_free ? count.free : count.blocked);
    }
  }
}

std::shared_ptr<const cluster_snapshot> snapshot_builder::finish(model::timestamp taken,
                                                                 model::sequence_number sequence,
                                                                 model::leader_epoch epoch) {
  count_partitions();
  made_->taken = taken;
  made_->sequence = sequence;
  made_->epoch = epoch;
  hosts_.clear();
  devices_.clear();
  return std::exchange(made_, std::make_shared<cluster_snapshot>());
}

void snapshot_slot::set(std::shared_ptr<const cluster_snapshot> latest) {
  const std::lock_guard lock{mutex_};
  latest_.swap(latest);
}

std::shared_ptr<const cluster_snapshot> snapshot_slot::get() const {
  const std::lock_guard lock{mutex_};
  return latest_;
}

} // namespace berth::metrics
