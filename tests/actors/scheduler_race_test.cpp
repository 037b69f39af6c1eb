#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include "actors/cluster_actor.hpp"
#include "actors/live_cluster_port.hpp"
#include "actors/scheduler_actor.hpp"
#include "actors/store_writer.hpp"
#include "sim/kernel.hpp"
#include "store/memory_store.hpp"

// Four scheduler actors plan for one cluster, each on its own replica, while requests for nearly
// all devices come and go. Whatever they plan at the same time, the log never gives a device twice.

namespace berth::actors {
namespace {

constexpr int hosts = 4;
constexpr int gpus = 8;
constexpr std::int64_t cpus = 64;

/// Keeps the log where the test can look at it. One writer; read after the end.
class shared_log final : public store::event_store {
public:
  explicit shared_log(std::vector<model::log_record>& records) : records_(records) {}
  model::sequence_number last_sequence() const override { return records_.size(); }
  model::sequence_number first_sequence() const override { return 1; }
  model::result<void> read(model::sequence_number,
                           const std::function<bool(const model::log_record&)>&) const override {
    return {};
  }
  model::result<model::sequence_number> load_snapshot(
      const std::function<model::result<void>(const store::snapshot_chunk&)>&) const override {
    return 0;
  }
  model::result<void> append(std::span<const model::log_record> batch) override {
    records_.insert(records_.end(), batch.begin(), batch.end());
    return {};
  }
  model::result<std::unique_ptr<store::snapshot_writer>>
  begin_snapshot(model::sequence_number) override {
    return model::fail(model::errc::internal, "not here");
  }
  model::result<bool> tidy() override { return false; }

private:
  std::vector<model::log_record>& records_;
};

/// A host that does at once what it is told. Called on the cluster's thread only.
class obedient_host final : public link_outlet {
public:
  obedient_host(std::shared_ptr<cluster_door> door, control::link_id link, model::host_info info)
      : door_(std::move(door)), link_(link), info_(std::move(info)) {}

  void welcome(model::link_welcome) override {}
  void close(model::failure) override {}
  void tell(model::to_host message) override {
    const auto* wanted = std::get_if<model::desired_state>(&message);
    if (wanted == nullptr)
      return;
    auto seen = report();
    seen.generation = wanted->generation;
    for (const auto& each : wanted->devices)
      seen.devices.push_back(
          {each.id, each.owner ? model::device_state::reserved : model::device_state::free, "",
           each.epoch, "reset=flr"});
    for (const auto& each : wanted->servers)
      seen.servers.push_back({each.id, model::server_status::ready, ""});
    say(std::move(seen));
  }
  void begin() {
    auto seen = report();
    for (const auto& each : info_.devices)
      seen.devices.push_back({each.id, model::device_state::free, "", 0, "reset=flr"});
    say(std::move(seen));
  }

private:
  model::observed_state report() {
    model::observed_state made;
    made.report = ++reports_;
    made.full = true;
    return made;
  }
  void say(model::observed_state seen) {
    door_->push({control::host_said{link_, std::move(seen), {}}, {}, nullptr, {}});
  }

  std::shared_ptr<cluster_door> door_;
  control::link_id link_;
  model::host_info info_;
  std::uint64_t reports_ = 0;
};

model::host_info host_number(int number) {
  model::host_info info;
  info.name = "gpu-" + std::to_string(number);
  info.id = {model::uuid::derive({}, info.name)};
  info.capacity = {cpus, 512 * 1024, 1024 * 1024};
  for (int i = 0; i < gpus; ++i) {
    model::device_info device;
    device.id = {model::uuid::derive(info.id.value, std::to_string(i))};
    device.address = {0, static_cast<std::uint8_t>(16 + i), 0, 0};
    device.model = "A100";
    info.devices.push_back(device);
  }
  return info;
}

/// Counts what shows that the schedulers really got in each other's way.
struct race_observer final : cluster_observer {
  void noted(const control::note& what) override {
    conflicts += what.kind == control::note_kind::placement_conflict ? 1 : 0;
  }
  void settled(const control::placement_settled& what) override {
    attempts_most = std::max(attempts_most, what.attempts);
    ++decided;
  }
  std::int64_t conflicts = 0;
  std::int64_t decided = 0;
  std::int32_t attempts_most = 0;
};

/// The race: requests in flight until enough were answered; whoever gets a place gives it back.
/// The handlers run on a thread of the system.
class race {
public:
  race(caf::actor_system& system, std::function<model::timestamp()> clock, bool detached,
       std::uint64_t seed)
      : dice_(seed) {
    cluster_parts parts;
    parts.config.plan_timeout = std::chrono::minutes{1};
    parts.config.desired_spacing_per_server = {};
    parts.dice = dice_.split();
    parts.clock = std::move(clock);
    parts.door = door_;
    parts.feed = std::make_shared<event_feed>(1000);
    parts.ready = std::make_shared<std::atomic<bool>>(false);
    parts.observer = observer_;
    store_writer_options writing;
    writing.detached = detached;
    parts.writer = spawn_store_writer(system, std::make_unique<shared_log>(log_), writing);
    max_attempts_ = parts.config.plan_attempts_max;
    for (int i = 0; i < 4; ++i)
      parts.schedulers.push_back(spawn_scheduler(system, {}));
    port_ = std::make_unique<live_cluster_port>(
        live_cluster_port::parts{door_, parts.feed, nullptr, parts.ready}, port_limits{});
    cluster_ = spawn_cluster(system, std::move(parts), control::cluster_state{});
    for (int i = 0; i < hosts; ++i) {
      const auto info = host_number(i);
      const auto link = door_->next_link();
      const auto host = std::make_shared<obedient_host>(door_, link, info);
      door_->push({control::link_opened{link, {info.id.value}, info}, {}, host, {}});
      host->begin();
    }
  }

  /// Sends the first requests; each answer sends the next.
  void start(int total, int window) {
    const std::lock_guard hold{mutex_};
    left_ = total;
    for (int i = 0; i < window; ++i)
      next();
  }
  [[nodiscard]] bool is_over() {
    const std::lock_guard hold{mutex_};
    return left_ == 0 && in_flight_ == 0;
  }
  void wait_until_over() {
    std::unique_lock hold{mutex_};
    over_.wait(hold, [this] { return left_ == 0 && in_flight_ == 0; });
  }
  void stop() {
    caf::anon_send_exit(cluster_, caf::exit_reason::kill);
    cluster_ = nullptr;
  }

  /// After the end of the system: nobody writes any more.
  void check() {
    std::map<model::device_id, model::server_id> owners;
    std::map<model::server_id, std::set<model::device_id>> held;
    std::map<model::server_id, std::pair<model::host_id, std::int64_t>> placed;
    int gifts = 0;
    const auto give = [&](model::server_id server, model::host_id host, std::int64_t vcpus,
                          const std::vector<model::attachment>& attachments) {
      for (const auto& each : attachments) {
        EXPECT_TRUE(owners.emplace(each.device, server).second)
            << "device " << to_string(each.device) << " was given twice";
        held[server].insert(each.device);
        ++gifts;
      }
      placed[server] = {host, vcpus};
      std::int64_t used = 0;
      for (const auto& [id, where] : placed)
        used += where.first == host ? where.second : 0;
      EXPECT_LE(used, cpus) << "CPUs were given twice";
    };
    std::map<model::server_id, std::int64_t> waiting;
    for (const auto& record : log_) {
      if (const auto* made = std::get_if<model::server_created>(&record.what)) {
        if (made->server.host)
          give(made->server.id, *made->server.host, made->server.spec->vcpus,
               made->server.attachments);
        else
          waiting[made->server.id] = made->server.spec->vcpus;
      } else if (const auto* got = std::get_if<model::server_placed>(&record.what)) {
        give(got->server, got->host, waiting.at(got->server), got->attachments);
      } else if (const auto* asked = std::get_if<model::server_delete_requested>(&record.what)) {
        for (const auto& each : held[asked->server])
          owners.erase(each);
        held.erase(asked->server);
      } else if (const auto* gone = std::get_if<model::server_removed>(&record.what)) {
        placed.erase(gone->server);
      }
    }
    EXPECT_GT(gifts, 100);
    EXPECT_GT(observer_->conflicts, 0) << "the schedulers never got in each other's way";
    EXPECT_LE(observer_->attempts_most, max_attempts_);
    EXPECT_TRUE(owners.empty()) << "every server was deleted";
    EXPECT_EQ(unexpected_, 0);
  }
  [[nodiscard]] std::int64_t conflicts() const { return observer_->conflicts; }
  [[nodiscard]] int refused() const { return refused_; }

private:
  // With the lock held.
  void next() {
    if (left_ == 0)
      return;
    --left_;
    ++in_flight_;
    model::server_spec spec;
    spec.name = "s" + std::to_string(left_);
    spec.vcpus = 1 + static_cast<std::int64_t>(dice_.below(12));
    model::device_request wish;
    wish.count = 1 << dice_.below(3);
    wish.alternatives.push_back({});
    spec.devices.push_back(wish);
    if (dice_.chance(0.2))
      spec.wait_for_capacity = std::chrono::hours{1};
    port_->command(model::create_servers{{spec}, false},
                   [this, name = spec.name](const model::result<model::reply>& given) {
                     created(name, given);
                   });
  }

  void created(const std::string& name, const model::result<model::reply>& given) {
    const std::lock_guard hold{mutex_};
    if (!given)
      return ended(1);
    const auto& made = std::get<model::servers_created>(*given).servers.front();
    if (!made) {
      ++refused_;
      return ended(made.error().code == model::errc::does_not_fit ||
                           made.error().code == model::errc::busy
                       ? 0
                       : 1);
    }
    port_->command(model::act_on_server{name, model::server_action::remove},
                   [this](const model::result<model::reply>& gone) {
                     const std::lock_guard again{mutex_};
                     ended(gone ? 0 : 1);
                   });
  }
  void ended(int unexpected) {
    unexpected_ += unexpected;
    --in_flight_;
    next();
    if (left_ == 0 && in_flight_ == 0)
      over_.notify_all();
  }

  std::vector<model::log_record> log_;
  std::shared_ptr<race_observer> observer_ = std::make_shared<race_observer>();
  std::shared_ptr<cluster_door> door_ = std::make_shared<cluster_door>();
  std::unique_ptr<live_cluster_port> port_;
  cluster_actor cluster_;
  std::int32_t max_attempts_ = 0;
  std::recursive_mutex mutex_;
  std::condition_variable_any over_;
  model::random dice_;
  int left_ = 0;
  int in_flight_ = 0;
  int refused_ = 0;
  int unexpected_ = 0;
};

TEST(SchedulerRace, FourSchedulersNeverGiveADeviceTwice) {
  std::int64_t conflicts = 0;
  for (std::uint64_t seed = 1; seed <= 8 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    sim::kernel time{{seed, true}};
    race all{time.system(), time.clock(), false, seed};
    time.run_for(std::chrono::seconds{1});
    all.start(400, 32);
    EXPECT_TRUE(time.run_until([&] { return all.is_over(); }, std::chrono::hours{1}));
    time.run_for(std::chrono::minutes{1});
    all.stop();
    time.run_for(std::chrono::seconds{1});
    all.check();
    conflicts += all.conflicts();
  }
  EXPECT_GT(conflicts, 50);
}

TEST(SchedulerRace, NeitherOnRealThreads) {
  struct config : caf::actor_system_config {
    config() {
      add_message_types<caf::id_block::berth>();
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", std::size_t{6});
      set("logger.file-verbosity", caf::atom("quiet"));
      set("logger.console-verbosity", caf::atom("quiet"));
    }
  };
  config how;
  std::unique_ptr<race> all;
  {
    caf::actor_system system{how};
    const auto clock = [] {
      return std::chrono::time_point_cast<model::duration>(std::chrono::system_clock::now());
    };
    all = std::make_unique<race>(system, clock, true, 1);
    all->start(2000, 64);
    all->wait_until_over();
    all->stop();
  }
  all->check();
}

} // namespace
} // namespace berth::actors
