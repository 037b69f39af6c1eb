#include <chrono>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "bench/packing_games/packer.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::packing {

namespace {

model::uuid numbered(std::uint64_t number) {
  return {0, number};
}

std::uint64_t number_of(const model::uuid& id) {
  return id.low;
}

model::timestamp at_seconds(double seconds) {
  return model::timestamp{model::duration{std::llround(seconds * 1e9)}};
}

constexpr std::uint64_t devices_per_host_max = 1000;
constexpr std::uint64_t first_server = std::uint64_t{1} << 40U;

/// Devices know nothing about NUMA nodes, switches and fabrics, so that CPUs, memory and the number
/// of GPUs are all that tells hosts apart.
scheduler::host_changed as_host(std::uint64_t number, const machine& spec,
                                const model::resources& reserve) {
  scheduler::host_changed made;
  made.host.id.value = numbered(number);
  made.host.name = "host-" + std::to_string(number);
  made.host.capacity = {spec.cpus, spec.memory_mib, 0};
  made.host.status = model::host_status::online;
  made.host.settled = true;
  for (int i = 0; i < spec.gpus; ++i) {
    model::device_record device;
    device.info.id.value = numbered(number * devices_per_host_max + static_cast<std::uint64_t>(i));
    device.info.address = {0, static_cast<std::uint8_t>(0x10 + i), 0, 0};
    device.info.vendor_device = {0x10de, 0x2330};
    device.info.vendor = "NVIDIA";
    device.info.model = spec.model.empty() ? "GPU" : spec.model;
    device.host = made.host.id;
    device.state = model::device_state::free;
    device.reserve = reserve;
    made.devices.push_back(std::move(device));
  }
  return made;
}

class real_scheduler : public packer {
public:
  real_scheduler(const std::string& policy, const std::vector<machine>& hosts,
                 const model::resources& reserve) {
    how_.policy = scheduler::find_policy(policy);
    std::uint64_t number = 0;
    for (const auto& spec : hosts) {
      world_.apply(as_host(++number, spec, reserve));
    }
  }

  std::optional<seat> place(const demand& wanted, double now,
                            std::optional<double> leaves) override {
    const auto request = request_for(wanted, now, leaves);
    auto decided = scheduler::plan(world_, request, how_);
    auto* const where = std::get_if<model::placement>(&decided);
    if (where == nullptr) {
      return std::nullopt;
    }
    scheduler::server_allocated taken;
    taken.server = request.server;
    taken.host = where->host;
    taken.amount = request.amount;
    taken.devices = where->devices;
    taken.ends_at = request.ends_at;
    taken.placed_at = request.now;
    taken.asked = request.devices;
    world_.apply(taken);
    const std::uint64_t server = number_of(request.server.value);
    devices_.emplace(server, std::move(where->devices));
    return seat{static_cast<std::uint32_t>(number_of(where->host.value) - 1), server};
  }

  void leave(const seat& where, const demand& /*what*/) override {
    world_.apply(scheduler::server_released{{numbered(where.server)}});
    const auto held = devices_.find(where.server);
    for (const auto& device : held->second) {
      world_.apply(scheduler::device_turned{
          {numbered(where.host + std::uint64_t{1})}, device, model::device_state::free, false});
    }
    devices_.erase(held);
  }

private:
  model::placement_request request_for(const demand& wanted, double now,
                                       std::optional<double> leaves) {
    model::placement_request request;
    request.server.value = numbered(first_server + servers_++);
    request.amount = {wanted.cpus, wanted.memory_mib, 0};
    request.now = at_seconds(now);
    if (leaves) {
      request.ends_at = at_seconds(*leaves);
    }
    if (wanted.gpus == 0) {
      return request;
    }
    model::device_request gpus{std::nullopt, wanted.gpus, {}};
    for (const auto& name : wanted.models) {
      gpus.alternatives.push_back({name, {}, {}, {}});
    }
    if (gpus.alternatives.empty()) {
      gpus.alternatives.emplace_back();
    }
    request.devices.push_back(std::move(gpus));
    return request;
  }

  scheduler::inventory world_;
  scheduler::options how_;
  std::uint64_t servers_ = 0;
  std::unordered_map<std::uint64_t, std::vector<model::device_id>> devices_; ///< looked up only
};

} // namespace

std::vector<std::string> policy_names() {
  const auto names = scheduler::policy_names();
  return {names.begin(), names.end()};
}

std::unique_ptr<packer> make_scheduler(const std::string& policy, const std::vector<machine>& hosts,
                                       const model::resources& reserve) {
  return scheduler::find_policy(policy) != nullptr
             ? std::make_unique<real_scheduler>(policy, hosts, reserve)
             : nullptr;
}

} // namespace berth::packing
