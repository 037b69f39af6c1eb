#include "sim/world.hpp"

#include <atomic>
#include <deque>
#include <stdexcept>
#include <utility>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include "actors/cluster_actor.hpp"
#include "actors/host_actor.hpp"
#include "actors/host_link_actor.hpp"
#include "actors/live_cluster_port.hpp"
#include "actors/load_cluster.hpp"
#include "actors/ownership_writer.hpp"
#include "actors/scheduler_actor.hpp"
#include "actors/store_writer.hpp"

namespace berth::sim {

namespace {

/// A store of the world's, lent to one life of a controller; its appends may fail.
class lent_store final : public store::event_store {
public:
  lent_store(store::memory_store& log, std::shared_ptr<double> failure, model::random dice)
      : log_(log), failure_(std::move(failure)), dice_(dice) {}

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
    if (dice_.chance(*failure_))
      return model::fail(model::errc::store_full, "the simulated disk is full");
    return log_.append(batch);
  }
  model::result<std::unique_ptr<store::snapshot_writer>>
  begin_snapshot(model::sequence_number at) override {
    return log_.begin_snapshot(at);
  }
  model::result<bool> tidy() override { return log_.tidy(); }

private:
  store::memory_store& log_;
  std::shared_ptr<double> failure_;
  model::random dice_;
};

/// What an agent's disk holds, over all its lives.
class agent_disk final : public actors::ownership_store {
public:
  agent_disk(actors::kept_ownerships& kept, std::shared_ptr<double> failure, model::random dice)
      : kept_(kept), failure_(std::move(failure)), dice_(dice) {}
  model::result<void> append(std::span<const actors::kept_ownership> batch) override {
    if (dice_.chance(*failure_))
      return model::fail(model::errc::store_full, "the simulated disk is full");
    for (const auto& each : batch)
      kept_[each.device] = each.what;
    return {};
  }

private:
  actors::kept_ownerships& kept_;
  std::shared_ptr<double> failure_;
  model::random dice_;
};

/// Ends an actor before it handles anything that waits in its mailbox.
template <class Handle> void kill(Handle& actor) {
  if (!actor)
    return;
  caf::anon_send<caf::message_priority::high>(
      caf::actor_cast<caf::actor>(actor), caf::exit_msg{actor.address(), caf::exit_reason::kill});
  actor = nullptr;
}

} // namespace

struct world::impl {
  /// One machine: what survives its agent, and the agent.
  struct host {
    std::shared_ptr<hostbackend::simulated::simulated_backend> machine;
    std::shared_ptr<hostbackend::host_backend> watched;
    actors::kept_ownerships disk;
    std::shared_ptr<actors::ownership_keeper> keeper;
    actors::host_actor agent;
  };
  /// One life of the controller.
  struct controller {
    std::shared_ptr<actors::cluster_door> door = std::make_shared<actors::cluster_door>();
    std::shared_ptr<actors::event_feed> feed = std::make_shared<actors::event_feed>(10'000);
    std::shared_ptr<std::atomic<bool>> ready = std::make_shared<std::atomic<bool>>(false);
    actors::store_writer_actor writer;
    std::vector<actors::scheduler_actor> schedulers;
    actors::cluster_actor cluster;
    std::shared_ptr<actors::link_door> links;
    std::unique_ptr<actors::live_cluster_port> port;
  };

  explicit impl(world_options how)
      : options(std::move(how)), time({options.seed, true}),
        network(time, time.dice(1), options.network),
        store_failure(std::make_shared<double>(options.store_failure)),
        disk_failure(std::make_shared<double>(options.disk_failure)), dice(time.dice(2)) {
    auto settings =
        std::make_shared<const hostbackend::simulated::simulated_settings>(options.machines);
    for (const auto& each : options.hosts) {
      auto& made = hosts.emplace_back();
      made.machine = std::make_shared<hostbackend::simulated::simulated_backend>(
          each, settings, time.timers(), dice.split());
      made.watched = auditor.watch(each.name, made.machine);
    }
  }

  world_options options;
  kernel time;
  faulty_network network;
  fleet_auditor auditor;
  store::memory_store log;
  std::shared_ptr<double> store_failure;
  std::shared_ptr<double> disk_failure;
  model::random dice;
  std::deque<host> hosts;
  std::optional<controller> live;
};

world::world(world_options options) : impl_(std::make_unique<impl>(std::move(options))) {}

world::~world() {
  if (controller_runs())
    crash_controller();
  for (std::size_t i = 0; i < hosts(); ++i)
    crash_agent(i);
}

kernel& world::time() {
  return impl_->time;
}
faulty_network& world::network() {
  return impl_->network;
}
fleet_auditor& world::auditor() {
  return impl_->auditor;
}
store::memory_store& world::log() {
  return impl_->log;
}
hostbackend::simulated::simulated_backend& world::machine(std::size_t host) {
  return *impl_->hosts[host].machine;
}
std::size_t world::hosts() const {
  return impl_->hosts.size();
}
const std::string& world::host_name(std::size_t host) const {
  return impl_->options.hosts[host].name;
}

void world::start_controller() {
  auto& all = *impl_;
  auto& system = all.time.system();
  auto& life = all.live.emplace();
  auto loaded = actors::load_cluster(all.log);
  if (!loaded)
    throw std::runtime_error{loaded.error().message}; // a defect: the memory store is never damaged
  actors::store_writer_options writing;
  writing.detached = false;
  writing.snapshot_events = all.options.snapshot_events;
  writing.reader = [&all]() -> model::result<std::unique_ptr<store::event_store>> {
    return std::make_unique<lent_store>(all.log, std::make_shared<double>(0), model::random{0});
  };
  life.writer = actors::spawn_store_writer(
      system, std::make_unique<lent_store>(all.log, all.store_failure, all.dice.split()),
      std::move(writing));
  for (std::size_t i = 0; i < all.options.schedulers; ++i)
    life.schedulers.push_back(actors::spawn_scheduler(system, all.options.cluster.scheduling));
  actors::cluster_parts parts;
  parts.config = all.options.cluster;
  parts.dice = all.dice.split();
  parts.clock = all.time.clock();
  parts.door = life.door;
  parts.feed = life.feed;
  parts.ready = life.ready;
  parts.writer = life.writer;
  parts.schedulers = life.schedulers;
  life.cluster = actors::spawn_cluster(system, std::move(parts), std::move(*loaded));
  actors::host_link_parts links;
  links.door = life.door;
  links.clock = all.time.clock();
  links.link.lease = all.options.cluster.lease;
  life.links = actors::make_link_door(system, std::move(links));
  life.port = std::make_unique<actors::live_cluster_port>(
      actors::live_cluster_port::parts{life.door, life.feed, nullptr, life.ready},
      actors::port_limits{});
  all.network.attach(life.links.get());
}

void world::crash_controller() {
  auto& all = *impl_;
  all.network.attach(nullptr); // its links break; their actors end by that
  kill(all.live->cluster);     // and with it all that is linked to it
  kill(all.live->writer);
  for (auto& each : all.live->schedulers)
    kill(each);
  all.live.reset();
}

bool world::controller_runs() const {
  return impl_->live.has_value();
}

void world::start_agent(std::size_t which) {
  auto& all = *impl_;
  auto& host = all.hosts[which];
  host.keeper = actors::spawn_ownership_writer(
      all.time.system(),
      std::make_unique<agent_disk>(host.disk, all.disk_failure, all.dice.split()), {false});
  actors::host_parts parts;
  parts.name = host_name(which);
  parts.backend = host.watched;
  // The world's network, not owned.
  parts.dialer = std::shared_ptr<actors::link_dialer>{&all.network, [](actors::link_dialer*) {}};
  parts.keeper = host.keeper;
  parts.kept = host.disk;
  const auto high = all.dice.next();
  parts.incarnation = model::incarnation_id{model::uuid::from_random(high, all.dice.next())};
  parts.clock = all.time.clock();
  parts.dice = all.dice.split();
  parts.options = all.options.host;
  parts.turnover = all.options.turnover;
  host.agent = actors::spawn_host(all.time.system(), std::move(parts));
}

void world::crash_agent(std::size_t which) {
  auto& host = impl_->hosts[which];
  impl_->network.drop_agent(host_name(which));
  kill(host.agent);
  host.keeper.reset();
}

api::cluster_port& world::port() {
  return *impl_->live->port;
}

std::optional<model::result<model::reply>> world::ask(model::command what, model::duration limit) {
  auto answer = std::make_shared<std::optional<model::result<model::reply>>>();
  port().command(std::move(what),
                 [answer](model::result<model::reply> given) { *answer = std::move(given); });
  (void)time().run_until([&] { return answer->has_value(); }, limit);
  return std::move(*answer);
}

std::optional<model::result<model::answer>> world::ask(model::query what, model::duration limit) {
  auto answer = std::make_shared<std::optional<model::result<model::answer>>>();
  port().query(std::move(what),
               [answer](model::result<model::answer> given) { *answer = std::move(given); });
  (void)time().run_until([&] { return answer->has_value(); }, limit);
  return std::move(*answer);
}

namespace {

template <class Row, class Query> std::vector<Row> read_all(world& from) {
  std::vector<Row> all;
  for (;;) {
    Query what;
    what.slice.limit = 1000;
    what.slice.offset = static_cast<std::int64_t>(all.size());
    what.slice.ascending = true;
    auto answer = from.ask(model::query{what});
    if (!answer || !*answer)
      return all;
    auto& rows = std::get<model::rows<Row>>(**answer);
    std::move(rows.items.begin(), rows.items.end(), std::back_inserter(all));
    if (rows.items.empty() || static_cast<std::int64_t>(all.size()) >= rows.total)
      return all;
  }
}

} // namespace

std::vector<model::server_row> world::servers() {
  return read_all<model::server_row, model::list_servers>(*this);
}
std::vector<model::device_row> world::devices() {
  return read_all<model::device_row, model::list_devices>(*this);
}

void world::stop_faults() {
  *impl_->store_failure = 0;
  *impl_->disk_failure = 0;
  impl_->network.set_faults({});
  for (std::size_t i = 0; i < hosts(); ++i) {
    impl_->network.heal(host_name(i));
    machine(i).clear_faults();
  }
}

} // namespace berth::sim
