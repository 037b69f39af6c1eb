#include "control/device_turnover.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/control/device_turnover_world.hpp"

namespace berth::control {
namespace {

using model::device_state;
using model::errc;
using model::fail;
using testing::device_world;
using testing::find_effect;
using testing::good_evidence;
using ::testing::HasSubstr;
using testing::server_number;

TEST(DeviceTurnover, BecomesFreeOnlyAfterBindResetAndVerify) {
  device_world world;
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  EXPECT_EQ(world.machine.state(), device_state::binding);
  EXPECT_EQ(world.asked(), "bind");
  world.answer();
  EXPECT_EQ(world.machine.state(), device_state::resetting);
  EXPECT_EQ(world.asked(), "reset flr");
  world.answer();
  EXPECT_EQ(world.machine.state(), device_state::verifying);
  EXPECT_EQ(world.asked(), "verify");
  world.answer(good_evidence());
  EXPECT_EQ(world.machine.state(), device_state::free);
  EXPECT_EQ(world.reports.back().evidence,
            "reset=flr config=ok ids=ok bars=ok link=ok driver=vfio-pci group=free");
}

TEST(DeviceTurnover, ObeysACommandOnlyWhenItIsOnDisk) {
  device_world world;
  world.bring_up();
  const auto effects = world.command(1, server_number(1));
  EXPECT_EQ(effects, (turnover::effects{turnover::persist_ownership{{1, server_number(1)}}}));
  EXPECT_EQ(world.machine.state(), device_state::free);
  EXPECT_EQ(world.machine.observed().obeyed, 0U);
  const auto early = world.step(turnover::use_requested{.server = server_number(1), .epoch = 1});
  EXPECT_NE(find_effect<turnover::refuse_use>(early), nullptr);
  world.write_disk();
  EXPECT_EQ(world.machine.state(), device_state::reserved);
  EXPECT_EQ(world.machine.observed().obeyed, 1U);
}

TEST(DeviceTurnover, RefusesALowerEpochAndAnotherOwnerOfTheSame) {
  device_world world;
  world.bring_up();
  world.give_to(server_number(1), 5);
  for (const auto& [epoch, owner] :
       {std::pair{4U, server_number(2)}, std::pair{5U, server_number(2)}}) {
    const auto effects = world.command(epoch, owner);
    const auto* refused = find_effect<turnover::refuse_command>(effects);
    ASSERT_NE(refused, nullptr);
    EXPECT_EQ(refused->why.code, errc::stale_epoch);
    ASSERT_NE(find_effect<turnover::report>(effects), nullptr);
    EXPECT_EQ(find_effect<turnover::report>(effects)->what.obeyed, 5U);
    EXPECT_EQ(find_effect<turnover::persist_ownership>(effects), nullptr);
  }
  EXPECT_EQ(world.machine.obeyed().owner, server_number(1));
  EXPECT_TRUE(world.command(5, server_number(1)).empty()) << "the same again is no news";
}

TEST(DeviceTurnover, AReleasedDeviceIsCleanedEvenIfItWasNeverUsed) {
  device_world world;
  world.bring_up();
  world.give_to(server_number(1), 1);
  world.command(2, std::nullopt);
  world.write_disk();
  EXPECT_EQ(world.machine.state(), device_state::resetting);
  world.answer();
  world.answer(good_evidence());
  EXPECT_EQ(world.machine.state(), device_state::free);
}

TEST(DeviceTurnover, ADeviceTakenFromARunningServerWaitsForItToStop) {
  device_world world;
  world.bring_up();
  world.give_to(server_number(1), 1);
  const auto granted = world.step(turnover::use_requested{.server = server_number(1), .epoch = 1});
  EXPECT_NE(find_effect<turnover::grant_use>(granted), nullptr);
  EXPECT_EQ(world.machine.state(), device_state::in_use);
  world.command(2, server_number(2));
  world.write_disk();
  EXPECT_EQ(world.machine.state(), device_state::releasing);
  EXPECT_TRUE(world.operations.empty()) << "nothing touches a device that a guest holds";
  const auto refused = world.step(turnover::use_requested{.server = server_number(2), .epoch = 2});
  EXPECT_NE(find_effect<turnover::refuse_use>(refused), nullptr);
  world.step(turnover::use_ended{server_number(1)});
  world.answer();
  world.answer(good_evidence());
  EXPECT_EQ(world.machine.state(), device_state::reserved);
  EXPECT_EQ(world.machine.obeyed().owner, server_number(2));
}

TEST(DeviceTurnover, AStoppedServerGetsItsDeviceBackClean) {
  device_world world;
  world.bring_up();
  world.give_to(server_number(1), 1);
  world.step(turnover::use_requested{.server = server_number(1), .epoch = 1});
  world.step(turnover::use_ended{server_number(1)});
  EXPECT_EQ(world.machine.state(), device_state::resetting);
  world.answer();
  world.answer(good_evidence());
  EXPECT_EQ(world.machine.state(), device_state::reserved);
}

TEST(DeviceTurnover, TriesTheNextResetMethodThenQuarantines) {
  device_world world;
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  world.answer();
  world.answer(fail(errc::reset_failed, "the device did not come back"));
  EXPECT_EQ(world.asked(), "reset bus");
  world.answer();
  auto bad = good_evidence();
  bad.config_readable = false;
  world.answer(bad);
  EXPECT_EQ(world.machine.state(), device_state::quarantined);
  EXPECT_THAT(world.reports.back().reason, HasSubstr("config=unreadable"));
  world.fire_latest_timer(); // the recovery ladder
  EXPECT_EQ(world.asked(), "bind");
}

TEST(DeviceTurnover, RecoveryIsBoundedAndAProbeStartsItAnew) {
  turnover_options options;
  options.recovery_delays = {std::chrono::seconds{1}};
  device_world world{{}, options};
  const auto fail_all = [&world] {
    while (!world.operations.empty())
      if (world.asked() == "bind")
        world.answer();
      else
        world.answer(fail(errc::reset_failed, "no"));
  };
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  fail_all();
  world.fire_latest_timer();
  fail_all();
  const auto armed = world.timers.size();
  EXPECT_EQ(world.machine.state(), device_state::quarantined);
  world.fire_latest_timer();
  EXPECT_TRUE(world.operations.empty());
  EXPECT_EQ(world.timers.size(), armed);
  world.step(turnover::probe{});
  EXPECT_EQ(world.machine.state(), device_state::binding);
}

TEST(DeviceTurnover, AnOperationThatNeverAnswersQuarantinesAndBlocksTheNext) {
  device_world world;
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  world.fire_latest_timer();
  EXPECT_EQ(world.machine.state(), device_state::quarantined);
  EXPECT_THAT(world.reports.back().reason, HasSubstr("did not answer within 120 s"));
  world.step(turnover::probe{});
  EXPECT_EQ(world.operations.size(), 1U) << "one operation at a time, even for an operator";
  world.answer(); // at last
  EXPECT_EQ(world.asked(), "bind");
}

TEST(DeviceTurnover, AnUnknownOutcomeIsObservedBeforeItIsRepeated) {
  device_world world;
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  world.answer(fail(errc::outcome_unknown, "the connection broke"));
  EXPECT_EQ(world.asked(), "verify");
  EXPECT_EQ(world.machine.state(), device_state::binding);
  auto unbound = good_evidence();
  unbound.vfio_bound = false;
  world.answer(unbound);
  EXPECT_EQ(world.asked(), "bind");
  world.answer(fail(errc::outcome_unknown, "again"));
  world.answer(good_evidence());
  EXPECT_EQ(world.asked(), "reset flr") << "it was bound after all";
  world.answer(fail(errc::outcome_unknown, "and again"));
  world.answer(good_evidence());
  EXPECT_EQ(world.asked(), "reset flr") << "a good look is no proof of a reset";
}

TEST(DeviceTurnover, WaitsForAGroupThatIsStillHeld) {
  device_world world;
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  world.answer();
  world.answer();
  auto held = good_evidence();
  held.group_released = false;
  world.answer(held);
  EXPECT_TRUE(world.operations.empty());
  world.fire_latest_timer();
  EXPECT_EQ(world.asked(), "verify");
  world.answer(good_evidence());
  EXPECT_EQ(world.machine.state(), device_state::free);
}

TEST(DeviceTurnover, AVanishedDeviceIsLostAndKeepsItsOwner) {
  device_world world;
  world.bring_up();
  world.give_to(server_number(1), 3);
  world.step(turnover::use_requested{.server = server_number(1), .epoch = 3});
  world.step(turnover::vanished{"surprise removal"});
  EXPECT_EQ(world.machine.state(), device_state::lost);
  EXPECT_EQ(world.reports.back().reason, "surprise removal");
  EXPECT_EQ(world.machine.obeyed().owner, server_number(1));
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  EXPECT_EQ(world.machine.state(), device_state::releasing) << "its old guest still runs";
  world.step(turnover::use_ended{server_number(1)});
  EXPECT_EQ(world.asked(), "bind");
}

TEST(DeviceTurnover, DeviceLostFailureMeansVanished) {
  device_world world;
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  world.answer(fail(errc::device_lost, "no such device 0000:41:00.0"));
  EXPECT_EQ(world.machine.state(), device_state::lost);
}

TEST(DeviceTurnover, AnUnusableDeviceIsLeftAlone) {
  device_world world;
  world.facts.unusable_reason = "boot display";
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  EXPECT_EQ(world.machine.state(), device_state::unusable);
  EXPECT_TRUE(world.operations.empty());
  world.facts.unusable_reason.clear();
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  EXPECT_EQ(world.asked(), "bind");
}

TEST(DeviceTurnover, ARestartedAgentAdoptsARunningServer) {
  device_world world{{.epoch = 4, .owner = server_number(1)}};
  world.step(turnover::found{.facts = world.facts, .held_by = server_number(1)});
  EXPECT_EQ(world.machine.state(), device_state::in_use);
  EXPECT_EQ(world.machine.observed().obeyed, 4U);
  EXPECT_TRUE(world.operations.empty());
  world.command(3, std::nullopt);
  EXPECT_TRUE(world.disk_writes.empty()) << "older than what was kept";
}

TEST(DeviceTurnover, ARestartedAgentWaitsForAServerThatIsNotTheOwner) {
  device_world world{{.epoch = 4, .owner = server_number(1)}};
  world.step(turnover::found{.facts = world.facts, .held_by = server_number(2)});
  EXPECT_EQ(world.machine.state(), device_state::releasing);
  world.step(turnover::use_ended{server_number(2)});
  world.answer();
  world.answer();
  world.answer(good_evidence());
  EXPECT_EQ(world.machine.state(), device_state::reserved);
}

TEST(DeviceTurnover, ADiskThatFailsIsAskedAgain) {
  device_world world;
  world.bring_up();
  world.command(1, server_number(1));
  world.disk_writes.clear();
  world.step(turnover::persist_failed{.epoch = 1, .reason = "no space left"});
  EXPECT_EQ(world.machine.state(), device_state::free);
  world.fire_latest_timer();
  ASSERT_EQ(world.disk_writes.size(), 1U);
  world.write_disk();
  EXPECT_EQ(world.machine.state(), device_state::reserved);
}

TEST(DeviceTurnover, ADisabledDeviceIsCleanedButNotRecovered) {
  device_world world;
  world.step(turnover::found{.facts = world.facts, .held_by = std::nullopt});
  world.step(turnover::command{.id = world.id, .epoch = 0, .owner = {}, .enabled = false});
  world.answer();
  world.answer(fail(errc::reset_failed, "no"));
  const auto armed = world.timers.size() + 1; // the deadline of the second reset
  world.answer(fail(errc::reset_failed, "no"));
  EXPECT_EQ(world.machine.state(), device_state::quarantined);
  EXPECT_LE(world.timers.size(), armed);
  world.step(turnover::command{.id = world.id, .epoch = 0, .owner = {}, .enabled = true});
  world.fire_latest_timer();
  EXPECT_EQ(world.machine.state(), device_state::binding);
}

} // namespace
} // namespace berth::control
