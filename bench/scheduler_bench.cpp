#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "model/random.hpp"
#include "scheduler/scheduler.hpp"

namespace {

using namespace berth;

// Placement decisions in process, on a cluster in steady state: filled to nine tenths, then every
// round releases one random server and places one, with the inventory kept current. The figure is
// rounds per second: a plan, an allocation and a release each.

model::uuid numbered(std::uint64_t number) {
  model::uuid id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return id;
}

scheduler::host_changed machine(std::uint64_t number) {
  scheduler::host_changed made;
  made.host.id.value = numbered(number);
  made.host.name = "host-" + std::to_string(number);
  made.host.capacity = {128, 2'097'152, 30'000'000};
  made.host.numa_nodes = 2;
  made.host.status = model::host_status::online;
  made.host.settled = true;
  for (std::uint8_t i = 0; i < 8; ++i) {
    model::device_record device;
    device.info.id.value = numbered(number * 1000 + i);
    device.info.address = {0, static_cast<std::uint8_t>(0x10 + i), 0, 0};
    device.info.vendor_device = {0x10de, 0x2330};
    device.info.vendor = "NVIDIA";
    device.info.model = "H100 SXM5 80GB";
    device.info.numa_node = i / 4;
    device.info.pcie_switch = "0000:0" + std::to_string(i / 2) + ":00.0";
    device.info.fabric = "nvswitch";
    device.host = made.host.id;
    device.state = model::device_state::free;
    device.reserve = model::default_gpu_reserve;
    made.devices.push_back(std::move(device));
  }
  return made;
}

model::placement_request request_for(std::int32_t gpus, std::uint64_t number) {
  model::placement_request made;
  made.server.value = numbered(number);
  made.amount = {gpus == 0 ? 2 : 8 * gpus, 65'536 * (gpus == 0 ? 1 : gpus), 102'400};
  if (gpus > 0) {
    made.devices.push_back({std::nullopt, gpus, {{"H100", {}, {}, {}}}});
  }
  return made;
}

class running_cluster {
public:
  explicit running_cluster(std::uint64_t hosts) {
    for (std::uint64_t number = 1; number <= hosts; ++number) {
      auto host = machine(number);
      devices_.insert(devices_.end(), host.devices.begin(), host.devices.end());
      world_.apply(host);
    }
  }

  bool place(std::int32_t gpus) {
    const auto request = request_for(gpus, next_server_++);
    auto decided = scheduler::plan(world_, request);
    auto* const where = std::get_if<model::placement>(&decided);
    if (where == nullptr) {
      return false;
    }
    world_.apply(scheduler::server_allocated{
        request.server, where->host, request.amount, where->devices, {}});
    live_.push_back({request.server, std::move(where->devices)});
    return true;
  }

  void release_one() {
    const std::size_t which = dice_.below(live_.size());
    std::swap(live_[which], live_.back());
    world_.apply(scheduler::server_released{live_.back().id});
    for (const auto& id : live_.back().devices) {
      const std::uint64_t number = number_of(id);
      world_.apply(scheduler::device_changed{devices_[(number / 1000 - 1) * 8 + number % 1000]});
    }
    live_.pop_back();
  }

  std::int32_t draw_size() {
    const auto draw = dice_.below(10); // 40/20/20/20 % of 1/2/4/8 GPUs
    return draw < 4 ? 1 : draw < 6 ? 2 : draw < 8 ? 4 : 8;
  }

private:
  struct live_server {
    model::server_id id;
    std::vector<model::device_id> devices;
  };
  static std::uint64_t number_of(const model::device_id& id) {
    std::uint64_t number = 0;
    for (std::size_t i = 8; i < 16; ++i) {
      number = number << 8U | id.value.bytes[i];
    }
    return number;
  }

  scheduler::inventory world_;
  std::vector<model::device_record> devices_;
  std::vector<live_server> live_;
  model::random dice_{42};
  std::uint64_t next_server_ = 1'000'000'000;
};

void one_gpu_servers(benchmark::State& state) {
  const auto hosts = static_cast<std::uint64_t>(state.range(0));
  running_cluster cluster{hosts};
  for (std::uint64_t i = 0; i < hosts * 8 * 9 / 10; ++i) {
    cluster.place(1);
  }
  for (auto _ : state) {
    cluster.release_one();
    benchmark::DoNotOptimize(cluster.place(1));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(one_gpu_servers)->Arg(1000)->Arg(10000);

void mixed_sizes(benchmark::State& state) {
  const auto hosts = static_cast<std::uint64_t>(state.range(0));
  running_cluster cluster{hosts};
  while (cluster.place(cluster.draw_size())) {
  }
  std::int64_t refused = 0;
  for (auto _ : state) {
    cluster.release_one();
    if (!cluster.place(cluster.draw_size())) {
      ++refused;
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["refused"] =
      static_cast<double>(refused) / static_cast<double>(state.iterations());
}
BENCHMARK(mixed_sizes)->Arg(1000)->Arg(10000);

void ordinary_servers(benchmark::State& state) {
  const auto hosts = static_cast<std::uint64_t>(state.range(0));
  running_cluster cluster{hosts};
  for (std::uint64_t i = 0; i < hosts * 16; ++i) {
    cluster.place(0);
  }
  for (auto _ : state) {
    cluster.release_one();
    benchmark::DoNotOptimize(cluster.place(0));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(ordinary_servers)->Arg(1000);

void filling_from_empty(benchmark::State& state) {
  const auto hosts = static_cast<std::uint64_t>(state.range(0));
  std::int64_t placed = 0;
  for (auto _ : state) {
    state.PauseTiming();
    running_cluster cluster{hosts};
    state.ResumeTiming();
    while (cluster.place(cluster.draw_size())) {
      ++placed;
    }
  }
  state.SetItemsProcessed(placed);
}
BENCHMARK(filling_from_empty)->Arg(1000)->Unit(benchmark::kMillisecond);

} // namespace
