#include <cstdio>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "hostbackend/simulated/machine.hpp"
#include "sim/world.hpp"

namespace berth::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
namespace simulated = hostbackend::simulated;

world_options fleet(std::uint64_t seed, int hosts) {
  world_options options;
  options.seed = seed;
  const auto kind = simulated::generic_machine(4, "L40S");
  EXPECT_TRUE(kind) << (kind ? "" : kind.error().message);
  for (int i = 0; i < hosts; ++i) {
    options.hosts.push_back(simulated::make_host("gpu-" + std::to_string(i), *kind));
    options.hosts.back().capacity = {64, 512 * 1024, 8 * 1024 * 1024};
  }
  return options;
}

void start_all(world& all) {
  all.start_controller();
  for (std::size_t i = 0; i < all.hosts(); ++i)
    all.start_agent(i);
}

bool fleet_is_free(world& all, std::size_t devices) {
  const auto rows = all.devices();
  return rows.size() == devices && std::ranges::all_of(rows, [](const model::device_row& row) {
           return row.device.state == model::device_state::free;
         });
}

/// Lets time pass, a second at a time, until `holds`.
bool eventually(world& all, const std::function<bool()>& holds, model::duration limit) {
  for (auto left = limit; left > model::duration::zero(); left -= seconds{1}) {
    if (holds())
      return true;
    all.time().run_for(seconds{1});
  }
  return holds();
}

model::create_servers one_server(const std::string& name, int gpus, bool start) {
  model::server_spec spec;
  spec.name = name;
  spec.vcpus = 2;
  spec.memory_mib = 2048;
  if (gpus > 0) {
    model::device_request wanted;
    wanted.count = gpus;
    wanted.alternatives.push_back({});
    spec.devices.push_back(wanted);
  }
  spec.auto_start = start;
  return {{spec}, true};
}

TEST(WorldTest, HostsRegisterAndTheirDevicesBecomeFree) {
  world all{fleet(1, 3)};
  start_all(all);
  EXPECT_TRUE(eventually(
      all, [&] { return fleet_is_free(all, 12); }, minutes{5}));
}

TEST(WorldTest, AServerIsPlacedStartedStoppedAndDeleted) {
  world all{fleet(2, 2)};
  start_all(all);
  ASSERT_TRUE(eventually(
      all, [&] { return fleet_is_free(all, 8); }, minutes{5}));
  auto made = all.ask(one_server("training", 2, true));
  ASSERT_TRUE(made);
  ASSERT_TRUE(*made) << made->error().message;
  const auto& created = std::get<model::servers_created>(**made).servers.at(0);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->attachments.size(), 2u);
  const auto status = [&] {
    const auto rows = all.servers();
    return rows.empty() ? model::server_status::unknown : rows.at(0).server.status;
  };
  EXPECT_TRUE(eventually(
      all, [&] { return status() == model::server_status::running; }, minutes{5}));
  EXPECT_TRUE(all.auditor().is_running(created->id));
  ASSERT_TRUE(*all.ask(model::act_on_server{"training", model::server_action::stop}));
  EXPECT_TRUE(eventually(
      all, [&] { return status() == model::server_status::ready; }, minutes{5}));
  EXPECT_FALSE(all.auditor().is_running(created->id));
  ASSERT_TRUE(*all.ask(model::act_on_server{"training", model::server_action::remove}));
  EXPECT_TRUE(eventually(
      all, [&] { return all.servers().empty() && fleet_is_free(all, 8); }, minutes{5}));
  EXPECT_TRUE(all.auditor().violations().empty());
}

TEST(WorldTest, AHostThatOnlyBeatsIsSeenHoweverLongItsLease) {
  auto options = fleet(6, 1);
  options.cluster.heartbeat_interval = seconds{10};
  options.cluster.lease = minutes{5};
  world all{std::move(options)};
  start_all(all);
  ASSERT_TRUE(eventually(
      all, [&] { return fleet_is_free(all, 4); }, minutes{5}));
  for (int i = 0; i < 40; ++i) {
    all.time().run_for(seconds{17});
    const auto found = all.ask(model::query{model::get_host{all.host_name(0)}});
    const auto& host = std::get<model::host_row>(found.value().value()).host;
    EXPECT_LE(all.time().now() - host.last_seen, seconds{30 + 15 + 2 * 10});
  }
}

TEST(WorldTest, AHostThatOnlyBeatsKeepsItsLeaseAndOneThatStopsLosesIt) {
  world all{fleet(5, 2)};
  start_all(all);
  ASSERT_TRUE(eventually(
      all, [&] { return fleet_is_free(all, 8); }, minutes{5}));
  const auto host = [&](std::size_t which) {
    const auto found = all.ask(model::query{model::get_host{all.host_name(which)}});
    return std::get<model::host_row>(found.value().value()).host;
  };
  const auto opened = all.network().counted().opened;
  all.time().run_for(std::chrono::hours{3}); // nobody asks the controller anything
  for (int i = 0; i < 20; ++i) {
    all.time().run_for(minutes{1});
    for (std::size_t which = 0; which < all.hosts(); ++which)
      EXPECT_LE(all.time().now() - host(which).last_seen, seconds{30 + 15 + 2 * 5});
  }
  EXPECT_EQ(all.network().counted().opened, opened) << "no connection ended";
  all.network().cut(all.host_name(1));
  all.time().run_for(seconds{30});
  EXPECT_EQ(host(0).status, model::host_status::online);
  EXPECT_EQ(host(1).status, model::host_status::offline);
}

TEST(WorldTest, EverythingIsStillThereAfterTheControllerCrashed) {
  world all{fleet(3, 2)};
  start_all(all);
  ASSERT_TRUE(eventually(
      all, [&] { return fleet_is_free(all, 8); }, minutes{5}));
  ASSERT_TRUE(*all.ask(one_server("kept", 1, true)));
  const auto before = all.servers();
  all.crash_controller();
  all.time().run_for(seconds{3});
  all.start_controller();
  const auto runs = [&] {
    const auto rows = all.servers();
    return rows.size() == 1 && rows[0].server.id == before.at(0).server.id &&
           rows[0].server.status == model::server_status::running;
  };
  EXPECT_TRUE(eventually(all, runs, minutes{5}));
  EXPECT_TRUE(all.auditor().violations().empty());
}

TEST(WorldTest, AnAgentObeysNoOlderLeaderInItsNextLife) {
  world all{fleet(4, 1)};
  start_all(all);
  ASSERT_TRUE(eventually(
      all, [&] { return fleet_is_free(all, 4); }, minutes{5}));
  all.crash_controller();
  all.start_controller(); // leads the second epoch
  const auto is_online = [&] {
    const auto rows = all.ask(model::query{model::list_hosts{}});
    const auto& hosts = std::get<model::rows<model::host_row>>(rows->value()).items;
    return hosts.size() == 1 && hosts[0].host.status == model::host_status::online;
  };
  ASSERT_TRUE(eventually(all, is_online, minutes{5}));
  all.crash_agent(0);
  all.crash_controller();
  all.log() = store::memory_store{}; // of before, say from a copy
  all.start_controller();
  all.start_agent(0);
  all.time().run_for(minutes{5});
  EXPECT_FALSE(fleet_is_free(all, 4)) << "it obeyed the first epoch after the second";
  all.crash_controller();
  all.start_controller(); // the second epoch again, and no older
  EXPECT_TRUE(eventually(
      all, [&] { return fleet_is_free(all, 4); }, minutes{5}));
}

} // namespace
} // namespace berth::sim
