#include <algorithm>

#include <gtest/gtest.h>

#include "tests/control/cluster_world.hpp"

// Devices of running servers, and what a host has that the cluster does not know.

namespace berth::control {
namespace {

using model::device_state;
using model::errc;
using model::server_status;
using testing::cluster_world;
using testing::device_of;
using testing::make_host;
using testing::make_spec;

/// A host of four GPUs that plugs, with a running server that has the first.
class ClusterPlug : public ::testing::Test {
protected:
  ClusterPlug() {
    host.hot_plug = true;
    host.devices[3].companions = {{.address = {0, 0x13, 0, 1}, .id = {}, .class_code = 0x040300}};
    link = world.connect(host);
    auto spec = make_spec("train", {device_of(host, 0)});
    spec.auto_start = true;
    server = world.create(spec).id;
    world.obey(host);
  }
  model::result<model::reply> attach(std::size_t gpu,
                                     std::optional<model::dev_type> type = std::nullopt) {
    return world.ask(model::attach_device{"train", to_string(device_of(host, gpu)), type});
  }
  model::result<model::reply> detach(std::size_t gpu) {
    return world.ask(model::detach_device{"train", to_string(device_of(host, gpu))});
  }
  /// The host says that the step with the device failed.
  void say_failed(std::size_t gpu, model::device_epoch epoch) {
    model::observed_state report;
    report.report = ++world.last_report;
    report.generation = world.machine->state().find_host(host.id)->record.generation;
    report.servers = {{server,
                       server_status::running,
                       "it could not be plugged",
                       {{device_of(host, gpu), epoch, "it could not be plugged"}}}};
    world.say(link, report);
  }
  [[nodiscard]] std::size_t notes(note_kind kind) const {
    std::size_t count = 0;
    for (const auto& each : world.effects) {
      const auto* found = std::get_if<note>(&each);
      count += found != nullptr && found->kind == kind ? 1U : 0U;
    }
    return count;
  }
  std::vector<model::device_id> attached() {
    std::vector<model::device_id> devices;
    for (const auto& each : world.server("train").attachments) {
      devices.push_back(each.device);
    }
    return devices;
  }

  cluster_world world;
  model::host_info host = make_host("gpu-1", 4);
  link_id link{};
  model::server_id server;
};

TEST_F(ClusterPlug, ARunningServerTakesAndGivesDevices) {
  ASSERT_TRUE(attach(1));
  world.obey(host);
  EXPECT_EQ(world.device(device_of(host, 1)).state, device_state::in_use);
  ASSERT_TRUE(detach(0));
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::releasing);
  world.obey(host);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::free);
  EXPECT_EQ(attached(), std::vector{device_of(host, 1)});
}

TEST_F(ClusterPlug, WhatNeedsAStoppedServerIsRefusedWithTheReason) {
  const auto functions = attach(3);
  ASSERT_FALSE(functions);
  EXPECT_EQ(functions.error().code, errc::server_not_stopped);
  EXPECT_NE(functions.error().message.find("has 2 functions"), std::string::npos)
      << functions.error().message;
  const auto display = attach(1, model::dev_type::gpu_vga);
  ASSERT_FALSE(display);
  EXPECT_EQ(display.error().code, errc::server_not_stopped);
  EXPECT_NE(display.error().message.find("display"), std::string::npos);
  host.hot_plug = false;
  world.say(link, model::inventory_report{host});
  EXPECT_EQ(attach(1).error().code, errc::server_not_stopped);
  EXPECT_EQ(detach(0).error().code, errc::server_not_stopped);
}

TEST_F(ClusterPlug, AFailedAttachGivesTheDeviceBack) {
  ASSERT_TRUE(attach(1));
  const auto given = world.device(device_of(host, 1)).epoch;
  say_failed(1, given);
  EXPECT_EQ(attached(), std::vector{device_of(host, 0)});
  EXPECT_EQ(world.device(device_of(host, 1)).owner, std::nullopt);
  EXPECT_EQ(world.device(device_of(host, 1)).epoch, given + 1);
  EXPECT_EQ(notes(note_kind::plug_taken_back), 1U);
  EXPECT_TRUE(std::ranges::any_of(world.log, [](const auto& each) {
    const auto* told = std::get_if<model::server_status_changed>(&each.what);
    return told != nullptr && told->reason == "it could not be plugged";
  })) << "the events say why";
  EXPECT_EQ(world.server("train").status_reason, "it could not be plugged");
  say_failed(1, given); // once more, late
  EXPECT_EQ(world.device(device_of(host, 1)).epoch, given + 1);
  world.obey(host);
  EXPECT_EQ(world.device(device_of(host, 1)).state, device_state::free);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterPlug, AFailedDetachLeavesTheDeviceWhereItIs) {
  ASSERT_TRUE(detach(0));
  const auto released = world.device(device_of(host, 0)).epoch;
  say_failed(0, released);
  EXPECT_EQ(attached(), std::vector{device_of(host, 0)});
  EXPECT_EQ(world.device(device_of(host, 0)).owner, server);
  EXPECT_EQ(world.device(device_of(host, 0)).epoch, released + 1);
  world.obey(host);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::in_use);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterPlug, AFailureOfSomethingOlderChangesNothing) {
  ASSERT_TRUE(attach(1));
  world.obey(host);
  ASSERT_TRUE(detach(1));
  world.obey(host);
  const auto before = world.device(device_of(host, 1));
  say_failed(1, before.epoch - 1);
  say_failed(1, before.epoch + 1);
  EXPECT_EQ(world.device(device_of(host, 1)).epoch, before.epoch);
  ASSERT_TRUE(world.ask(model::act_on_server{"train", model::server_action::remove}));
  say_failed(0, world.device(device_of(host, 0)).epoch);
  EXPECT_EQ(world.device(device_of(host, 0)).owner, std::nullopt)
      << "a server that goes takes nothing";
}

TEST_F(ClusterPlug, AnothersDeviceIsNeverTaken) {
  ASSERT_TRUE(detach(0));
  world.obey(host);
  const auto other = world.create(make_spec("other", {device_of(host, 0)}));
  say_failed(0, world.device(device_of(host, 0)).epoch);
  EXPECT_EQ(world.device(device_of(host, 0)).owner, other.id);
}

TEST_F(ClusterPlug, ADeletedServerIsAskedForUntilItIsGone) {
  ASSERT_TRUE(world.ask(model::act_on_server{"train", model::server_action::remove}));
  const auto& entry = *world.machine->state().find_host(host.id);
  EXPECT_EQ(world.machine->state().desired_state_of(entry).removals, std::vector{server});
  EXPECT_TRUE(world.machine->state().desired_state_of(entry).servers.empty());
  world.obey(host);
  EXPECT_TRUE(world.machine->state()
                  .desired_state_of(*world.machine->state().find_host(host.id))
                  .removals.empty());
}

TEST_F(ClusterPlug, UnknownDomainsAndServersAreCountedWhileTheyAreThere) {
  model::observed_state report = testing::full_report(host, ++world.last_report);
  report.generation = 1'000'000;
  report.servers = {{server, server_status::running, "", {}},
                    {{model::uuid::derive({}, "alien")}, server_status::running, "", {}}};
  report.unknown_domains = {"a-pet", "theirs"};
  world.say(link, report);
  EXPECT_EQ(notes(note_kind::drift_unknown_domain), 2U);
  EXPECT_EQ(notes(note_kind::drift_unknown_server), 1U);
  EXPECT_EQ(world.machine->unknown_domains_at(host.id), 3U);
  report.report = ++world.last_report;
  report.servers.pop_back();
  report.unknown_domains = {"a-pet", "another"};
  world.say(link, report);
  EXPECT_EQ(notes(note_kind::drift_unknown_domain), 1U) << "only the new one is news";
  EXPECT_EQ(world.machine->unknown_domains_at(host.id), 2U);
  report.report = ++world.last_report;
  report.full = false;
  report.unknown_domains.reset();
  world.say(link, report);
  EXPECT_EQ(world.machine->unknown_domains_at(host.id), 2U) << "as reported last";
}

} // namespace
} // namespace berth::control
