// Request -> decision -> reply through the API's port, the cluster and the scheduler actors, with a
// store that forgets: what the actors cost without network and disk.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include <benchmark/benchmark.h>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include "actors/cluster_actor.hpp"
#include "actors/live_cluster_port.hpp"
#include "actors/scheduler_actor.hpp"
#include "actors/store_writer.hpp"
#include "apps/actor_config.hpp"
#include "hostbackend/simulated/machine.hpp"

namespace {

using namespace berth;
namespace simulated = hostbackend::simulated;

constexpr int servers_per_iteration = 50'000;
constexpr int iterations = 3;
constexpr std::int64_t servers_in_all = std::int64_t{servers_per_iteration} * iterations;

class forgetful_store final : public store::event_store {
public:
  model::sequence_number last_sequence() const override { return last_; }
  model::sequence_number first_sequence() const override { return last_ + 1; }
  model::result<void> read(model::sequence_number,
                           const std::function<bool(const model::log_record&)>&) const override {
    return {};
  }
  model::result<model::sequence_number> load_snapshot(
      const std::function<model::result<void>(const store::snapshot_chunk&)>&) const override {
    return 0;
  }
  model::result<void> append(std::span<const model::log_record> batch) override {
    last_ += batch.size();
    return {};
  }
  model::result<std::unique_ptr<store::snapshot_writer>>
  begin_snapshot(model::sequence_number) override {
    return model::fail(model::errc::internal, "not here");
  }
  model::result<bool> tidy() override { return false; }

private:
  model::sequence_number last_ = 0;
};

class deaf_outlet final : public actors::link_outlet {
public:
  void welcome(model::link_welcome) override {}
  void tell(model::to_host) override {}
  void close(model::failure) override {}
};

/// A controller's actors with so many hosts of 8 GPUs, all of them free.
class live_cluster {
public:
  explicit live_cluster(int hosts) {
    actors::cluster_parts parts;
    parts.config.lease = std::chrono::hours{24};
    parts.clock = [] {
      return std::chrono::time_point_cast<model::duration>(std::chrono::system_clock::now());
    };
    parts.door = door_;
    parts.feed = std::make_shared<actors::event_feed>(10'000);
    parts.ready = std::make_shared<std::atomic<bool>>(false);
    parts.writer = actors::spawn_store_writer(system_, std::make_unique<forgetful_store>());
    parts.schedulers = {actors::spawn_scheduler(system_, {})};
    port_ = std::make_unique<actors::live_cluster_port>(
        actors::live_cluster_port::parts{parts.door, parts.feed, nullptr, parts.ready},
        actors::port_limits{});
    cluster_ = actors::spawn_cluster(system_, std::move(parts), control::cluster_state{});
    add_hosts(hosts);
    while (free_devices() < hosts * 8)
      benchmark::ClobberMemory();
  }
  ~live_cluster() { caf::anon_send_exit(cluster_, caf::exit_reason::kill); }

  api::cluster_port& port() { return *port_; }

private:
  void add_hosts(int count) {
    const auto kind = simulated::generic_machine(8, "H100 SXM5 80GB");
    for (int i = 0; i < count; ++i) {
      auto host = simulated::make_host("node-" + std::to_string(i), *kind);
      // Room for its share of all servers (1 CPU and 1 GiB each) beside what its GPUs reserve:
      // hosts fill up one after another, as they do in life.
      const std::int64_t room = servers_in_all / count + 1;
      const auto& kept = model::default_gpu_reserve;
      host.capacity = {room + 8 * kept.cpus, room * 1024 + 8 * kept.memory_mib, 1LL << 40};
      const auto info = simulated::describe(host, "bench");
      const auto link = door_->next_link();
      const model::incarnation_id life{model::uuid::from_random(1, static_cast<std::uint64_t>(i))};
      door_->push(
          {control::link_opened{link, life, info}, {}, std::make_shared<deaf_outlet>(), {}});
      model::observed_state seen;
      seen.report = 1;
      seen.full = true;
      for (const auto& device : info.devices)
        seen.devices.push_back({device.id, model::device_state::free, {}, 0, "bench"});
      door_->push({control::host_said{link, std::move(seen), {}}, {}, nullptr, {}});
    }
  }
  std::int64_t free_devices() {
    std::promise<std::int64_t> found;
    auto answer = found.get_future();
    port_->query(model::get_usage{}, [to = std::make_shared<std::promise<std::int64_t>>(std::move(
                                          found))](const model::result<model::answer>& given) {
      to->set_value(given ? std::get<model::usage>(*given).devices_free : 0);
    });
    return answer.get();
  }

  apps::actor_config config_{2};
  caf::actor_system system_{config_};
  std::shared_ptr<actors::cluster_door> door_ = std::make_shared<actors::cluster_door>();
  std::unique_ptr<actors::live_cluster_port> port_;
  actors::cluster_actor cluster_;
};

/// Keeps `window` requests of `batch` servers in flight until `total` servers were answered.
class closed_loop : public std::enable_shared_from_this<closed_loop> {
public:
  using clock = std::chrono::steady_clock;

  closed_loop(api::cluster_port& port, int batch, int total)
      : port_(port), batch_(batch), requests_(total / batch), outstanding_(total / batch) {
    round_trips_.reserve(static_cast<std::size_t>(requests_));
  }
  void start(int window) {
    for (int i = 0; i < window; ++i)
      next();
  }
  void wait() {
    std::unique_lock hold{mutex_};
    done_.wait(hold, [this] { return outstanding_ == 0; });
  }
  [[nodiscard]] int failed() const { return failed_; }
  /// From the request to its reply, of every request.
  [[nodiscard]] const std::vector<clock::duration>& round_trips() const { return round_trips_; }

private:
  /// Every server of the request was placed.
  static bool succeeded(const model::result<model::reply>& given) {
    if (!given)
      return false;
    const auto& each = std::get<model::servers_created>(*given).servers;
    return std::ranges::all_of(each, [](const auto& server) {
      return server && server->status != model::server_status::sched_fail;
    });
  }
  void next() {
    if (sent_.fetch_add(1) >= requests_)
      return;
    static std::atomic<std::uint64_t> names{0};
    model::create_servers what;
    for (int i = 0; i < batch_; ++i) {
      auto& spec = what.specs.emplace_back();
      spec.name = "s" + std::to_string(names++);
    }
    const auto sent = clock::now();
    port_.command(std::move(what),
                  [self = shared_from_this(), sent](const model::result<model::reply>& given) {
                    const auto took = clock::now() - sent;
                    if (!succeeded(given))
                      ++self->failed_;
                    self->next();
                    const std::lock_guard hold{self->mutex_};
                    self->round_trips_.push_back(took);
                    if (--self->outstanding_ == 0)
                      self->done_.notify_one();
                  });
  }

  api::cluster_port& port_;
  const int batch_;
  const int requests_;
  std::atomic<int> sent_{0};
  std::atomic<int> failed_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  int outstanding_;
  std::vector<clock::duration> round_trips_;
};

/// Milliseconds at this part of the sorted round trips.
double quantile(const std::vector<closed_loop::clock::duration>& sorted, double part) {
  const auto at = static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1));
  return std::chrono::duration<double, std::milli>(sorted[at]).count();
}

void create_servers(benchmark::State& state) {
  live_cluster cluster{static_cast<int>(
      state.range(2))}; // not static: CAF 0.17.6 ends badly after the end of main()
  const auto window = static_cast<int>(state.range(0));
  const auto batch = static_cast<int>(state.range(1));
  constexpr int total = servers_per_iteration;
  int failed = 0;
  std::vector<closed_loop::clock::duration> round_trips;
  for (auto unused : state) {
    const auto loop = std::make_shared<closed_loop>(cluster.port(), batch, total);
    loop->start(window);
    loop->wait();
    failed += loop->failed();
    round_trips.insert(round_trips.end(), loop->round_trips().begin(), loop->round_trips().end());
  }
  std::ranges::sort(round_trips);
  state.counters["p50_ms"] = quantile(round_trips, 0.5);
  state.counters["p99_ms"] = quantile(round_trips, 0.99);
  state.SetItemsProcessed(state.iterations() * total);
  state.counters["failed"] = failed;
}

// Few hosts show the actors' own cost; with 1,000 equal ones the scheduler's search comes on top.
BENCHMARK(create_servers)
    ->ArgNames({"window", "batch", "hosts"})
    ->Args({1, 1, 64})
    ->Args({64, 1, 64})
    ->Args({1024, 1, 64})
    ->Args({8, 1000, 64})
    ->Args({64, 1, 1000})
    ->Args({8, 1000, 1000})
    ->Iterations(iterations)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

} // namespace
