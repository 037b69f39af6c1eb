#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using model::errc;
using model::server_status;
using std::chrono::hours;
using std::chrono::minutes;
using testing::cluster_world;
using testing::device_of;
using ::testing::HasSubstr;
using testing::make_host;
using testing::make_spec;

/// One host of four GPUs, settled.
class ClusterQueue : public ::testing::Test {
protected:
  ClusterQueue() { link = world.connect(host); }

  model::server_record create(model::server_spec spec) {
    auto reply = world.ask(model::create_servers{{std::move(spec)}, true});
    return *std::get<model::servers_created>(*reply).servers.front();
  }
  static model::server_spec patient(const std::string& name, int gpus, std::int32_t priority = 0) {
    auto spec = make_spec(name, gpus);
    spec.wait_for_capacity = hours{2};
    spec.priority = priority;
    return spec;
  }
  void remove(const std::string& name) {
    ASSERT_TRUE(world.ask(model::act_on_server{name, model::server_action::remove}));
    world.obey(host, link);
  }
  std::string status(const std::string& name) {
    return std::string{to_string(world.server(name).status)};
  }
  model::server_row row(const std::string& name) {
    return std::get<model::server_row>(*world.query(model::get_server{name}));
  }

  cluster_world world;
  model::host_info host = make_host("gpu-1", 4);
  link_id link{};
};

TEST_F(ClusterQueue, WaitsAndIsPlacedWhenAnotherGoes) {
  world.create(make_spec("first", 4));
  auto spec = patient("second", 2);
  spec.auto_start = true;
  spec.lifetime = hours{5};
  const auto waiting = create(spec);
  EXPECT_EQ(waiting.status, server_status::scheduling);
  EXPECT_EQ(waiting.host, std::nullopt);
  EXPECT_THAT(waiting.status_reason, HasSubstr("1 lacks devices"));
  EXPECT_EQ(wait_deadline(waiting), world.now + hours{2});
  EXPECT_EQ(row("second").queue_position, 1);
  EXPECT_EQ(row("first").queue_position, 0);

  world.advance(minutes{7});
  remove("first");
  const auto placed = world.server("second");
  EXPECT_EQ(placed.status, server_status::deploying);
  EXPECT_EQ(placed.host, host.id);
  EXPECT_EQ(placed.attachments.size(), 2U);
  EXPECT_EQ(placed.desired_power, model::power::on);
  EXPECT_EQ(placed.ends_at, world.now + hours{5});
  EXPECT_EQ(placed.why_refused, std::nullopt);
  EXPECT_TRUE(placed.status_reason.empty());
  EXPECT_TRUE(world.machine->state().waiting().empty());
  const auto settled = std::ranges::find_if(world.effects, [](const effect& what) {
    return std::holds_alternative<placement_settled>(what);
  });
  ASSERT_NE(settled, world.effects.end());
  EXPECT_TRUE(std::get<placement_settled>(*settled).placed);
  EXPECT_EQ(std::get<placement_settled>(*settled).waited, minutes{7});
  world.settle();
  world.obey(host, link);
  EXPECT_EQ(world.server("second").status, server_status::running);
}

TEST_F(ClusterQueue, PriorityThenAge) {
  world.create(make_spec("all", 4));
  world.obey(host, link);
  create(patient("old", 1));
  create(patient("young", 1));
  create(patient("urgent", 1, 5));
  create(patient("big", 4, 9));
  EXPECT_EQ(row("big").queue_position, 1);
  EXPECT_EQ(row("urgent").queue_position, 2);
  EXPECT_EQ(row("old").queue_position, 3);
  EXPECT_EQ(row("young").queue_position, 4);
  // Two come free: too few for the first in line, enough for the next two.
  for (std::size_t gpu : {0U, 1U}) {
    ASSERT_TRUE(world.ask(model::detach_device{"all", to_string(device_of(host, gpu))}));
  }
  world.obey(host, link);
  EXPECT_EQ(status("big"), "scheduling");
  EXPECT_EQ(status("urgent"), "deploying");
  EXPECT_EQ(status("old"), "deploying");
  EXPECT_EQ(status("young"), "scheduling");
  EXPECT_EQ(row("young").queue_position, 2);
}

TEST_F(ClusterQueue, InLineBeforeWhoeverComesLater) {
  world.create(make_spec("all", 4));
  create(patient("waiting", 4));
  // The devices come free and a new request arrives in the same step: the queue goes first.
  ASSERT_TRUE(world.ask(model::act_on_server{"all", model::server_action::remove}));
  world.hold_plans = true;
  const auto late = world.send(model::create_servers{{make_spec("late", 1)}, true});
  world.obey(host, link);
  EXPECT_EQ(status("waiting"), "deploying");
  world.hold_plans = false;
  world.answer_plans();
  world.commit();
  const auto answer = world.take_answer(late);
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ(std::get<model::servers_created>(**answer).servers.front()->status,
            server_status::sched_fail);
}

TEST_F(ClusterQueue, TheDeadlineEndsItWithTheExplanation) {
  world.create(make_spec("all", 3));
  create(patient("waiting", 2));
  world.advance(hours{2} - minutes{1});
  world.settle();
  EXPECT_EQ(status("waiting"), "scheduling");
  EXPECT_EQ(world.machine->next_tick() <= world.now + minutes{1}, true);
  world.advance(minutes{1});
  world.settle();
  const auto failed = world.server("waiting");
  EXPECT_EQ(failed.status, server_status::sched_fail);
  EXPECT_THAT(failed.status_reason, HasSubstr("waited in vain: no host fits: 1 lacks devices"));
  ASSERT_TRUE(failed.why_refused);
  ASSERT_FALSE(failed.why_refused->suggestions.empty());
  EXPECT_THAT(failed.why_refused->suggestions.front().change, HasSubstr("1 GPU-HPC instead of 2"));
  remove("all");
  EXPECT_EQ(status("waiting"), "sched_fail") << "it does not wait any more";
}

TEST_F(ClusterQueue, TheDeadlineHoldsThoughNoSchedulerAnswers) {
  world.create(make_spec("all", 4));
  create(patient("waiting", 2));
  world.hold_plans = true;
  world.advance(hours{2});
  world.settle();
  EXPECT_EQ(status("waiting"), "scheduling");
  world.advance(world.config.plan_timeout);
  world.settle();
  EXPECT_EQ(status("waiting"), "sched_fail");
  EXPECT_THAT(world.server("waiting").status_reason, HasSubstr("1 lacks devices"));
}

TEST_F(ClusterQueue, DeletingTakesItOut) {
  world.create(make_spec("all", 4));
  create(patient("waiting", 2));
  create(patient("next", 1));
  auto gone = world.ask(model::act_on_server{"waiting", model::server_action::remove});
  ASSERT_TRUE(gone);
  EXPECT_EQ(world.machine->state().find_server_named("waiting"), nullptr);
  EXPECT_EQ(row("next").queue_position, 1);
  remove("all");
  EXPECT_EQ(status("next"), "deploying");
  auto start = world.ask(model::act_on_server{"next", model::server_action::start});
  EXPECT_TRUE(start);
}

TEST_F(ClusterQueue, WhoWaitsHasNothingToStart) {
  world.create(make_spec("all", 4));
  create(patient("waiting", 2));
  auto start = world.ask(model::act_on_server{"waiting", model::server_action::start});
  ASSERT_FALSE(start);
  EXPECT_EQ(start.error().code, errc::wrong_state);
  EXPECT_THAT(start.error().message, HasSubstr("waits for capacity"));
}

TEST_F(ClusterQueue, SurvivesARestart) {
  world.create(make_spec("all", 4));
  create(patient("old", 1));
  world.advance(minutes{1});
  create(patient("urgent", 2, 5));
  world.restart();
  EXPECT_EQ(row("urgent").queue_position, 1);
  EXPECT_EQ(row("old").queue_position, 2);
  EXPECT_EQ(wait_deadline(world.server("urgent")), world.now + hours{2});
  link = world.connect(host);
  world.settle();
  EXPECT_EQ(status("old"), "scheduling");
  remove("all");
  EXPECT_EQ(status("urgent"), "deploying");
  EXPECT_EQ(status("old"), "deploying");
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterQueue, AHostThatReturnsIsOfferedToTheQueue) {
  const auto second = make_host("gpu-2", 4);
  world.create(make_spec("all", 4));
  create(patient("waiting", 4));
  const auto its = world.connect(second, 1, false);
  EXPECT_EQ(status("waiting"), "scheduling") << "its devices are not known yet";
  world.say(its, testing::full_report(second, 1));
  EXPECT_EQ(status("waiting"), "deploying");
}

TEST_F(ClusterQueue, WhatCameFreeWhileItWasPlannedIsNotMissed) {
  world.create(make_spec("all", 4));
  world.hold_plans = true;
  world.send(model::create_servers{{patient("waiting", 4)}, true});
  const auto planned = [this] {
    plans_made made;
    for (const auto& wish : std::exchange(world.plan_wishes, {})) {
      made.plans.push_back({wish.id, scheduler::explain(world.replica, wish.request)});
    }
    return made;
  };
  world.step(planned());
  auto explained = planned(); // before...
  remove("all");              // ...this
  world.step(std::move(explained));
  EXPECT_EQ(status("waiting"), "deploying");
  EXPECT_TRUE(world.plan_wishes.empty());
}

TEST_F(ClusterQueue, ANamedDeviceCanBeWaitedFor) {
  const auto first = world.create(make_spec("first", {device_of(host, 1)}));
  auto spec = make_spec("second", {device_of(host, 1)});
  auto refused = world.ask(model::create_servers{{spec}, true});
  EXPECT_EQ(std::get<model::servers_created>(*refused).servers.front().error().code,
            errc::device_in_use);
  spec.wait_for_capacity = hours{1};
  EXPECT_EQ(create(spec).status, server_status::scheduling);
  remove("first");
  EXPECT_EQ(world.device(device_of(host, 1)).owner, world.server("second").id);
}

TEST_F(ClusterQueue, ALostCommitPutsThemBackInLine) {
  world.create(make_spec("all", 4));
  create(patient("waiting", 2));
  ASSERT_TRUE(world.ask(model::act_on_server{"all", model::server_action::remove}));
  world.hold_commits = true;
  world.obey(host, link);
  EXPECT_EQ(status("waiting"), "deploying");
  world.fail_commit();
  EXPECT_EQ(status("waiting"), "scheduling");
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
  world.hold_commits = false;
  world.advance(minutes{1});
  world.settle();
  world.obey(host, link);
  EXPECT_EQ(status("waiting"), "deploying");
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterQueue, WindowsThatGetsAVgaDeviceIsGivenUp) {
  model::update_devices to_vga;
  for (std::size_t gpu = 0; gpu < 4; ++gpu) {
    to_vga.devices.push_back(to_string(device_of(host, gpu)));
  }
  to_vga.type = model::dev_type::gpu_vga;
  ASSERT_TRUE(world.ask(to_vga));
  world.obey(host, link);
  world.create(make_spec("all", 4, "H100"));
  auto spec = make_spec("waiting", 1, "H100");
  spec.wait_for_capacity = hours{1};
  spec.os = "windows";
  EXPECT_EQ(create(spec).status, server_status::scheduling);
  remove("all");
  EXPECT_EQ(status("waiting"), "sched_fail");
  EXPECT_THAT(world.server("waiting").status_reason, HasSubstr("only with uefi"));
}

TEST_F(ClusterQueue, WhyItWaitsIsSaidAsOfNow) {
  world.create(make_spec("all", 4));
  create(patient("waiting", 2));
  EXPECT_THAT(row("waiting").server.status_reason, HasSubstr("1 lacks devices"));
  model::update_host off;
  off.host = "gpu-1";
  off.enabled = false;
  ASSERT_TRUE(world.ask(off));
  EXPECT_THAT(row("waiting").server.status_reason, HasSubstr("1 is disabled"));
}

TEST_F(ClusterQueue, AManyFreedAtOnceAreOfferedInOrder) {
  // More hosts come at once than are looked at one by one.
  std::vector<model::host_info> hosts;
  world.create(make_spec("all", 4));
  for (int i = 0; i < 100; ++i) {
    create(patient("w" + std::to_string(i), 1 + i % 3, i % 7));
    hosts.push_back(make_host("more-" + std::to_string(i), 1 + i % 3));
  }
  std::vector<input> inputs;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const link_id its{++world.last_link};
    inputs.emplace_back(
        link_opened{its, {model::uuid::derive(hosts[i].id.value, "life")}, hosts[i]});
    inputs.emplace_back(host_said{its, testing::full_report(hosts[i], 1), world.now});
  }
  world.steps(inputs);
  world.settle();
  EXPECT_TRUE(world.machine->state().waiting().empty());
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

} // namespace
} // namespace berth::control
