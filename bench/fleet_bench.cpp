// How fast a fleet is simulated: events of a run (arrivals, ends, devices that are free again) per
// second of one core, with everything that the run needs, and the memory of it.
//
//   build/release/bench/fleet_bench
#include <sys/resource.h>

#include <benchmark/benchmark.h>

#include "hostbackend/simulated/machine.hpp"
#include "sim/demand/generator.hpp"
#include "sim/fleet/run.hpp"

namespace berth::sim {
namespace {

constexpr int gpus_per_host = 8;

scenario fleet_of(std::uint32_t hosts) {
  namespace simulated = hostbackend::simulated;
  const auto kind = simulated::generic_machine(gpus_per_host, "H100").value();
  scenario what;
  what.hosts.resize(1);
  what.hosts[0].name = "h100";
  what.hosts[0].machine = simulated::describe(simulated::make_host("h100", kind), "");
  what.hosts[0].machine.capacity = {192, 2 * 1024 * 1024, 16 * 1024 * 1024};
  what.hosts[0].count = hosts;
  what.turnover = {std::chrono::seconds{2}, std::chrono::seconds{1}};
  return what;
}

/// Keeps nine tenths of the GPUs busy with servers of 1, 2, 4 and 8.
demand_plan load_for(std::uint32_t hosts, double lifetime_hours) {
  constexpr double mean_gpus = (4 * 1 + 3 * 2 + 2 * 4 + 1 * 8) / 10.0;
  demand_plan plan;
  plan.shapes = {{.weight = 4, .gpus = 1},
                 {.weight = 3, .gpus = 2},
                 {.weight = 2, .gpus = 4},
                 {.weight = 1, .gpus = 8}};
  plan.lifetimes = {{exponential_lifetime{3'600 * lifetime_hours}}};
  plan.arrivals_per_hour = 0.9 * hosts * gpus_per_host / (mean_gpus * lifetime_hours);
  return plan;
}

void simulate(benchmark::State& state) {
  const auto hosts = static_cast<std::uint32_t>(state.range(0));
  const auto what = fleet_of(hosts);
  double events = 0;
  double refused = 0;
  for (auto _ : state) {
    auto demand = demand_generator::make(load_for(hosts, static_cast<double>(state.range(2)) / 2),
                                         1, std::chrono::hours{state.range(1)});
    const auto result = run(what, *demand, 1).value();
    events += static_cast<double>(result.events);
    refused = 100 * result.gpus_refused / result.gpus_asked;
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  state.counters["events"] = events;
  state.counters["events/s"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
  state.counters["refused_%"] = refused;
  state.counters["peak_B_per_gpu"] = // of the largest run so far
      static_cast<double>(used.ru_maxrss) * 1024 / (hosts * gpus_per_host);
}
// Hosts, hours, mean lifetime in half hours; the last two are years.
BENCHMARK(simulate)
    ->Args({1'000, 100, 2})
    ->Args({10'000, 20, 2})
    ->Args({100'000, 4, 2})
    ->Args({1'000, 8'766, 5})
    ->Args({1'000, 8'766, 2})
    ->Unit(benchmark::kSecond)
    ->Iterations(1);

} // namespace
} // namespace berth::sim

BENCHMARK_MAIN();
