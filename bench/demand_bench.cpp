// Demand: reading traces, drawing arrivals, fitting. Items are rows or arrivals.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <unistd.h>

#include <benchmark/benchmark.h>

#include "sim/demand/berth_csv.hpp"
#include "sim/demand/fit.hpp"
#include "sim/demand/generator.hpp"
#include "sim/demand/readers.hpp"

namespace {

namespace sim = berth::sim;
namespace fs = std::filesystem;

sim::demand_plan busy_plan() {
  sim::demand_plan plan;
  plan.arrivals_per_hour = 1'000;
  plan.hour_weights = sim::daily_swing(0.5, 14);
  plan.weekday_weights = {1, 1, 1, 1, 1, 0.5, 0.5};
  plan.bursts = sim::arrival_bursts{0.5, 3'600, 600};
  plan.lifetimes = {{sim::exponential_lifetime{7'200}}, {sim::lognormal_lifetime{3'600, 1.5}}};
  plan.shapes = {{.weight = 4, .gpus = 1, .model = "A100"},
                 {.weight = 2, .gpus = 2, .model = "A100"},
                 {.weight = 2, .gpus = 4, .model = "H100", .lifetime = 1},
                 {.weight = 2, .gpus = 8, .model = "H100", .lifetime = 1}};
  plan.projects = {{3, "blue"}, {1, "red"}};
  return plan;
}

sim::demand_generator busy_generator() {
  return *sim::demand_generator::make(busy_plan(), 1, std::chrono::seconds{sim::seconds_max});
}

/// The first arrivals of a source.
class first_of final : public sim::arrival_source {
public:
  first_of(sim::arrival_source& from, std::int64_t count) : from_(from), left_(count) {}
  std::optional<sim::arrival> next() override { return left_-- > 0 ? from_.next() : std::nullopt; }
  const sim::demand_names& names() const override { return from_.names(); }

private:
  sim::arrival_source& from_;
  std::int64_t left_;
};

/// A table of so many generated rows, which goes with the benchmark.
class generated_table {
public:
  explicit generated_table(std::int64_t rows)
      : path_(fs::temp_directory_path() / ("berth-demand-" + std::to_string(getpid()) + ".csv")) {
    auto generator = busy_generator();
    first_of some{generator, rows};
    if (const auto written = sim::write_berth_csv(some, path_); !written) {
      std::abort();
    }
  }
  ~generated_table() { fs::remove(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_;
};

void read_repeatedly(benchmark::State& state, sim::trace_format format, const std::string& path) {
  std::int64_t rows = 0;
  for (auto _ : state) {
    const auto read = sim::read_demand_file(format, path);
    if (!read) {
      state.SkipWithError(read.error().message.c_str());
      return;
    }
    rows += static_cast<std::int64_t>(read->report.rows);
  }
  state.SetItemsProcessed(rows);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(fs::file_size(path)));
}

void read_berth_csv(benchmark::State& state) {
  const generated_table table{state.range(0)};
  read_repeatedly(state, sim::trace_format::berth, table.path());
}
BENCHMARK(read_berth_csv)->Arg(100'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

void read_philly(benchmark::State& state) {
  const char* const given = std::getenv("BERTH_PHILLY_CSV"); // NOLINT(concurrency-mt-unsafe)
  if (given == nullptr) {
    state.SkipWithError("name philly.csv in BERTH_PHILLY_CSV");
    return;
  }
  read_repeatedly(state, sim::trace_format::philly_jobs, given);
}
BENCHMARK(read_philly)->Unit(benchmark::kMillisecond);

void write_berth_csv(benchmark::State& state) {
  for (auto _ : state) {
    const generated_table table{state.range(0)};
    benchmark::DoNotOptimize(table.path().data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_berth_csv)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void generate(benchmark::State& state) {
  auto generator = busy_generator();
  for (auto _ : state) {
    benchmark::DoNotOptimize(generator.next());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(generate);

void fit(benchmark::State& state) {
  auto generator = busy_generator();
  first_of some{generator, state.range(0)};
  const auto seen = *sim::collect(some, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(sim::fit(seen));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(fit)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

} // namespace
