#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "control/cluster.hpp"

// The cluster machine alone: no actors, no disk. Plans are given (spread over hosts with room), so
// that what is measured is the machine: admission, referee, events, state, answers.

namespace {

using namespace berth; // a program, not a header

constexpr std::int64_t hosts = 1000;
constexpr std::int64_t gpus = 8;

model::host_info make_host(std::int64_t number) {
  model::host_info info;
  info.name = "host-" + std::to_string(number);
  info.id = {model::uuid::derive({}, info.name)};
  info.machine = "bench";
  info.capacity = {1 << 20, std::int64_t{1} << 40, std::int64_t{1} << 40};
  for (std::int64_t i = 0; i < gpus; ++i) {
    model::device_info device;
    device.id = {model::uuid::derive(info.id.value, std::to_string(i))};
    device.address = {0, static_cast<std::uint8_t>(0x10 + i), 0, 0};
    device.vendor_device = {0x10de, 0x2330};
    device.vendor = "NVIDIA";
    device.model = "H100 SXM5 80GB";
    info.devices.push_back(device);
  }
  return info;
}

/// A controller with settled hosts, and the time and numbers that go with it.
struct world {
  explicit world(bool with_servers = false)
      : machine({}, control::cluster_state{}, model::random{7}) {
    commit(machine.start(now));
    for (std::int64_t i = 0; i < hosts; ++i) {
      infos.push_back(make_host(i));
      const control::link_id link{static_cast<std::uint64_t>(i + 1)};
      commit(machine.step(now, control::link_opened{link, {infos.back().id.value}, infos.back()}));
      model::observed_state report;
      report.report = 1;
      report.full = true;
      for (const auto& device : infos.back().devices) {
        report.devices.push_back({device.id, model::device_state::free, "", 0, ""});
      }
      commit(machine.step(now, control::host_said{link, std::move(report), now}));
      if (!with_servers) { // without a link nobody is told a desired state
        commit(machine.step(now, control::link_closed{link}));
      }
    }
  }

  void commit(control::outcome done) {
    if (!done.events.empty()) {
      benchmark::DoNotOptimize(
          machine.step(now, control::commit_done{done.events.back().sequence}));
    }
  }

  model::server_spec spec(bool with_gpu) {
    model::server_spec made;
    made.name = "s" + std::to_string(++names);
    made.vcpus = 2;
    made.memory_mib = 4096;
    made.disks = {{20'480, ""}};
    if (with_gpu) {
      model::device_selector any;
      any.model = "H100";
      made.devices.push_back({std::nullopt, 1, {any}});
    }
    return made;
  }

  /// One batch: a step with all commands, a step with all plans, a step with the commit.
  void create(std::int64_t count, bool with_gpu) {
    std::vector<control::input> commands;
    commands.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
      commands.emplace_back(control::command_received{
          control::ticket{++tickets}, model::create_servers{{spec(with_gpu)}, true}});
    }
    auto asked = machine.step(now, commands);
    control::plans_made made;
    for (auto& each : asked.effects) {
      if (auto* plans = std::get_if<control::want_plans>(&each)) {
        for (const auto& wish : plans->wishes) {
          const auto at = next++;
          const auto& host = infos[static_cast<std::size_t>(at % hosts)];
          model::placement where{host.id, {}, {}};
          if (with_gpu) {
            where.devices.push_back(host.devices[static_cast<std::size_t>(at / hosts % gpus)].id);
          }
          made.plans.push_back({wish.id, std::move(where)});
        }
      }
    }
    std::vector<control::input> answers;
    answers.emplace_back(std::move(made));
    auto placed = machine.step(now, answers);
    events += static_cast<std::int64_t>(placed.events.size());
    commit(std::move(placed));
  }

  model::timestamp now{std::chrono::hours{480'000}};
  control::cluster machine;
  std::vector<model::host_info> infos;
  std::uint64_t tickets = 0;
  std::uint64_t names = 0;
  std::int64_t next = 0;
  std::int64_t events = 0;
};

void create_ordinary_servers(benchmark::State& state) {
  world at;
  for (auto _ : state) {
    at.create(state.range(0), false);
  }
  state.SetItemsProcessed(at.events);
}
BENCHMARK(create_ordinary_servers)->Arg(1)->Arg(100)->Arg(1000)->Iterations(200);

/// Eight GPUs on a thousand hosts: 8,000 servers fill the cluster, then a fresh one.
void create_gpu_servers(benchmark::State& state) {
  std::int64_t events = 0;
  for (auto _ : state) {
    state.PauseTiming();
    {
      world at;
      state.ResumeTiming();
      for (std::int64_t i = 0; i < hosts * gpus / 1000; ++i) {
        at.create(1000, true);
      }
      state.PauseTiming();
      events += at.events;
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(events);
}
BENCHMARK(create_gpu_servers)->Iterations(5);

/// What a restart does with a log of this many servers, without the store.
void replay(benchmark::State& state) {
  world at;
  std::vector<model::log_record> log;
  control::cluster_state source;
  model::log_record inventoried{1, at.now, model::host_inventoried{at.infos[0], {}}};
  log.push_back(inventoried);
  for (std::int64_t i = 1; i <= state.range(0); ++i) {
    model::server_record server;
    server.id = {model::uuid::from_random(static_cast<std::uint64_t>(i), 1)};
    server.spec = at.spec(false);
    server.status = model::server_status::running;
    server.host = at.infos[0].id;
    log.push_back({log.size() + 1, at.now, model::server_created{std::move(server)}});
  }
  for (auto _ : state) {
    control::cluster_state fresh;
    for (const auto& record : log) {
      fresh.replay(record);
    }
    benchmark::DoNotOptimize(fresh.servers().size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(replay)->Arg(20'000);

/// One device comes free while so many servers wait, none of whom fits there: what the queue costs.
/// They ask for two to eight devices, each with one of 1,000 amounts: seven shapes, 7,000 flavours.
void freed_device_beside_waiting(benchmark::State& state) {
  control::cluster_state loaded;
  const auto host = make_host(0);
  model::timestamp now{std::chrono::hours{480'000}};
  loaded.replay({1, now, model::host_inventoried{host, {host.id.value}}});
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    model::server_record server;
    server.id = {model::uuid::from_random(1, static_cast<std::uint64_t>(i))};
    server.spec.edit([i](model::server_spec& spec) {
      spec.name = "waiting-" + std::to_string(i);
      spec.vcpus = 1 + i % 1000;
      spec.wait_for_capacity = std::chrono::hours{24};
      spec.devices = {{std::nullopt, static_cast<std::int32_t>(2 + i % 7), {{}}}};
    });
    server.status = model::server_status::scheduling;
    server.created_at = now;
    loaded.replay({loaded.last_sequence() + 1, now, model::server_created{std::move(server)}});
  }
  control::cluster machine{{}, std::move(loaded), model::random{7}};
  const auto commit = [&](control::outcome done) {
    if (!done.events.empty()) {
      benchmark::DoNotOptimize(
          machine.step(now, control::commit_done{done.events.back().sequence}));
    }
  };
  commit(machine.start(now));
  const control::link_id link{1};
  commit(machine.step(now, control::link_opened{link, {host.id.value}, host}));
  std::uint64_t reports = 0;
  const auto report = [&](model::device_state first) {
    model::observed_state seen;
    seen.report = ++reports;
    seen.full = true;
    for (const auto& device : host.devices) {
      const bool is_first = device.id == host.devices.front().id;
      seen.devices.push_back(
          {device.id, is_first ? first : model::device_state::resetting, "", 0, ""});
    }
    return control::host_said{link, std::move(seen), now};
  };
  commit(machine.step(now, report(model::device_state::resetting)));
  for (auto _ : state) {
    commit(machine.step(now, report(model::device_state::free)));
    commit(machine.step(now, report(model::device_state::resetting)));
  }
  state.counters["waiting"] = static_cast<double>(machine.state().waiting().size());
}
BENCHMARK(freed_device_beside_waiting)
    ->Arg(0)
    ->Arg(1000)
    ->Arg(100'000)
    ->Unit(benchmark::kMicrosecond);

} // namespace
