#include "control/host_machine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/control/agent_world.hpp"

namespace berth::control {
namespace {

using model::device_state;
using model::server_status;
using testing::agent_world;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace simulated = hostbackend::simulated;

simulated::simulated_host l40s_host() {
  return simulated::make_host(
      "h", simulated::load_machine(BERTH_SOURCE_DIR "/machines/l40s-4.yaml").value());
}

class HostMachine : public ::testing::Test {
protected:
  HostMachine() {
    world.run();
    world.connect();
    world.run();
  }
  model::device_id device(std::size_t index) {
    return simulated::device_id_of(world.backend.host(), index);
  }
  static model::server_id id(std::uint64_t number) { return {model::uuid::from_random(3, number)}; }
  /// Wants a server with these devices, as a controller would.
  void want(model::server_id server, const std::vector<model::device_id>& devices,
            model::power power = model::power::on) {
    model::desired_server wanted;
    wanted.id = server;
    wanted.spec.edit([](model::server_spec& spec) { spec.name = "s"; });
    wanted.desired_power = power;
    for (const auto& one : devices) {
      world.own(one, server);
      wanted.attachments.push_back({.device = one, .epoch = world.epoch_of(one)});
    }
    world.desired.servers.push_back(wanted);
    world.send_desired();
  }
  void forget(model::server_id server) {
    world.remove(server);
    world.send_desired();
  }
  model::desired_server& wanted(std::size_t index = 0) { return world.desired.servers.at(index); }

  agent_world world{l40s_host(), 7};
};

TEST_F(HostMachine, AHostIntroducesItselfAndItsCleanDevices) {
  ASSERT_TRUE(world.hello.has_value());
  EXPECT_THAT(world.hello->devices, SizeIs(4));
  ASSERT_FALSE(world.reports.empty());
  EXPECT_TRUE(world.reports.front().full);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(world.state_of(device(i)), device_state::free);
}

TEST_F(HostMachine, AServerRunsWithItsDevicesAndGivesThemBackClean) {
  want(id(1), {device(0), device(1)});
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  EXPECT_EQ(world.state_of(device(0)), device_state::in_use);
  EXPECT_EQ(world.devices_seen[device(0)].obeyed, 1U);
  forget(id(1));
  world.run();
  EXPECT_FALSE(world.servers_seen.contains(id(1)));
  EXPECT_EQ(world.state_of(device(1)), device_state::free);
  EXPECT_THAT(world.listing(), IsEmpty());
  EXPECT_EQ(world.reports.back().generation, world.desired.generation);
}

TEST_F(HostMachine, AStoppedServerKeepsItsDevicesAndRestarts) {
  want(id(1), {device(0)});
  world.run();
  wanted().desired_power = model::power::off;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::ready);
  EXPECT_EQ(world.state_of(device(0)), device_state::reserved);
  wanted().desired_power = model::power::on;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  const auto reports = world.reports.size();
  ++wanted().restarts;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  bool stopped = false;
  for (auto i = reports; i < world.reports.size(); ++i)
    for (const auto& one : world.reports[i].servers)
      stopped = stopped || one.status == server_status::stopping;
  EXPECT_TRUE(stopped) << "a restart is a power cycle";
}

TEST_F(HostMachine, ADeviceGoesFromOneServerToTheNextOnlyClean) {
  want(id(1), {device(0)});
  world.run();
  world.remove(id(1));
  want(id(2), {device(0)}); // in one breath
  world.run();
  EXPECT_EQ(world.status_of(id(2)), server_status::running);
  EXPECT_FALSE(world.servers_seen.contains(id(1)));
  EXPECT_EQ(world.devices.at(device(0)).user(), id(2));
}

TEST_F(HostMachine, AnAgentThatRestartsAdoptsWhatRuns) {
  want(id(1), {device(0)});
  world.run();
  world.boot();
  world.run();
  EXPECT_EQ(world.devices.at(device(0)).state(), device_state::in_use);
  EXPECT_EQ(world.devices.at(device(1)).state(), device_state::free);
  world.connect();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  ASSERT_THAT(world.listing(), SizeIs(1));
  EXPECT_TRUE(world.listing()[0].running) << "it was never touched";
}

TEST_F(HostMachine, ADeviceThatAFormerLifeIsStartingAServerWithIsNotTouched) {
  want(id(1), {device(0)});
  while (world.state_of(device(0)) != device_state::in_use) // granted: the start is under way
    world.run_for(std::chrono::milliseconds{20});
  std::vector<std::string> done;
  world.on_answer = [&](const model::host_operations::operation& what) {
    namespace ops = model::host_operations;
    if (std::holds_alternative<ops::start_server>(what))
      done.emplace_back("start");
    if (const auto* stop = std::get_if<ops::stop_server>(&what))
      done.emplace_back(stop->force ? "force_stop" : "stop");
    if (const auto* bind = std::get_if<ops::bind_device>(&what); bind && bind->device == device(0))
      done.emplace_back("bind");
  };
  world.boot(); // the start goes on without its agent
  world.connect();
  world.run();
  ASSERT_GE(done.size(), 4U);
  done.resize(4);
  EXPECT_THAT(done, ElementsAre("start", "force_stop", "bind", "start"));
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  EXPECT_EQ(world.state_of(device(0)), device_state::in_use);
  EXPECT_EQ(world.state_of(device(1)), device_state::free)
      << "what nobody uses is not kept waiting";
}

TEST_F(HostMachine, AServerThatShallGoIsRemovedAfterARestart) {
  want(id(1), {device(0)});
  world.run();
  world.boot();
  world.remove(id(1));
  ++world.desired.generation;
  world.connect();
  world.run();
  EXPECT_THAT(world.listing(), IsEmpty());
  EXPECT_EQ(world.state_of(device(0)), device_state::free);
}

TEST_F(HostMachine, RefusesAnOlderGenerationAndAnOlderLeader) {
  want(id(1), {});
  world.run();
  auto old = world.desired;
  old.servers.clear();
  --old.generation;
  (void)world.machine->step({}, agent::heard{old});
  old.generation += 10;
  old.leader = 0;
  const auto effects = world.machine->step({}, agent::heard{old});
  ASSERT_THAT(effects, SizeIs(1));
  EXPECT_EQ(std::get<agent::refused>(effects[0]).why.code, model::errc::stale_epoch);
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
}

TEST_F(HostMachine, AReportThatIsNotAcknowledgedComesAgain) {
  world.acknowledge = false;
  want(id(1), {});
  world.run_for(std::chrono::minutes{1});
  const auto before = world.reports.size();
  world.servers_seen.clear();
  world.run_for(std::chrono::seconds{20});
  EXPECT_GT(world.reports.size(), before);
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  world.acknowledge = true;
  world.run();
  const auto settled = world.reports.size();
  world.run();
  EXPECT_EQ(world.reports.size(), settled) << "all acknowledged: silence";
}

class GatheringHost : public HostMachine {
protected:
  GatheringHost() {
    world.options.report_gather = std::chrono::minutes{1};
    world.boot();
    world.run();
    world.connect();
    world.run();
  }
};

TEST_F(GatheringHost, TellsInOneReportWhatHappensTogether) {
  const auto before = world.reports.size();
  want(id(1), {device(0), device(1)});
  want(id(2), {device(2)});
  world.run_for(std::chrono::minutes{2});
  EXPECT_EQ(world.reports.size(), before + 1);
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  EXPECT_EQ(world.status_of(id(2)), server_status::running);
  EXPECT_EQ(world.state_of(device(1)), device_state::in_use);
  EXPECT_EQ(world.reports.back().generation, world.desired.generation);
}

TEST_F(GatheringHost, LetsOnlyAFullReportPass) {
  const auto before = world.reports.size();
  want(id(1), {device(0)});
  world.run_for(std::chrono::seconds{30});
  EXPECT_EQ(world.reports.size(), before);
  world.disconnect();
  world.connect();
  world.deliver_all();
  ASSERT_EQ(world.reports.size(), before + 1);
  EXPECT_TRUE(world.reports.back().full);
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  world.run_for(std::chrono::minutes{2});
  EXPECT_EQ(world.reports.size(), before + 1) << "all was told";
}

TEST_F(HostMachine, AStartWaitsForAQuarantinedDeviceInVain) {
  world.backend.inject({.operation = "reset_device", .kind = simulated::fault_kind::fail});
  want(id(1), {device(0)});
  world.run(); // reserved: it was clean; now a release finds the fault
  wanted().desired_power = model::power::off;
  world.send_desired();
  world.run_for(std::chrono::seconds{30});
  EXPECT_EQ(world.state_of(device(0)), device_state::quarantined);
  wanted().desired_power = model::power::on;
  world.send_desired();
  world.run_for(std::chrono::seconds{5});
  EXPECT_EQ(world.status_of(id(1)), server_status::dev_fail);
  EXPECT_THAT(world.servers_seen[id(1)].reason, HasSubstr("is quarantined: "));
  world.backend.clear_faults();
  world.run(); // the recovery ladder
  EXPECT_EQ(world.state_of(device(0)), device_state::reserved);
  EXPECT_EQ(world.status_of(id(1)), server_status::dev_fail) << "until something else is wanted";
  ++wanted().restarts;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
}

TEST_F(HostMachine, AVanishedDeviceMarksItsServerAndComesBack) {
  want(id(1), {device(0)});
  world.run();
  world.backend.remove_device(device(0), "surprise removal");
  world.run();
  EXPECT_EQ(world.state_of(device(0)), device_state::lost);
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  EXPECT_THAT(world.servers_seen[id(1)].reason, HasSubstr("is lost: surprise removal"));
  world.backend.return_device(device(0));
  world.run();
  EXPECT_EQ(world.state_of(device(0)), device_state::releasing);
  ++wanted().restarts;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
  EXPECT_EQ(world.state_of(device(0)), device_state::in_use);
}

TEST_F(HostMachine, AGuestThatPowersOffStaysOff) {
  want(id(1), {device(0)});
  world.run();
  world.backend.crash_server(id(1), "killed by signal 11");
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::ready);
  EXPECT_EQ(world.servers_seen[id(1)].reason, "killed by signal 11");
  EXPECT_EQ(world.state_of(device(0)), device_state::reserved);
  ++wanted().restarts;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
}

TEST_F(HostMachine, AStopThatTheGuestIgnoresIsForced) {
  want(id(1), {});
  world.run();
  world.backend.inject(
      {.operation = "stop_server", .kind = simulated::fault_kind::fail, .times = 1});
  wanted().desired_power = model::power::off;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::ready);
}

TEST_F(HostMachine, AFailedStartIsReportedAndNotRepeated) {
  world.backend.inject({.operation = "start_server", .kind = simulated::fault_kind::fail});
  want(id(1), {device(0)});
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::start_fail);
  EXPECT_EQ(world.state_of(device(0)), device_state::reserved) << "cleaned after the attempt";
  world.backend.clear_faults();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::start_fail);
  ++wanted().restarts;
  world.send_desired();
  world.run();
  EXPECT_EQ(world.status_of(id(1)), server_status::running);
}

TEST_F(HostMachine, AnUnknownOutcomeIsLookedAtAgain) {
  world.backend.inject(
      {.operation = "start_server", .kind = simulated::fault_kind::unknown, .times = 1});
  want(id(1), {device(0)});
  world.run();
  const bool runs = world.listing().at(0).running;
  EXPECT_EQ(world.status_of(id(1)), runs ? server_status::running : server_status::start_fail);
}

TEST_F(HostMachine, DevicesThatChangeWhileStoppedAreRedefined) {
  want(id(1), {device(0)}, model::power::off);
  world.run();
  world.own(device(0), std::nullopt);
  world.own(device(2), id(1));
  wanted().attachments = {{.device = device(2), .epoch = world.epoch_of(device(2))}};
  world.send_desired();
  world.run();
  ASSERT_THAT(world.listing(), SizeIs(1));
  EXPECT_THAT(world.listing()[0].devices, ::testing::ElementsAre(device(2)));
  EXPECT_EQ(world.state_of(device(0)), device_state::free);
  EXPECT_EQ(world.state_of(device(2)), device_state::reserved);
}

TEST_F(HostMachine, OperationsInFlightAreBounded) {
  world.options.operations_in_flight_max = 3;
  world.boot();
  world.run();
  world.connect();
  for (std::uint64_t i = 1; i <= 20; ++i)
    want(id(i), {});
  world.run();
  for (std::uint64_t i = 1; i <= 20; ++i)
    EXPECT_EQ(world.status_of(id(i)), server_status::running);
  EXPECT_LE(world.in_flight_max, 16U);
  EXPECT_EQ(world.machine->operations_queued(), 0U);
}

TEST_F(HostMachine, AScanThatFailsIsRepeated) {
  world.backend.inject({.operation = "discover", .kind = simulated::fault_kind::fail, .times = 3});
  world.hello.reset();
  world.boot();
  world.connect();
  world.run_for(std::chrono::seconds{5});
  EXPECT_FALSE(world.hello.has_value()) << "never connected but unknown";
  world.run();
  EXPECT_TRUE(world.hello.has_value());
}

} // namespace
} // namespace berth::control
