#include "control/server_life.hpp"

#include <deque>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::control {
namespace {

using model::errc;
using model::fail;
using model::server_status;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace ops = model::host_operations;

const model::server_id the_server{model::uuid::from_random(1, 1)};
const model::device_id the_device{model::uuid::from_random(2, 1)};

model::desired_server wish(model::power power, std::vector<model::attachment> devices = {},
                           std::uint32_t restarts = 0) {
  model::desired_server wanted;
  wanted.id = the_server;
  wanted.spec.edit([](model::server_spec& spec) { spec.name = "s"; });
  wanted.desired_power = power;
  wanted.restarts = restarts;
  wanted.attachments = std::move(devices);
  return wanted;
}
model::desired_server with_device(model::power power, std::uint32_t restarts = 0) {
  return wish(power, {{.device = the_device, .epoch = 3}}, restarts);
}

ops::server_listing listing(ops::listed_server one) {
  return {.servers = {std::move(one)}, .unknown_domains = {}};
}

/// One life, with what it asks for written down in words.
class ServerLife : public ::testing::Test {
protected:
  std::vector<std::string> step(const life::event& what) {
    std::vector<std::string> words;
    for (const auto& effect : life_.step({}, what)) {
      if (const auto* work = std::get_if<life::perform>(&effect)) {
        number_ = work->number;
        words.push_back(word_of(work->what));
      } else if (const auto* timer = std::get_if<life::arm_timer>(&effect)) {
        timer_ = timer->number;
      } else if (std::holds_alternative<life::request_use>(effect)) {
        words.emplace_back("request_use");
      } else if (std::holds_alternative<life::find_use>(effect)) {
        words.emplace_back("find_use");
      } else if (std::holds_alternative<life::end_use>(effect)) {
        words.emplace_back("end_use");
      } else if (std::holds_alternative<life::surely_off>(effect)) {
        words.emplace_back("surely_off");
      } else if (std::holds_alternative<life::gone>(effect)) {
        words.emplace_back("gone");
      }
    }
    return words;
  }
  static std::string word_of(const ops::operation& what) {
    if (const auto* stop = std::get_if<ops::stop_server>(&what))
      return stop->force ? "force_stop" : "stop";
    static const std::vector<std::string> names{"discover", "bind",     "reset", "verify",
                                                "define",   "start",    "stop",  "plug",
                                                "unplug",   "undefine", "list"};
    return names.at(what.index());
  }
  std::vector<std::string> done(model::result<ops::operation_result> outcome = std::monostate{}) {
    return step(life::operation_finished{.number = number_, .outcome = std::move(outcome)});
  }
  std::vector<std::string> late() { return step(life::timer_fired{timer_}); }
  [[nodiscard]] server_status status() const { return life_.observed().status; }
  /// A defined server without devices that runs.
  void running() {
    step(life::listed{});
    step(life::wanted{wish(model::power::on)});
    done();
    done();
    ASSERT_EQ(status(), server_status::running);
  }

  server_life life_{the_server};
  life::operation_number number_ = 0;
  life::timer_number timer_ = 0;
};

TEST_F(ServerLife, DoesNothingBeforeTheBackendWasListed) {
  EXPECT_THAT(step(life::wanted{wish(model::power::on)}), IsEmpty());
  EXPECT_THAT(step(life::listed{}), ElementsAre("define"));
}

TEST_F(ServerLife, StartsOnlyWhenEveryDeviceHasGrantedItsUse) {
  step(life::listed{});
  EXPECT_THAT(step(life::wanted{with_device(model::power::on)}), ElementsAre("define"));
  EXPECT_EQ(status(), server_status::deploying);
  EXPECT_THAT(done(), IsEmpty());
  EXPECT_EQ(status(), server_status::starting);
  EXPECT_THAT(step(life::devices_changed{.how = life::readiness::ready, .reason = {}}),
              ElementsAre("request_use"));
  EXPECT_THAT(step(life::use_granted{the_device}), ElementsAre("start"));
  EXPECT_THAT(done(), IsEmpty());
  EXPECT_EQ(status(), server_status::running);
}

TEST_F(ServerLife, ADeviceThatLeavesWhileItIsAskedForHasLeft) {
  step(life::listed{});
  step(life::wanted{with_device(model::power::on)});
  done();
  step(life::devices_changed{.how = life::readiness::ready, .reason = {}});
  step(life::use_granted{the_device});
  done();
  EXPECT_THAT(step(life::wanted{wish(model::power::on)}), ElementsAre("unplug"));
  EXPECT_THAT(step(life::device_left{the_device}), ElementsAre("end_use"));
  EXPECT_THAT(done(fail(errc::hypervisor_failed, "no device found")), IsEmpty());
  EXPECT_THAT(life_.observed().plug_failures, IsEmpty());
  EXPECT_EQ(life_.observed().reason, "");
}

TEST_F(ServerLife, ADefinitionThatMeetsABusyHypervisorIsTriedAgain) {
  step(life::listed{});
  step(life::wanted{wish(model::power::off)});
  EXPECT_THAT(done(fail(errc::busy, "a volume is being built")), IsEmpty());
  EXPECT_EQ(status(), server_status::deploying);
  EXPECT_EQ(life_.observed().reason, "a volume is being built");
  EXPECT_THAT(late(), ElementsAre("define"));
  done();
  EXPECT_EQ(status(), server_status::ready);
}

TEST_F(ServerLife, AStopThatIsIgnoredIsForcedAfterItsTime) {
  running();
  EXPECT_THAT(step(life::wanted{wish(model::power::off)}), ElementsAre("stop"));
  EXPECT_THAT(done(), IsEmpty()) << "asked; now the guest has its time";
  EXPECT_EQ(status(), server_status::stopping);
  EXPECT_THAT(late(), ElementsAre("force_stop"));
  done();
  EXPECT_EQ(status(), server_status::ready);
}

TEST_F(ServerLife, EndsTheUseOnlyWhenItIsKnownToBeOff) {
  step(life::listed{});
  step(life::wanted{with_device(model::power::on)});
  done();
  step(life::devices_changed{.how = life::readiness::ready, .reason = {}});
  step(life::use_granted{the_device});
  EXPECT_THAT(done(fail(errc::outcome_unknown, "lost")), ElementsAre("list"));
  EXPECT_THAT(step(life::wanted{with_device(model::power::off)}), IsEmpty());
  EXPECT_THAT(done(listing({the_server, true, {the_device}, {}})), ElementsAre("stop"));
  EXPECT_THAT(step(life::exited{"the guest powered off"}), ElementsAre("end_use"));
}

TEST_F(ServerLife, AnUnknownStartThatDidNotHappenIsAFailedStart) {
  step(life::listed{});
  step(life::wanted{wish(model::power::on)});
  done();
  done(fail(errc::outcome_unknown, "lost"));
  EXPECT_THAT(done(listing({the_server, false, {}, {}})), IsEmpty());
  EXPECT_EQ(status(), server_status::start_fail);
  EXPECT_THAT(step(life::wanted{wish(model::power::on)}), IsEmpty()) << "nothing new is wanted";
  EXPECT_THAT(step(life::wanted{wish(model::power::on, {}, 1)}), ElementsAre("start"));
}

TEST_F(ServerLife, FailuresCarryTheirStatusAndReason) {
  step(life::listed{});
  step(life::wanted{wish(model::power::on)});
  done(fail(errc::hypervisor_failed, "no space in the pool"));
  EXPECT_EQ(status(), server_status::deploy_fail);
  EXPECT_EQ(life_.observed().reason, "no space in the pool");
  step(life::wanted{wish(model::power::on, {}, 1)});
  done();
  done(fail(errc::group_not_viable, "group 4 is not viable"));
  EXPECT_EQ(status(), server_status::dev_fail);
}

TEST_F(ServerLife, WaitingForDevicesEnds) {
  step(life::listed{});
  step(life::wanted{with_device(model::power::on)});
  done();
  step(life::devices_changed{.how = life::readiness::waiting, .reason = "device d is resetting"});
  late();
  EXPECT_EQ(status(), server_status::dev_fail);
  EXPECT_THAT(life_.observed().reason, HasSubstr("device d is resetting"));
}

TEST_F(ServerLife, AnUnwantedServerIsForcedOffAndRemovedHoweverOftenItFails) {
  running();
  EXPECT_THAT(step(life::unwanted{}), ElementsAre("force_stop"));
  EXPECT_EQ(status(), server_status::deleting);
  EXPECT_THAT(done(fail(errc::hypervisor_failed, "busy")), IsEmpty());
  EXPECT_THAT(late(), ElementsAre("list")) << "look before trying again";
  EXPECT_THAT(done(listing({the_server, true, {}, {}})), ElementsAre("force_stop"));
  EXPECT_THAT(done(), ElementsAre("undefine"));
  EXPECT_THAT(done(), ElementsAre("gone"));
  EXPECT_THAT(step(life::wanted{wish(model::power::on)}), IsEmpty()) << "this life is over";
}

TEST_F(ServerLife, ARunningServerIsAdoptedWithItsDevices) {
  EXPECT_THAT(step(life::listed{ops::listed_server{the_server, true, {the_device}, {}}}),
              ElementsAre("find_use"));
  EXPECT_EQ(status(), server_status::running);
  EXPECT_THAT(step(life::wanted{with_device(model::power::on, 5)}), IsEmpty())
      << "its restarts are taken as done";
  EXPECT_THAT(step(life::wanted{with_device(model::power::on, 6)}), ElementsAre("stop"));
}

TEST_F(ServerLife, WhatAFormerLifeMayBeStartingIsForcedOffBeforeAllElse) {
  EXPECT_THAT(step(life::listed{ops::listed_server{the_server, false, {the_device}, {}}}),
              ElementsAre("force_stop"));
  EXPECT_EQ(status(), server_status::unknown);
  EXPECT_THAT(step(life::wanted{with_device(model::power::on)}), IsEmpty());
  EXPECT_THAT(step(life::devices_changed{.how = life::readiness::ready, .reason = {}}), IsEmpty());
  EXPECT_THAT(done(fail(errc::hypervisor_failed, "the domain is locked")), IsEmpty());
  EXPECT_EQ(life_.observed().reason, "the domain is locked");
  EXPECT_THAT(late(), ElementsAre("force_stop"));
  EXPECT_THAT(done(), ElementsAre("surely_off", "request_use"));
  EXPECT_THAT(step(life::use_granted{the_device}), ElementsAre("start"));
}

TEST_F(ServerLife, AStartThatDiesBeforeItsAnswerIsNotRunning) {
  step(life::listed{});
  step(life::wanted{wish(model::power::on)});
  done();
  step(life::exited{"killed"});
  done();
  EXPECT_EQ(status(), server_status::ready);
  EXPECT_EQ(life_.observed().reason, "killed");
}

TEST_F(ServerLife, AContradictingListingIsCheckedBeforeItIsBelieved) {
  running();
  EXPECT_THAT(step(life::listed_again{}), ElementsAre("list"));
  done(listing({the_server, true, {}, {}}));
  EXPECT_EQ(status(), server_status::running);
}

} // namespace
} // namespace berth::control
