// What the store costs: encoding, durable appends of server_created records by batch size, and
// loading a snapshot of many servers.
//
//   cmake --preset release && cmake --build build/release --target store_bench
//   build/release/bench/store_bench [--benchmark_filter=Append]
//   BERTH_BENCH_FOLDER=/where/the/disk/is
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "model/random.hpp"
#include "proto/log_codec.hpp"
#include "proto/snapshot_codec.hpp"
#include "store/sqlite_store.hpp"
#include "tests/proto/random_model.hpp"

namespace {

using namespace berth;
using clock_type = std::chrono::steady_clock;

class bench_folder {
public:
  bench_folder() {
    const char* base = std::getenv("BERTH_BENCH_FOLDER");
    std::string pattern = std::string(base != nullptr ? base : ".") + "/berth-store-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("cannot make a folder like " + pattern);
    path_ = pattern;
  }
  ~bench_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  bench_folder(const bench_folder&) = delete;
  bench_folder& operator=(const bench_folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

template <class T> T must(model::result<T> result) {
  if (!result)
    throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>)
    return std::move(*result);
}

std::unique_ptr<store::sqlite_store> open_store(const bench_folder& folder) {
  store::sqlite_options options;
  options.path = folder.path() / "store.db";
  options.version = "bench";
  if (const char* pages = std::getenv("BERTH_BENCH_CHECKPOINT_PAGES"))
    options.checkpoint_pages = std::atoi(pages);
  return must(store::sqlite_store::open(options));
}

std::vector<model::log_record> created(model::random& dice, model::sequence_number first,
                                       std::size_t count) {
  std::vector<model::log_record> records;
  for (std::size_t i = 0; i < count; ++i)
    records.push_back(
        {first + i, {}, model::server_created{proto_test::plausible_server(dice, first + i)}});
  return records;
}

void report_percentiles(benchmark::State& state, std::vector<double>& micros) {
  std::sort(micros.begin(), micros.end());
  const auto at = [&](double share) {
    return micros[std::min(micros.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(micros.size())))];
  };
  state.counters["p50_us"] = at(0.5);
  state.counters["p99_us"] = at(0.99);
  state.counters["worst_us"] = micros.back();
}

void EncodeServerCreated(benchmark::State& state) {
  model::random dice{1};
  const auto records = created(dice, 1, 1000);
  std::string batch;
  for (auto _ : state) {
    batch.clear();
    for (const auto& record : records)
      proto::append_to_batch(record, batch);
    benchmark::DoNotOptimize(batch.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * records.size()));
  state.counters["bytes_per_record"] =
      static_cast<double>(batch.size()) / static_cast<double>(records.size());
}
BENCHMARK(EncodeServerCreated);

void DecodeServerCreated(benchmark::State& state) {
  model::random dice{1};
  std::string batch;
  for (const auto& record : created(dice, 1, 1000))
    proto::append_to_batch(record, batch);
  for (auto _ : state)
    must(proto::decode_batch(batch, [](model::log_record&& record) {
      benchmark::DoNotOptimize(record);
      return true;
    }));
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * 1000));
}
BENCHMARK(DecodeServerCreated);

void Append(benchmark::State& state) {
  const bench_folder folder;
  const auto store = open_store(folder);
  model::random dice{1};
  const auto size = static_cast<std::size_t>(state.range(0));
  auto batch = created(dice, 1, size);
  std::vector<double> micros;
  for (auto _ : state) {
    const auto began = clock_type::now();
    must(store->append(batch));
    micros.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - began).count());
    for (model::log_record& record : batch)
      record.sequence += size;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * size));
  report_percentiles(state, micros);
}
BENCHMARK(Append)->Arg(1)->Arg(64)->Arg(1000)->UseRealTime()->MinTime(3);

// Appends while a snapshot of `range` servers is written between them, chunk by chunk.
void AppendDuringSnapshot(benchmark::State& state) {
  const bench_folder folder;
  const auto store = open_store(folder);
  model::random dice{1};
  auto batch = created(dice, 1, 64);
  const std::string chunk(std::size_t{256} * 1024, 'x');
  must(store->append(batch));
  auto writer = must(store->begin_snapshot(64));
  int chunks = 0;
  bool tidying = false;
  std::vector<double> micros;
  for (auto _ : state) {
    for (model::log_record& record : batch)
      record.sequence += batch.size();
    const auto began = clock_type::now();
    if (tidying) {
      tidying = must(store->tidy());
      if (!tidying)
        writer = must(store->begin_snapshot(store->last_sequence()));
    } else if (++chunks % 200 != 0) {
      must(writer->add(chunk));
    } else {
      must(writer->commit());
      tidying = true;
    }
    must(store->append(batch));
    micros.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - began).count());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * batch.size()));
  report_percentiles(state, micros);
}
BENCHMARK(AppendDuringSnapshot)->UseRealTime()->MinTime(3);

void LoadSnapshot(benchmark::State& state) {
  const bench_folder folder;
  const auto store = open_store(folder);
  model::random dice{1};
  must(store->append(created(dice, 1, 1)));
  std::int64_t left = state.range(0);
  must(store->write_snapshot(1, [&] {
    std::string chunk;
    for (; left > 0 && chunk.size() < std::size_t{256} * 1024; --left)
      proto::append_to_chunk(
          model::snapshot_server{
              proto_test::plausible_server(dice, static_cast<std::uint64_t>(left)), 1},
          chunk);
    return chunk;
  }));
  for (auto _ : state) {
    std::vector<model::server_record> servers;
    servers.reserve(static_cast<std::size_t>(state.range(0)));
    must(store->load_snapshot([&](const store::snapshot_chunk& chunk) {
      return proto::decode_chunk(chunk, [&](model::snapshot_item&& item) -> model::result<void> {
        servers.push_back(std::move(std::get<model::snapshot_server>(item).server));
        return {};
      });
    }));
    if (servers.size() != static_cast<std::size_t>(state.range(0)))
      throw std::runtime_error("servers are missing from the snapshot");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(LoadSnapshot)
    ->Arg(1'000'000)
    ->UseRealTime()
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

} // namespace
