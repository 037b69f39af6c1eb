#include <atomic>
#include <map>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include "actors/cluster_actor.hpp"
#include "actors/live_cluster_port.hpp"
#include "actors/load_cluster.hpp"
#include "actors/scheduler_actor.hpp"
#include "actors/store_writer.hpp"
#include "sim/kernel.hpp"
#include "store/memory_store.hpp"

namespace berth::actors {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// The test's store, lent to the writer: the test looks into it and makes it fail.
class lent_store final : public store::event_store {
public:
  explicit lent_store(store::memory_store& log) : log_(log) {}
  model::sequence_number last_sequence() const override { return log_.last_sequence(); }
  model::sequence_number first_sequence() const override { return log_.first_sequence(); }
  model::result<void>
  read(model::sequence_number from,
       const std::function<bool(const model::log_record&)>& visit) const override {
    return log_.read(from, visit);
  }
  model::result<model::sequence_number>
  load_snapshot(const std::function<model::result<void>(const store::snapshot_chunk&)>& visit)
      const override {
    return log_.load_snapshot(visit);
  }
  model::result<void> append(std::span<const model::log_record> batch) override {
    return log_.append(batch);
  }
  model::result<std::unique_ptr<store::snapshot_writer>>
  begin_snapshot(model::sequence_number at) override {
    return log_.begin_snapshot(at);
  }
  model::result<bool> tidy() override { return log_.tidy(); }

private:
  store::memory_store& log_;
};

class ClusterActorTest : public ::testing::Test {
protected:
  void start(port_limits limits = {}, std::uint64_t snapshot_events = 0) {
    auto& system = time_.system();
    store_writer_options writing;
    writing.detached = false;
    writing.snapshot_events = snapshot_events;
    writing.reader = [this]() -> model::result<std::unique_ptr<store::event_reader>> {
      return std::make_unique<lent_store>(log_);
    };
    writing.on_snapshot = [this](model::sequence_number, const model::result<void>& outcome) {
      ++(outcome ? snapshots_ : failed_snapshots_);
    };
    cluster_parts parts;
    parts.clock = time_.clock();
    parts.door = door_;
    parts.feed = std::make_shared<event_feed>(1000);
    parts.ready = std::make_shared<std::atomic<bool>>(false);
    parts.writer = spawn_store_writer(system, std::make_unique<lent_store>(log_), writing);
    parts.schedulers = {spawn_scheduler(system, {})};
    parts.batch_events_max = 64; // so that some tests need several appends
    port_ = std::make_unique<live_cluster_port>(
        live_cluster_port::parts{parts.door, parts.feed, nullptr, parts.ready}, limits);
    cluster_ = spawn_cluster(system, parts, load_cluster(log_).value());
    ASSERT_TRUE(time_.run_until([this] { return port_->ready(); }, minutes{1}));
  }
  void TearDown() override {
    if (cluster_)
      caf::anon_send_exit(cluster_, caf::exit_reason::kill);
    cluster_ = nullptr;
  }

  /// Asks for a server that fits nowhere and is kept; counts how it was answered.
  void create(const std::string& name) {
    model::server_spec spec;
    spec.name = name;
    port_->command(model::create_servers{{spec}, true}, [this](model::result<model::reply> given) {
      if (!given) {
        ++failed_[given.error().code];
        return;
      }
      const auto& one = std::get<model::servers_created>(*given).servers.at(0);
      ++(one ? created_ : failed_[one.error().code]);
    });
  }
  [[nodiscard]] std::int64_t servers() {
    std::int64_t found = -1;
    port_->query(model::list_servers{}, [&](const model::result<model::answer>& given) {
      if (given)
        found = std::get<model::rows<model::server_row>>(*given).total;
    });
    time_.run_for(seconds{1});
    return found;
  }

  store::memory_store log_;
  sim::kernel time_{{7, true}};
  std::shared_ptr<cluster_door> door_ = std::make_shared<cluster_door>();
  std::unique_ptr<live_cluster_port> port_;
  cluster_actor cluster_;
  int created_ = 0;
  std::map<model::errc, int> failed_;
  int snapshots_ = 0;
  int failed_snapshots_ = 0;
};

TEST_F(ClusterActorTest, AFloodIsShedAtTheDoorAndNothingAcceptedIsLost) {
  port_limits limits;
  limits.commands_max = 100;
  start(limits);
  for (int i = 0; i < 10'000; ++i) {
    create("s" + std::to_string(i));
    EXPECT_LE(door_->waiting(), 100U);
  }
  EXPECT_EQ(failed_[model::errc::busy], 9'900); // answered at once, none of it queued
  time_.run_for(minutes{1});
  EXPECT_EQ(created_, 100);
  EXPECT_EQ(servers(), 100);
  EXPECT_EQ(port_->commands().in_use(), 0);
  create("after");
  time_.run_for(seconds{1});
  EXPECT_EQ(created_, 101);
}

TEST_F(ClusterActorTest, RequestsThatGatherShareOneCommit) {
  start();
  const auto before = log_.last_sequence();
  for (int i = 0; i < 500; ++i)
    create("s" + std::to_string(i));
  time_.run_for(seconds{1});
  EXPECT_EQ(created_, 500);
  EXPECT_EQ(log_.last_sequence() - before, 500U);
}

TEST_F(ClusterActorTest, AFullStoreFailsTheRequestsAndWorksAgainWhenThereIsRoom) {
  start();
  create("first");
  time_.run_for(seconds{1});
  ASSERT_EQ(created_, 1);
  log_.set_capacity(log_.last_sequence());
  create("second");
  time_.run_for(seconds{1});
  EXPECT_EQ(failed_[model::errc::store_full], 1);
  EXPECT_EQ(servers(), 1) << "what was refused must leave nothing";
  log_.set_capacity(1'000'000);
  time_.run_for(seconds{10});
  create("second");
  time_.run_for(seconds{1});
  EXPECT_EQ(created_, 2);
  EXPECT_EQ(servers(), 2);
  const auto reloaded = load_cluster(log_);
  ASSERT_TRUE(reloaded);
  EXPECT_EQ(reloaded->servers().size(), 2U);
}

TEST_F(ClusterActorTest, SnapshotsAreMadeBesideTheWorkAndLoadToTheSameState) {
  start({}, 100);
  for (int i = 0; i < 350; ++i) {
    create("s" + std::to_string(i));
    time_.run_for(seconds{1});
  }
  EXPECT_EQ(created_, 350);
  EXPECT_GE(snapshots_, 3);
  EXPECT_EQ(failed_snapshots_, 0);
  EXPECT_GT(log_.first_sequence(), 100U) << "what a snapshot holds is dropped from the log";
  const auto reloaded = load_cluster(log_);
  ASSERT_TRUE(reloaded) << reloaded.error().message;
  EXPECT_EQ(reloaded->servers().size(), 350U);
  EXPECT_EQ(reloaded->audit(), std::nullopt);
}

TEST_F(ClusterActorTest, EveryEventReachesTheFeedOnce) {
  start();
  int woken = 0;
  const auto listening = port_->on_new_events([&] { ++woken; });
  create("one");
  time_.run_for(seconds{1});
  std::vector<model::log_record> seen;
  port_->events(2, 100, [&](const model::result<std::vector<model::log_record>>& given) {
    seen = given.value();
  });
  ASSERT_FALSE(seen.empty());
  EXPECT_GT(woken, 0);
  for (std::size_t i = 0; i < seen.size(); ++i)
    EXPECT_EQ(seen[i].sequence, 2 + i);
  EXPECT_EQ(seen.back().sequence, log_.last_sequence());
}

} // namespace
} // namespace berth::actors
