#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "hostbackend/simulated/machine.hpp"
#include "sim/replay/replayer.hpp"
#include "sim/world.hpp"

// Everything at once: users create, stop, start, restart and delete servers, attach and detach
// devices, while frames are lost, doubled and late, connections break, hosts are cut off, agents
// and the controller crash, disks fill, guests do not listen and machines fail. Then the faults
// stop, and everything must settle.

namespace berth::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
namespace simulated = hostbackend::simulated;

constexpr int hosts = 4;
constexpr int gpus = 4;

world_options stormy(std::uint64_t seed) {
  world_options options;
  options.seed = seed;
  options.schedulers = 1 + seed % 4;
  options.cluster.reservations.after = minutes{2};
  const auto kind = simulated::generic_machine(gpus, "A100");
  for (int i = 0; i < hosts; ++i) {
    options.hosts.push_back(simulated::make_host("gpu-" + std::to_string(i), *kind));
    options.hosts.back().capacity = {64, 512 * 1024, 8 * 1024 * 1024};
  }
  options.network = {milliseconds{1}, milliseconds{20}, 0.02, 0.02, 0.02, milliseconds{800}, 0.002};
  options.machines.faults = {
      {.operation = "reset_device",
       .kind = simulated::fault_kind::fail,
       .host = {},
       .device = {},
       .method = {},
       .probability = 0.05},
      {.operation = "start_server",
       .kind = simulated::fault_kind::unknown,
       .host = {},
       .device = {},
       .method = {},
       .probability = 0.05},
      {.operation = "stop_server",
       .kind = simulated::fault_kind::fail,
       .host = {},
       .device = {},
       .method = {},
       .probability = 0.05},
      {.operation = "bind_device",
       .kind = simulated::fault_kind::slow,
       .host = {},
       .device = {},
       .method = {},
       .probability = 0.1},
      {.operation = "plug_device",
       .kind = simulated::fault_kind::fail,
       .host = {},
       .device = {},
       .method = {},
       .probability = 0.1},
      {.operation = "unplug_device",
       .kind = simulated::fault_kind::ignored,
       .host = {},
       .device = {},
       .method = {},
       .probability = 0.2},
  };
  options.machines.hot_plug = true;
  options.store_failure = 0.01;
  options.disk_failure = 0.02;
  return options;
}

/// What the users were told.
struct ledger {
  std::map<std::string, model::server_id> created; ///< acknowledged, deletion not asked for
  std::set<std::string> deletion_asked;
  int refused = 0;
  int answered = 0;
  int plugged = 0; ///< devices attached and detached
  int waiting = 0; ///< in the end
};

class storm {
public:
  explicit storm(std::uint64_t seed) : all_(stormy(seed)), dice_(all_.time().dice(77)) {
    all_.start_controller();
    for (std::size_t i = 0; i < all_.hosts(); ++i)
      all_.start_agent(i);
    all_.time().run_for(seconds{30});
  }

  void rage(int turns) {
    for (int turn = 0; turn < turns; ++turn) {
      act(turn);
      all_.time().run_for(milliseconds{static_cast<std::int64_t>(dice_.below(4000))});
    }
  }
  void calm() {
    all_.stop_faults();
    if (!all_.controller_runs())
      all_.start_controller();
    all_.time().run_for(minutes{5});
    // What was quarantined meanwhile: the operator looks at it.
    for (int i = 0; i < hosts; ++i)
      (void)all_.ask(model::probe_host{all_.host_name(static_cast<std::size_t>(i))});
    all_.time().run_for(minutes{30});
  }

  void check() {
    for (const auto& wrong : all_.auditor().violations())
      ADD_FAILURE() << wrong;
    const auto servers = all_.servers();
    std::map<std::string, model::server_id> present;
    std::map<model::device_id, model::server_id> owners;
    for (const auto& row : servers) {
      const auto& server = row.server;
      present.emplace(server.spec->name, server.id);
      settled(server);
      if (server.status == model::server_status::scheduling)
        waits_rightly(row);
      for (const auto& each : server.attachments) {
        const auto [owner, alone] = owners.emplace(each.device, server.id);
        EXPECT_TRUE(alone) << "device " << to_string(each.device) << " has two owners";
      }
    }
    for (const auto& [name, id] : book_.created) {
      const auto found = present.find(name);
      ASSERT_NE(found, present.end()) << "server " << name << " was acknowledged and is lost";
      EXPECT_EQ(found->second, id) << name;
    }
    for (const auto& name : book_.deletion_asked)
      EXPECT_FALSE(present.contains(name)) << "server " << name << " was deleted and is there";
    for (const auto& row : all_.devices()) {
      const auto& device = row.device;
      const auto owner = owners.find(device.info.id);
      EXPECT_EQ(device.owner.has_value(), owner != owners.end());
      if (!device.owner) {
        EXPECT_EQ(device.state, model::device_state::free)
            << to_string(device.info.id) << ": " << device.state_reason;
      }
    }
  }

  /// Every decision of its log is made again, but for those near plans that did not stand.
  void decides_again() {
    replayer again{{}};
    again.begin();
    const auto read = all_.log().read(1, [&again](const model::log_record& record) {
      EXPECT_TRUE(again.feed(record));
      return true;
    });
    EXPECT_TRUE(read);
    const auto total = again.report().total();
    std::printf("decisions: %llu the same, %llu unknown\n",
                static_cast<unsigned long long>(total.same),
                static_cast<unsigned long long>(total.unknown));
    EXPECT_EQ(total.differs, 0U);
    EXPECT_GT(total.same, total.all() * 3 / 4);
  }

  world& all() { return all_; }
  const ledger& book() const { return book_; }

private:
  void settled(const model::server_record& server) {
    using model::server_status;
    const auto status = server.status;
    EXPECT_TRUE(status == server_status::running || status == server_status::ready ||
                status == server_status::sched_fail || status == server_status::start_fail ||
                status == server_status::dev_fail || status == server_status::deploy_fail ||
                status == server_status::scheduling)
        << server.spec->name << " is " << model::to_string(status) << ": " << server.status_reason;
    EXPECT_EQ(status == server_status::running, all_.auditor().is_running(server.id))
        << server.spec->name << " is " << model::to_string(status);
    if (status != server_status::running)
      return;
    std::set<model::device_id> attached;
    for (const auto& each : server.attachments)
      attached.insert(each.device);
    EXPECT_EQ(all_.auditor().devices_of(server.id), attached)
        << server.spec->name << " has other devices than it should: " << server.status_reason;
  }

  /// It has time left, and fits nowhere.
  void waits_rightly(const model::server_row& row) {
    const auto& server = row.server;
    ++book_.waiting;
    EXPECT_GT(wait_deadline(server), all_.time().now()) << server.spec->name;
    EXPECT_GT(row.queue_position, 0) << server.spec->name;
    const auto now = all_.ask(model::forecast_servers{server.spec, 1});
    ASSERT_TRUE(now && *now);
    EXPECT_FALSE(std::get<model::forecast>(**now).can_create)
        << server.spec->name << " waits though it fits";
  }

  void act(int turn) {
    switch (dice_.below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return create("s-" + std::to_string(turn));
    case 4:
    case 5:
      return remove_one();
    case 6:
      return command(model::server_action::stop);
    case 7:
      return command(model::server_action::start);
    case 8:
      return command(model::server_action::restart);
    case 9:
      return crash_agent();
    case 10:
      return crash_controller();
    case 11:
      return attach();
    case 12:
      return detach();
    default:
      return cut_and_heal();
    }
  }

  void create(const std::string& name) {
    if (!all_.controller_runs())
      return;
    model::server_spec spec;
    spec.name = name;
    spec.vcpus = 2;
    spec.memory_mib = 4096;
    spec.auto_start = dice_.chance(0.7);
    if (dice_.chance(0.5)) { // for a while, or until the end
      spec.wait_for_capacity = minutes{dice_.chance(0.5) ? 3 : 6000};
      spec.priority = static_cast<std::int32_t>(dice_.below(3)) * 45;
    }
    if (const auto count = dice_.below(4); count > 0) {
      model::device_request wanted;
      wanted.count = static_cast<std::int32_t>(count);
      wanted.alternatives.push_back({});
      spec.devices.push_back(wanted);
    }
    all_.port().command(model::create_servers{{spec}, true},
                        [this, name](model::result<model::reply> given) {
                          ++book_.answered;
                          if (!given) {
                            ++book_.refused;
                            return;
                          }
                          const auto& one = std::get<model::servers_created>(*given).servers.at(0);
                          if (one)
                            book_.created[name] = one->id;
                        });
  }
  std::string any_name() {
    if (book_.created.empty())
      return {};
    auto at = book_.created.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(dice_.below(book_.created.size())));
    return at->first;
  }
  void remove_one() {
    const auto name = any_name();
    if (name.empty() || !all_.controller_runs())
      return;
    book_.created.erase(name); // from now on it may be gone
    all_.port().command(model::act_on_server{name, model::server_action::remove},
                        [this, name](const model::result<model::reply>& given) {
                          ++book_.answered;
                          if (given)
                            book_.deletion_asked.insert(name);
                        });
  }
  void command(model::server_action action) {
    const auto name = any_name();
    if (name.empty() || !all_.controller_runs())
      return;
    all_.port().command(model::act_on_server{name, action},
                        [this](const model::result<model::reply>&) { ++book_.answered; });
  }
  /// Whatever its state: what may not be is refused.
  void attach() {
    const auto name = any_name();
    const auto devices = all_.controller_runs() ? all_.devices() : std::vector<model::device_row>{};
    if (name.empty() || devices.empty())
      return;
    const auto& device = devices[dice_.below(devices.size())].device;
    plug(model::attach_device{name, to_string(device.info.id), std::nullopt});
  }
  void detach() {
    if (!all_.controller_runs())
      return;
    std::vector<model::detach_device> held;
    for (const auto& row : all_.servers())
      for (const auto& each : row.server.attachments)
        held.push_back({row.server.spec->name, to_string(each.device)});
    if (!held.empty())
      plug(held[dice_.below(held.size())]);
  }
  void plug(model::command what) {
    all_.port().command(std::move(what), [this](const model::result<model::reply>& given) {
      ++book_.answered;
      book_.plugged += given ? 1 : 0;
    });
  }
  void crash_agent() {
    const auto which = dice_.below(hosts);
    all_.crash_agent(which);
    all_.time().run_for(seconds{static_cast<std::int64_t>(dice_.below(20))});
    all_.start_agent(which);
  }
  void crash_controller() {
    if (all_.controller_runs())
      all_.crash_controller();
    all_.time().run_for(seconds{static_cast<std::int64_t>(dice_.below(20))});
    all_.start_controller();
    all_.time().run_for(milliseconds{1});
  }
  void cut_and_heal() {
    const auto which = static_cast<std::size_t>(dice_.below(hosts));
    const auto name = all_.host_name(which);
    all_.network().cut(name);
    all_.time().after(seconds{static_cast<std::int64_t>(dice_.below(40))},
                      [this, name] { all_.network().heal(name); });
  }

  world all_;
  model::random dice_;
  ledger book_;
};

class StormTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(StormTest, NothingIsGivenTwiceNothingIsLostEverythingSettles) {
  std::printf("SEED=%llu\n", static_cast<unsigned long long>(GetParam()));
  storm all{GetParam()};
  all.rage(150);
  all.calm();
  all.check();
  all.decides_again();
  const auto& net = all.all().network().counted();
  std::printf(
      "SEED=%llu steps=%llu answered=%d refused=%d plugged=%d waiting=%d starts=%zu frames=%llu "
      "lost=%llu late=%llu\n",
      static_cast<unsigned long long>(GetParam()),
      static_cast<unsigned long long>(all.all().time().steps()), all.book().answered,
      all.book().refused, all.book().plugged, all.book().waiting, all.all().auditor().starts(),
      static_cast<unsigned long long>(net.sent), static_cast<unsigned long long>(net.lost),
      static_cast<unsigned long long>(net.late));
  EXPECT_GT(all.all().auditor().starts(), 0U);
}

/// Eight, or as many as BERTH_SEEDS says.
std::uint64_t seeds() {
  const auto* asked = std::getenv("BERTH_SEEDS");
  return asked == nullptr ? 8 : std::strtoull(asked, nullptr, 10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StormTest, ::testing::Range<std::uint64_t>(1, 1 + seeds()));

TEST(DeterminismTest, TheSameSeedGoesThroughTheSameSteps) {
  const auto run = [](std::uint64_t seed) {
    storm all{seed};
    all.rage(60);
    return all.all().time().trace_hash();
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

} // namespace
} // namespace berth::sim
