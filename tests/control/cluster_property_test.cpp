#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <set>

#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using model::device_state;
using model::server_status;
using testing::cluster_world;
using testing::make_host;
using testing::make_spec;

/// A host's agent as far as the controller can tell: acts on the desired states that were let out,
/// a while later, and speaks of what it did; its reports may be held back and repeated.
struct agent_model {
  model::host_info info;
  std::uint64_t life = 1;
  std::optional<link_id> link;
  model::generation_number generation = 0;
  std::map<model::device_id, model::desired_device> obeyed;
  std::map<model::server_id, model::desired_server> servers;
  std::map<model::device_id, device_state> trouble;
  std::deque<model::observed_state> delayed; ///< of this link
  std::uint64_t report = 0;
};

/// Plays random users, schedulers, hosts and stores against one cluster machine and checks every
/// event against a mirror of its own before applying it there.
class trial {
public:
  explicit trial(std::uint64_t seed) : dice_(seed), world_({}, seed) {
    for (int i = 0; i < 4; ++i) {
      agents_.push_back({});
      agents_.back().info =
          make_host("host-" + std::to_string(i), 2 + i % 3, i % 2 ? "A100" : "H100");
      if (i == 3) {
        auto& devices = agents_.back().info.devices;
        devices[0].allocation_unit = devices[1].allocation_unit = "group 20";
        agents_.back().info.hot_plug = true;
      }
    }
    for (auto& agent : agents_) {
      agent.link = world_.connect(agent.info);
    }
    world_.hold_commits = world_.hold_plans = true;
    mirror_log();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      random_action();
      mirror_pending();
      check();
    }
    settle();
  }

private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(dice_.below(bound)); }
  agent_model& some_agent() { return agents_[below(agents_.size())]; }
  std::string some_server() { return "s" + std::to_string(below(16)); }
  model::device_id some_device() {
    const auto& devices = some_agent().info.devices;
    return devices[below(devices.size())].id;
  }

  void random_action() {
    switch (below(20)) {
    case 0:
    case 1:
    case 2:
      return create();
    case 3:
    case 4:
      return send(model::act_on_server{some_server(),
                                       model::server_action{static_cast<std::uint8_t>(below(4))}});
    case 5:
    case 6:
      return devices_of_a_server();
    case 7:
      return settings();
    case 8:
    case 9:
      return host_acts(some_agent());
    case 10:
      return late_report(some_agent());
    case 11:
      return connection(some_agent());
    case 12:
    case 13:
    case 14:
      return plans();
    case 15:
    case 16:
    case 17:
      return store();
    case 18:
      world_.advance(std::chrono::milliseconds{1 + below(2500)});
      return world_.tick();
    default:
      return dice_.chance(0.05) ? restart() : keys();
    }
  }

  void send(model::command what) {
    asked_.insert(static_cast<std::uint64_t>(world_.send(std::move(what))));
  }

  void create() {
    model::create_servers command;
    command.keep_refused = dice_.chance(0.1);
    for (std::size_t i = 0; i <= below(3); ++i) {
      auto spec = dice_.chance(0.3) ? make_spec(some_server(), {some_device()})
                                    : make_spec(some_server(), static_cast<int>(below(4)),
                                                dice_.chance(0.5) ? "H100" : "");
      spec.auto_start = dice_.chance(0.5);
      if (dice_.chance(0.5)) {
        spec.wait_for_capacity = std::chrono::seconds{1 + below(120)};
        spec.priority = static_cast<std::int32_t>(below(3) * 40);
      }
      if (dice_.chance(0.3)) {
        spec.lifetime = std::chrono::seconds{1 + below(200)};
      }
      command.specs.push_back(std::move(spec));
    }
    send(std::move(command));
  }

  /// Mostly what can succeed: a device of the server's own host, or one that it has.
  void devices_of_a_server() {
    const auto name = some_server();
    auto device = some_device();
    const auto* server = mirror_->find_server_named(name);
    if (server != nullptr && server->record.host && dice_.chance(0.8)) {
      const auto& devices = mirror_->find_host(*server->record.host)->devices;
      device = devices[below(devices.size())];
      const auto& held = server->record.attachments;
      if (!held.empty() && dice_.chance(0.4)) {
        return send(model::detach_device{name, to_string(held[below(held.size())].device)});
      }
    }
    send(model::attach_device{name, to_string(device), {}});
  }

  void settings() {
    const auto host = some_agent().info.name;
    switch (below(5)) {
    case 0:
      return send(
          model::update_devices{{to_string(some_device())}, 1, {}, {}, {}, dice_.chance(0.8)});
    case 1:
      return send(model::update_host{host, dice_.chance(0.8), dice_.chance(0.1), {}, {}, {}, {}});
    case 2:
      return send(model::remove_host{host});
    case 3:
      return send(model::remove_device{to_string(some_device()), dice_.chance(0.5)});
    default:
      return send(model::probe_host{host});
    }
  }

  // --- Hosts

  void host_acts(agent_model& agent) {
    if (!agent.link) {
      return;
    }
    if (const auto wanted = world_.desired(*agent.link);
        wanted && wanted->generation >= agent.generation) {
      agent.generation = wanted->generation;
      agent.servers.clear();
      for (const auto& server : wanted->servers) {
        agent.servers[server.id] = server;
      }
      for (const auto& device : wanted->devices) {
        auto& before = agent.obeyed[device.id];
        if (device.epoch >= before.epoch) {
          before = device;
        }
      }
    }
    if (dice_.chance(0.05)) {
      static constexpr device_state bad[] = {device_state::lost, device_state::quarantined,
                                             device_state::resetting};
      agent.trouble[agent.info.devices[below(agent.info.devices.size())].id] = bad[below(3)];
    } else if (dice_.chance(0.5)) {
      agent.trouble.clear();
    }
    auto report = observe(agent);
    if (dice_.chance(0.3)) {
      agent.delayed.push_back(report);
    }
    if (dice_.chance(0.8)) {
      world_.say(*agent.link, std::move(report));
    }
  }

  model::observed_state observe(agent_model& agent) {
    model::observed_state report;
    report.report = ++agent.report;
    report.generation = agent.generation;
    report.full = dice_.chance(0.6);
    for (const auto& device : agent.info.devices) {
      const auto& command = agent.obeyed[device.id];
      const auto bad = agent.trouble.find(device.id);
      const auto state = bad != agent.trouble.end() ? bad->second
                         : command.owner            ? device_state::reserved
                                                    : device_state::free;
      report.devices.push_back({device.id, state, "", command.epoch, ""});
    }
    for (const auto& [id, server] : agent.servers) {
      report.servers.push_back(
          {id,
           server.desired_power == model::power::on ? server_status::running : server_status::ready,
           ""});
    }
    return report;
  }

  void late_report(agent_model& agent) {
    if (agent.link && !agent.delayed.empty()) {
      world_.say(*agent.link, agent.delayed[below(agent.delayed.size())]);
    }
  }

  void connection(agent_model& agent) {
    if (agent.link && world_.closed.count(static_cast<std::uint64_t>(*agent.link)) != 0) {
      agent.link.reset();
    }
    agent.delayed.clear();
    if (agent.link && dice_.chance(0.3)) {
      const auto link = *std::exchange(agent.link, std::nullopt);
      return dice_.chance(0.5) ? world_.step(link_closed{link}) : world_.step(lease_expired{link});
    }
    if (agent.link && dice_.chance(0.7)) {
      return;
    }
    if (dice_.chance(0.1)) { // a new process: it must learn its generation anew, not its epochs
      ++agent.life;
      agent.generation = 0;
      agent.servers.clear();
    }
    if (dice_.chance(0.2)) {
      auto& info = agent.info;
      const auto whole = make_host(info.name, 4, "H100");
      dice_.chance(0.5) && info.devices.size() > 2 ? info.devices.pop_back()
                                                   : static_cast<void>(info.capacity.cpus ^= 16);
    }
    const auto link = world_.connect(agent.info, agent.life, false);
    if (world_.closed.count(static_cast<std::uint64_t>(link)) == 0) {
      agent.link = link;
    }
  }

  // --- The scheduler, the store, the API's keys

  void plans() {
    if (dice_.chance(0.2) && !world_.plan_wishes.empty()) { // a plan from a dream
      const auto wish = world_.plan_wishes.front();
      world_.plan_wishes.erase(world_.plan_wishes.begin());
      const auto& agent = some_agent();
      plans_made made;
      made.plans.push_back({wish.id, model::placement{agent.info.id, {some_device()}, {}}});
      return world_.step(std::move(made));
    }
    world_.answer_plans();
  }

  void store() {
    if (!world_.pending.empty() && dice_.chance(0.08)) {
      world_.fail_commit();
      mirror_log();
      EXPECT_TRUE(world_.machine->state() == *mirror_) << "rolled back to another state";
      return;
    }
    mirror_pending();
    world_.commit();
    mirror_pending();
    commit_mirror();
  }

  void commit_mirror() {
    if (world_.pending.empty()) {
      EXPECT_TRUE(world_.machine->state() == *mirror_) << "the log gives another state";
    }
  }

  void keys() {
    const auto key = "key-" + std::to_string(below(5));
    const ticket from{++world_.last_ticket};
    if (dice_.chance(0.5)) {
      return world_.step(key_claimed{from, key, below(2)});
    }
    world_.step(key_answered{from, key, below(2), 200, "{}"});
  }

  void restart() {
    world_.answers.clear();
    asked_.clear();
    for (auto& agent : agents_) {
      agent.link.reset();
      agent.delayed.clear();
    }
    world_.restart();
    mirror_log();
  }

  // --- The mirror

  void mirror_log() {
    mirror_.emplace();
    for (const auto& record : world_.log) {
      mirror_->replay(record);
    }
    mirror_pending();
  }

  void mirror_pending() {
    for (const auto* records : {&world_.log, &world_.pending}) {
      for (const auto& record : *records) {
        if (record.sequence > mirror_->last_sequence()) {
          EXPECT_EQ(record.sequence, mirror_->last_sequence() + 1) << "a gap in the log";
          std::visit([this](const auto& event) { judge(event); }, record.what);
          mirror_->replay(record);
        }
      }
    }
  }

  void judge(const auto&) {}
  void judge(const model::server_created& event) {
    if (event.server.host) {
      judge_place(event.server.spec->name, *event.server.host, event.server.attachments);
    }
  }
  void judge(const model::server_placed& event) {
    const auto& server = mirror_->find_server(event.server)->record;
    EXPECT_TRUE(is_waiting(server));
    judge_place(server.spec->name, event.host, event.attachments);
  }
  void judge(const model::server_wait_ended& event) {
    EXPECT_TRUE(is_waiting(mirror_->find_server(event.server)->record));
  }
  void judge_place(const std::string& server, model::host_id where,
                   const std::vector<model::attachment>& attachments) {
    const auto& host = mirror_->find_host(where)->record;
    EXPECT_TRUE(host.status == model::host_status::online && host.settled && host.enabled &&
                !host.maintenance)
        << server << " was placed on " << host.name;
    for (const auto& held : attachments) {
      judge_gift(held, host.id);
    }
  }
  void judge(const model::device_attached& event) {
    const auto& server = mirror_->find_server(event.server)->record;
    judge_gift(event.device, *server.host);
    EXPECT_TRUE(mirror_->find_host(*server.host)->record.settled);
  }
  void judge(const model::device_state_reported& event) {
    const auto* device = mirror_->find_device(event.device);
    if (event.state == device_state::free) {
      EXPECT_FALSE(device->owner && device->state != device_state::free);
      EXPECT_GE(event.obeyed, device->epoch) << "a stale report freed a device";
    }
  }
  void judge_gift(const model::attachment& held, model::host_id host) {
    const auto* device = mirror_->find_device(held.device);
    EXPECT_EQ(device->host, host);
    EXPECT_EQ(device->owner, std::nullopt) << "given twice";
    EXPECT_EQ(device->state, device_state::free);
    EXPECT_TRUE(device->present && device->enabled);
    EXPECT_GT(held.epoch, device->epoch);
    EXPECT_GE(device->obeyed, device->epoch);
  }

  // --- Checks

  void check() {
    const auto& state = world_.machine->state();
    EXPECT_EQ(state.audit(), std::nullopt);
    EXPECT_EQ(world_.answered_twice, 0U);
    EXPECT_TRUE(state == *mirror_) << "the events say another state";
    for (const auto& [link, messages] : world_.to_hosts) {
      for (auto& at = seen_[link]; at < messages.size(); ++at) {
        if (const auto* wanted = std::get_if<model::desired_state>(&messages[at])) {
          judge_told(*wanted);
        }
      }
    }
    state.hosts().walk(true, [&](const host_entry& host) {
      const auto truth = state.inventory().totals(host.record.id);
      const auto copy = world_.replica.totals(host.record.id);
      EXPECT_TRUE(truth && copy);
      if (truth && copy) {
        EXPECT_EQ(truth->used, copy->used) << host.record.name;
        EXPECT_EQ(truth->devices_free, copy->devices_free) << host.record.name;
        EXPECT_EQ(truth->devices, copy->devices) << host.record.name;
        EXPECT_EQ(truth->servers, copy->servers) << host.record.name;
        EXPECT_EQ(truth->devices_free, offerable(host)) << host.record.name;
      }
      return true;
    });
  }

  std::int32_t offerable(const host_entry& host) {
    std::int32_t count = 0;
    for (const auto& id : host.devices) {
      count += is_offerable(*world_.machine->state().find_device(id)) ? 1 : 0;
    }
    return count;
  }

  /// What was let out to a host is durable and its epochs never fall.
  void judge_told(const model::desired_state& wanted) {
    for (const auto& device : wanted.devices) {
      auto& [epoch, owner] = told_[device.id];
      EXPECT_GE(device.epoch, epoch);
      if (device.epoch == epoch) {
        EXPECT_EQ(device.owner, owner) << "one epoch, two owners";
      }
      epoch = device.epoch;
      owner = device.owner;
    }
  }

  /// Faults stop: everything that was asked is answered, everything that was promised is kept.
  void settle() {
    world_.hold_commits = world_.hold_plans = false;
    world_.answer_plans();
    world_.commit();
    for (int i = 0; i < 4; ++i) {
      world_.advance(std::chrono::seconds{20});
      world_.tick();
    }
    for (const auto& ticket : asked_) {
      EXPECT_EQ(world_.answers.count(ticket), 1U) << "ticket " << ticket << " was never answered";
    }
    mirror_pending();
    EXPECT_TRUE(world_.machine->ready());
    EXPECT_TRUE(world_.machine->state() == *mirror_);
    std::vector<model::snapshot_item> items;
    for (cluster_state::item_reader reader{world_.machine->state()}; auto item = reader.next();) {
      items.push_back(std::move(*item));
    }
    const auto again = cluster_state::from_items(std::move(items));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(*again == world_.machine->state()) << "the snapshot gives another state";
    EXPECT_EQ(again->totals(), world_.machine->state().totals());
  }

  model::random dice_;
  cluster_world world_;
  std::vector<agent_model> agents_;
  std::optional<cluster_state> mirror_;
  std::set<std::uint64_t> asked_;
  std::map<std::uint64_t, std::size_t> seen_;
  std::map<model::device_id, std::pair<model::device_epoch, std::optional<model::server_id>>> told_;
};

TEST(ClusterProperty, RandomStreamsKeepEveryInvariant) {
  // BERTH_SEEDS=from..to runs others, e.g. 1..1000 by night.
  std::uint64_t first = 1;
  std::uint64_t last = 12;
  if (const char* seeds = std::getenv("BERTH_SEEDS")) {
    ASSERT_EQ(std::sscanf(seeds, "%" SCNu64 "..%" SCNu64, &first, &last), 2);
  }
  for (std::uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    trial{seed}.run(300);
  }
}

} // namespace
} // namespace berth::control
