#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/control/agent_world.hpp"

// Devices that come and go while their server runs, and what else happens to a guest: the agent's
// machines over a simulated backend.

namespace berth::control {
namespace {

using model::device_state;
using model::server_status;
using testing::agent_world;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
namespace simulated = hostbackend::simulated;

class HostPlug : public ::testing::Test {
protected:
  HostPlug() {
    world.run();
    world.connect();
    world.run();
    model::desired_server wanted;
    wanted.id = server;
    wanted.spec.edit([](model::server_spec& spec) { spec.name = "s"; });
    wanted.desired_power = model::power::on;
    world.desired.servers.push_back(wanted);
    world.attach(device(0), world.desired.servers.back());
    ask();
  }
  static simulated::simulated_host host() {
    return simulated::make_host(
        "h", simulated::load_machine(BERTH_SOURCE_DIR "/machines/l40s-4.yaml").value());
  }
  static simulated::simulated_settings that_plugs() {
    simulated::simulated_settings settings;
    settings.hot_plug = true;
    return settings;
  }
  model::device_id device(std::size_t index) {
    return simulated::device_id_of(world.backend.host(), index);
  }
  model::desired_server& wanted() { return *world.wanted(server); }
  void ask() {
    world.send_desired();
    world.run(std::chrono::minutes{30});
  }
  [[nodiscard]] const model::observed_server& seen() { return world.servers_seen[server]; }
  std::vector<model::device_id> held() { return world.listing().at(0).devices; }
  std::size_t starts = 0;

  agent_world world{host(), 7, that_plugs()};
  const model::server_id server{model::uuid::from_random(3, 1)};
};

TEST_F(HostPlug, ADeviceComesAndGoesWhileTheServerRuns) {
  world.on_answer = [this](const model::host_operations::operation& what) {
    starts += std::holds_alternative<model::host_operations::start_server>(what) ? 1U : 0U;
  };
  world.attach(device(1), wanted());
  ask();
  EXPECT_THAT(held(), UnorderedElementsAre(device(0), device(1)));
  EXPECT_EQ(world.state_of(device(1)), device_state::in_use);
  EXPECT_EQ(seen().status, server_status::running);
  EXPECT_EQ(seen().reason, "");
  world.detach(device(0), wanted());
  ask();
  EXPECT_THAT(held(), ElementsAre(device(1)));
  EXPECT_EQ(world.state_of(device(0)), device_state::free);
  EXPECT_THAT(world.devices_seen[device(0)].evidence, HasSubstr("reset="))
      << "cleaned after the guest let go";
  EXPECT_EQ(starts, 0U) << "the guest was never interrupted";
  EXPECT_THAT(world.plugs_taken_back, IsEmpty());
}

TEST_F(HostPlug, ADeviceGoesFromOneRunningServerToTheNext) {
  const model::server_id other{model::uuid::from_random(3, 2)};
  auto second = wanted();
  second.id = other;
  second.attachments.clear();
  world.desired.servers.push_back(second);
  ask();
  world.detach(device(0), wanted());
  world.attach(device(0), *world.wanted(other)); // in one breath
  ask();
  EXPECT_EQ(world.devices.at(device(0)).user(), other);
  EXPECT_EQ(seen().status, server_status::running);
  EXPECT_EQ(world.status_of(other), server_status::running);
}

TEST_F(HostPlug, WhatCannotBePluggedInIsTakenBack) {
  world.backend.inject({.operation = "plug_device", .kind = simulated::fault_kind::fail});
  world.attach(device(1), wanted());
  ask();
  ASSERT_EQ(world.plugs_taken_back.size(), 1U) << "once";
  EXPECT_THAT(world.plugs_taken_back[0], HasSubstr("could not be plugged in: plug_device failed"));
  EXPECT_THAT(wanted().attachments, ::testing::SizeIs(1));
  EXPECT_EQ(world.state_of(device(1)), device_state::free);
  EXPECT_EQ(seen().status, server_status::running);
  EXPECT_EQ(seen().reason, "") << "nothing is left of it";
  world.backend.clear_faults();
  world.attach(device(1), wanted());
  ask();
  EXPECT_THAT(held(), UnorderedElementsAre(device(0), device(1)));
}

TEST_F(HostPlug, WhatTheGuestDoesNotLetGoOfStaysItsServers) {
  world.backend.inject({.operation = "unplug_device", .kind = simulated::fault_kind::ignored});
  world.detach(device(0), wanted());
  world.send_desired();
  world.run_for(std::chrono::seconds{10});
  EXPECT_EQ(world.state_of(device(0)), device_state::releasing);
  EXPECT_THAT(seen().reason, HasSubstr("waits for its guest to let go"));
  world.run(std::chrono::minutes{30});
  ASSERT_EQ(world.plugs_taken_back.size(), 1U);
  EXPECT_THAT(world.plugs_taken_back[0], HasSubstr("did not let go within 30 s"));
  EXPECT_THAT(held(), ElementsAre(device(0)));
  EXPECT_EQ(world.state_of(device(0)), device_state::in_use);
  EXPECT_EQ(seen().reason, "");
  world.backend.clear_faults();
  world.detach(device(0), wanted());
  ask();
  EXPECT_THAT(held(), IsEmpty()) << "another try";
  EXPECT_EQ(world.state_of(device(0)), device_state::free);
}

TEST_F(HostPlug, AnUnknownOutcomeIsLookedAt) {
  for (int i = 0; i < 20; ++i) {
    world.backend.inject(
        {.operation = "plug_device", .kind = simulated::fault_kind::unknown, .times = 1});
    world.attach(device(1), wanted());
    ask();
    const bool attached = wanted().attachments.size() == 2;
    ASSERT_EQ(held().size(), attached ? 2U : 1U);
    ASSERT_EQ(world.state_of(device(1)), attached ? device_state::in_use : device_state::free);
    if (attached) {
      world.detach(device(1), wanted());
      ask();
    }
  }
  EXPECT_THAT(world.plugs_taken_back, ::testing::Not(IsEmpty())) << "some did not happen";
}

TEST_F(HostPlug, AnAgentThatComesBackGoesOnWithIt) {
  world.attach(device(1), wanted());
  world.detach(device(0), wanted());
  world.send_desired();
  world.run_for(std::chrono::milliseconds{400});
  world.boot(); // somewhere in the middle
  world.connect();
  world.run(std::chrono::minutes{30});
  EXPECT_THAT(held(), ElementsAre(device(1)));
  EXPECT_EQ(world.state_of(device(0)), device_state::free);
  EXPECT_EQ(world.state_of(device(1)), device_state::in_use);
  EXPECT_THAT(world.plugs_taken_back, IsEmpty());
}

TEST_F(HostPlug, AfterAHotAttachTheNextStartHasTheDeviceToo) {
  world.attach(device(1), wanted());
  ask();
  world.boot(); // whoever defined it without the device is forgotten
  world.connect();
  world.run(std::chrono::minutes{30});
  ++wanted().restarts;
  ask();
  EXPECT_EQ(seen().status, server_status::running);
  EXPECT_THAT(held(), UnorderedElementsAre(device(0), device(1)));
}

TEST_F(HostPlug, AGuestThatLetsGoUnaskedKeepsTheDeviceReserved) {
  // As an administrator of the guest may do.
  world.backend.perform(hostbackend::unplug_device{server, device(0)}, [](const auto&) {});
  world.run(std::chrono::minutes{30});
  EXPECT_THAT(held(), IsEmpty()) << "nobody forces it back in";
  EXPECT_EQ(world.state_of(device(0)), device_state::reserved);
  EXPECT_THAT(seen().reason, HasSubstr("let go of device " + to_string(device(0))));
  ++wanted().restarts;
  ask();
  EXPECT_THAT(held(), ElementsAre(device(0)));
  EXPECT_EQ(seen().reason, "");
}

TEST_F(HostPlug, APausedGuestSaysWhyUntilItGoesOn) {
  world.backend.pause_server(server, "a disk is full");
  world.run(std::chrono::seconds{30});
  EXPECT_EQ(seen().status, server_status::running);
  EXPECT_EQ(seen().reason, "paused: a disk is full");
  world.boot();
  world.connect();
  world.run(std::chrono::seconds{30});
  EXPECT_EQ(seen().reason, "paused: a disk is full") << "as listed";
  world.backend.pause_server(server, "");
  world.run(std::chrono::seconds{30});
  EXPECT_EQ(seen().reason, "");
}

// --- What the controller does not know

TEST_F(HostPlug, AServerThatTheControllerDoesNotKnowIsReportedAndLeftAlone) {
  world.boot();
  world.desired.servers.clear(); // a controller without its memory
  world.own(device(0), std::nullopt);
  world.desired.leader += 1;
  world.connect();
  world.run(std::chrono::hours{2});
  ASSERT_EQ(world.listing().size(), 1U);
  EXPECT_TRUE(world.listing()[0].running);
  EXPECT_EQ(seen().status, server_status::running);
  EXPECT_EQ(world.state_of(device(0)), device_state::releasing) << "it is not free";
  EXPECT_THAT(world.devices_seen[device(0)].reason, HasSubstr("server " + to_string(server)));
  world.remove(server);
  ask();
  EXPECT_THAT(world.listing(), IsEmpty());
  EXPECT_EQ(world.state_of(device(0)), device_state::free);
  EXPECT_THAT(world.desired.removals, IsEmpty());
}

TEST_F(HostPlug, AListingThatFailsIsMadeAgainSoon) {
  world.backend.inject({.operation = "list_servers", .kind = simulated::fault_kind::fail});
  world.run(std::chrono::minutes{30});
  world.backend.clear_faults();
  world.backend.add_unknown_domain("theirs");
  const auto reports = world.reports.size();
  world.run(std::chrono::seconds{30});
  bool told = false;
  for (auto i = reports; i < world.reports.size(); ++i)
    told = told || world.reports[i].unknown_domains == std::vector<std::string>{"theirs"};
  EXPECT_TRUE(told);
}

TEST_F(HostPlug, OtherDomainsAreReportedByName) {
  const auto latest = [this] {
    std::optional<std::vector<std::string>> names;
    for (const auto& report : world.reports)
      if (report.unknown_domains)
        names = report.unknown_domains;
    return names;
  };
  EXPECT_EQ(latest(), std::vector<std::string>{}) << "said from the start: there are none";
  world.backend.add_unknown_domain("theirs");
  world.backend.add_unknown_domain("a-pet");
  world.run(std::chrono::minutes{30});
  EXPECT_EQ(latest(), (std::vector<std::string>{"a-pet", "theirs"}));
  for (int i = 0; i < 200; ++i)
    world.backend.add_unknown_domain("n" + std::to_string(i));
  world.run(std::chrono::minutes{30});
  EXPECT_EQ(latest()->size(), model::unknown_domains_max);
}

} // namespace
} // namespace berth::control
