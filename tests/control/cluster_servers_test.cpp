#include <gtest/gtest.h>

#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using model::device_state;
using model::errc;
using model::server_status;
using testing::cluster_world;
using testing::device_of;
using testing::make_host;
using testing::make_spec;

/// Two hosts of four GPUs each, settled.
class ClusterServers : public ::testing::Test {
protected:
  ClusterServers() {
    world.connect(other);
    link = world.connect(host);
  }

  model::failure refused(model::command what) {
    auto reply = world.ask(std::move(what));
    return reply ? model::failure{errc::internal, "it was accepted", {}} : reply.error();
  }
  model::failure create_refused(const model::server_spec& spec, bool keep = true) {
    auto reply = world.ask(model::create_servers{{spec}, keep});
    auto& made = std::get<model::servers_created>(*reply).servers.front();
    return made ? model::failure{errc::internal, "it was created", {}} : made.error();
  }
  /// A stopped server with the device, its host having acted on everything.
  model::server_record stopped(const std::string& name, std::size_t gpu) {
    auto made = world.create(make_spec(name, {device_of(host, gpu)}));
    world.obey(host);
    return made;
  }

  cluster_world world;
  model::host_info other = make_host("gpu-2", 4, "A100");
  model::host_info host = make_host("gpu-1", 4);
  link_id link{};
};

TEST_F(ClusterServers, AModelThatNobodyHasIsAMistakeInTheRequest) {
  const auto why = create_refused(make_spec("typo", 1, "H10O"));
  EXPECT_EQ(why.code, errc::invalid_argument);
  EXPECT_NE(why.message.find("'H10O'"), std::string::npos) << why.message;
  EXPECT_NE(why.message.find("H100"), std::string::npos) << why.message;
  EXPECT_EQ(world.machine->state().find_server_named("typo"), nullptr);
  // One of the alternatives is enough; too many of a known model is no mistake.
  auto either = make_spec("either", 1, "H10O");
  either.devices.front().alternatives.push_back(
      {.model = "A100", .vendor = {}, .type = {}, .vendor_device = {}});
  EXPECT_EQ(world.create(either).status, server_status::deploying);
  EXPECT_EQ(create_refused(make_spec("many", 5, "H100"), false).code, errc::does_not_fit);
}

TEST_F(ClusterServers, CreatePlacesOnOneHostAndTellsItWhenDurable) {
  world.hold_commits = true;
  const auto ticket = world.send(model::create_servers{{make_spec("train-1", 2, "H100")}, true});
  EXPECT_FALSE(world.take_answer(ticket)) << "answered before it was durable";
  const auto told_before = world.told<model::desired_state>(link);
  world.commit();
  const auto answer = world.take_answer(ticket);
  ASSERT_TRUE(answer && *answer);
  const auto made = std::get<model::servers_created>(**answer).servers.front();
  ASSERT_TRUE(made);
  EXPECT_EQ(made->host, host.id);
  EXPECT_EQ(made->status, server_status::deploying);
  ASSERT_EQ(made->attachments.size(), 2U);
  for (const auto& held : made->attachments) {
    EXPECT_EQ(held.epoch, 1U);
    EXPECT_EQ(world.device(held.device).owner, made->id);
    EXPECT_EQ(world.device(held.device).state, device_state::reserved);
  }
  EXPECT_EQ(world.told<model::desired_state>(link), told_before) << "spaced from the one before";
  ASSERT_TRUE(world.machine->next_tick());
  world.now = *world.machine->next_tick();
  world.tick();
  EXPECT_EQ(world.told<model::desired_state>(link), told_before + 1);
  const auto wanted = world.desired(link);
  ASSERT_EQ(wanted->servers.size(), 1U);
  EXPECT_EQ(wanted->servers.front().id, made->id);
  EXPECT_EQ(wanted->generation, world.machine->state().find_host(host.id)->record.generation);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterServers, StopAndStartThatMergeOnTheirWayAreNewsForTheHost) {
  auto spec = make_spec("train-1", {device_of(host, 0)});
  spec.auto_start = true;
  const auto made = world.create(spec);
  world.obey(host);
  model::observed_state failed;
  failed.report = ++world.last_report;
  failed.generation = world.machine->state().find_host(host.id)->record.generation;
  failed.servers = {{made.id, server_status::start_fail, "no memory"}};
  world.say(link, failed);
  ASSERT_EQ(world.server("train-1").status, server_status::start_fail);
  world.now = *world.machine->next_tick();
  world.tick();
  const auto before = world.desired(link)->servers.front();
  const auto act = [&](model::server_action what) {
    return world.ask(model::act_on_server{"train-1", what}).has_value();
  };
  world.step(link_closed{link});
  ASSERT_TRUE(act(model::server_action::stop));
  ASSERT_TRUE(act(model::server_action::start));
  link = world.connect(host, 1, false);
  world.now += world.config.desired_retry;
  world.tick();
  const auto after = world.desired(link)->servers.front();
  EXPECT_EQ(after.desired_power, model::power::on);
  EXPECT_GT(after.restarts, before.restarts) << "the host would see nothing new";
  world.obey(host);
  ASSERT_TRUE(act(model::server_action::start));
  EXPECT_EQ(world.server("train-1").restarts, after.restarts) << "it runs: nothing to do";
}

TEST_F(ClusterServers, ALostDeviceFailsTheRunningServerThatOwnsIt) {
  auto spec = make_spec("train-1", {device_of(host, 0)});
  spec.auto_start = true;
  const auto made = world.create(spec);
  world.obey(host);
  ASSERT_EQ(world.server("train-1").status, server_status::running);
  const auto epoch = world.device(device_of(host, 0)).epoch;
  model::observed_state lost;
  lost.report = ++world.last_report;
  lost.generation = world.machine->state().find_host(host.id)->record.generation;
  lost.devices = {{device_of(host, 0), device_state::lost, "fell off the bus", epoch, ""}};
  lost.servers = {{made.id, server_status::running, "its guest does not care"}};
  world.say(link, lost);
  const auto failed = world.server("train-1");
  EXPECT_EQ(failed.status, server_status::dev_fail);
  EXPECT_NE(failed.status_reason.find("fell off the bus"), std::string::npos)
      << failed.status_reason;
  EXPECT_EQ(failed.attachments.size(), 1U) << "the record stays";
  EXPECT_EQ(world.device(device_of(host, 0)).owner, made.id);
  world.obey(host); // the device is back, and so is the host's word
  EXPECT_EQ(world.server("train-1").status, server_status::running);
}

TEST_F(ClusterServers, CreateRefusesWhatIsWrongWithTheRequest) {
  EXPECT_EQ(create_refused(make_spec("a b")).code, errc::invalid_argument);
  const auto unknown = model::device_id{model::uuid::derive({}, "nowhere")};
  EXPECT_EQ(create_refused(make_spec("s", {unknown})).code, errc::not_found);
  const auto twice = create_refused(make_spec("s", {device_of(host, 0), device_of(host, 0)}));
  EXPECT_EQ(twice.code, errc::duplicate_device);
  const auto two = create_refused(make_spec("s", {device_of(host, 0), device_of(other, 1)}));
  EXPECT_EQ(two.code, errc::devices_on_two_hosts);
  EXPECT_NE(two.message.find("'gpu-1'"), std::string::npos) << two.message;
  EXPECT_NE(two.message.find("'gpu-2'"), std::string::npos) << two.message;
  auto elsewhere = make_spec("s", {device_of(host, 0)});
  elsewhere.host = other.id;
  EXPECT_EQ(create_refused(elsewhere).code, errc::device_on_other_host);
  elsewhere.host = model::host_id{unknown.value};
  EXPECT_EQ(create_refused(elsewhere).code, errc::not_found);
  EXPECT_EQ(refused(model::create_servers{}).code, errc::invalid_argument);
  EXPECT_EQ(world.machine->state().servers().size(), 0U);
}

TEST_F(ClusterServers, CreateNamesTheOwnerOfATakenDevice) {
  stopped("train-1", 0);
  const auto taken = create_refused(make_spec("train-2", {device_of(host, 0)}));
  EXPECT_EQ(taken.code, errc::device_in_use);
  EXPECT_NE(taken.message.find("server 'train-1'"), std::string::npos) << taken.message;
  EXPECT_EQ(taken.details.at("server_name"), "train-1");
}

TEST_F(ClusterServers, CreateSaysWhyADeviceIsNotFree) {
  model::observed_state report;
  report.report = 99;
  report.devices = {{device_of(host, 0), device_state::quarantined, "reset failed", 0, ""}};
  world.say(link, report);
  const auto bad = create_refused(make_spec("s", {device_of(host, 0)}));
  EXPECT_EQ(bad.code, errc::device_not_free);
  EXPECT_NE(bad.message.find("quarantined (reset failed)"), std::string::npos) << bad.message;
}

TEST_F(ClusterServers, NamesAreUniqueAlsoAmongRequestsInFlight) {
  stopped("train-1", 0);
  EXPECT_EQ(create_refused(make_spec("train-1")).code, errc::name_in_use);
  world.hold_plans = true;
  const auto first = world.send(model::create_servers{{make_spec("train-2")}, true});
  EXPECT_EQ(create_refused(make_spec("train-2")).code, errc::name_in_use);
  world.answer_plans();
  world.commit();
  EXPECT_TRUE(world.take_answer(first));
}

TEST_F(ClusterServers, RefusedServerIsKeptOrNotAsAsked) {
  const auto none = create_refused(make_spec("big", 8, "H100"), false);
  EXPECT_EQ(none.code, errc::does_not_fit);
  EXPECT_FALSE(none.details.empty());
  EXPECT_EQ(world.machine->state().find_server_named("big"), nullptr);

  const auto reply = world.ask(model::create_servers{{make_spec("big", 8, "H100")}, true});
  const auto kept = std::get<model::servers_created>(*reply).servers.front();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->status, server_status::sched_fail);
  EXPECT_TRUE(kept->why_refused);
  EXPECT_FALSE(kept->status_reason.empty());
  EXPECT_EQ(refused(model::act_on_server{"big", model::server_action::start}).code,
            errc::wrong_state);
  EXPECT_TRUE(world.ask(model::act_on_server{"big", model::server_action::remove}));
  EXPECT_EQ(world.machine->state().find_server_named("big"), nullptr);
}

TEST_F(ClusterServers, StalePlanIsRefusedByTheTruthAndAskedAgain) {
  world.hold_plans = true;
  const auto first = world.send(model::create_servers{{make_spec("a", 1, "H100")}, true});
  const auto second = world.send(model::create_servers{{make_spec("b", 1, "H100")}, true});
  ASSERT_EQ(world.plan_wishes.size(), 2U);
  plans_made same_device; // both plans made from the same view
  for (const auto& wish : std::exchange(world.plan_wishes, {})) {
    same_device.plans.push_back({wish.id, model::placement{host.id, {device_of(host, 1)}, {}}});
  }
  world.step(std::move(same_device));
  EXPECT_EQ(world.plan_wishes.size(), 1U);
  EXPECT_EQ(world.plan_wishes.front().attempt, 2);
  world.answer_plans();
  world.commit();
  EXPECT_TRUE(*world.take_answer(first));
  EXPECT_TRUE(*world.take_answer(second));
  EXPECT_NE(world.server("a").attachments.front().device,
            world.server("b").attachments.front().device);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterServers, PlansThatNeverComeAreAskedForAgainAndThenGivenUp) {
  world.hold_plans = true;
  const auto ticket = world.send(model::create_servers{{make_spec("a")}, true});
  for (int i = 0; i < world.config.plan_attempts_max; ++i) {
    EXPECT_FALSE(world.take_answer(ticket));
    world.advance(world.config.plan_timeout);
    ASSERT_LE(*world.machine->next_tick(), world.now);
    world.tick();
  }
  const auto answer = world.take_answer(ticket);
  ASSERT_TRUE(answer && *answer);
  const auto made = std::get<model::servers_created>(**answer).servers.front();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, errc::busy);
  EXPECT_EQ(world.machine->creations_in_flight(), 0U);
}

TEST_F(ClusterServers, StartAndStopFollowTheHostsWord) {
  stopped("train-1", 0);
  EXPECT_EQ(world.server("train-1").status, server_status::ready);
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::start}));
  EXPECT_EQ(world.server("train-1").status, server_status::starting);

  model::observed_state old; // said before the host saw the request
  old.report = ++world.last_report;
  old.generation = world.machine->state().find_host(host.id)->record.generation - 1;
  old.servers = {{world.server("train-1").id, server_status::ready, ""}};
  world.say(link, old);
  EXPECT_EQ(world.server("train-1").status, server_status::starting);

  world.obey(host);
  EXPECT_EQ(world.server("train-1").status, server_status::running);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::in_use);
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::restart}));
  EXPECT_EQ(world.server("train-1").restarts, 1U);
  world.obey(host);
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::stop}));
  world.obey(host);
  EXPECT_EQ(world.server("train-1").status, server_status::ready);
  EXPECT_EQ(world.device(device_of(host, 0)).owner, world.server("train-1").id)
      << "a GPU stays with its stopped server";
  EXPECT_EQ(refused(model::act_on_server{"train-1", model::server_action::restart}).code,
            errc::wrong_state);
  EXPECT_EQ(refused(model::act_on_server{"nobody", model::server_action::start}).code,
            errc::not_found);
}

TEST_F(ClusterServers, AttachAndDetachNeedAStoppedServer) {
  auto spec = make_spec("train-1", {device_of(host, 0)});
  spec.auto_start = true;
  world.create(spec);
  world.obey(host);
  ASSERT_EQ(world.server("train-1").status, server_status::running);
  const model::attach_device attach{"train-1", to_string(device_of(host, 1)), {}};
  const model::detach_device detach{"train-1", to_string(device_of(host, 0))};
  const auto running = refused(attach);
  EXPECT_EQ(running.code, errc::server_not_stopped);
  EXPECT_EQ(running.message,
            "server 'train-1' is running; stop it first: berthctl server-stop train-1");
  EXPECT_EQ(refused(detach).code, errc::server_not_stopped);

  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::stop}));
  world.obey(host);
  ASSERT_TRUE(world.ask(attach));
  EXPECT_EQ(world.server("train-1").attachments.size(), 2U);
  EXPECT_EQ(refused(attach).code, errc::device_in_use);
  ASSERT_TRUE(world.ask(detach));
  EXPECT_EQ(world.server("train-1").attachments.size(), 1U);
  EXPECT_EQ(refused(detach).code, errc::not_attached);
  EXPECT_EQ(world.device(device_of(host, 0)).epoch, 2U);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterServers, AttachNamesWhatIsWrong) {
  stopped("train-1", 0);
  stopped("train-2", 1);
  const auto attach = [&](const std::string& server, model::device_id device) {
    return refused(model::attach_device{server, to_string(device), {}});
  };
  EXPECT_EQ(attach("nobody", device_of(host, 2)).code, errc::not_found);
  EXPECT_EQ(attach("train-1", {model::uuid::derive({}, "x")}).code, errc::not_found);
  EXPECT_EQ(attach("train-1", device_of(other, 0)).code, errc::device_on_other_host);
  const auto owned = attach("train-1", device_of(host, 1));
  EXPECT_EQ(owned.code, errc::device_in_use);
  EXPECT_NE(owned.message.find("server 'train-2'"), std::string::npos) << owned.message;
  EXPECT_EQ(
      refused(model::attach_device{"train-1", to_string(device_of(host, 2)), model::dev_type::pci})
          .code,
      errc::invalid_argument);
  const auto reply = world.ask(model::create_servers{{make_spec("big", 8, "H100")}, true});
  EXPECT_EQ(attach("big", device_of(host, 2)).code, errc::wrong_state);
}

TEST_F(ClusterServers, DeletedServersDeviceIsOfferedOnlyAfterTheHostConfirmed) {
  const auto made = stopped("train-1", 0);
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::remove}));
  EXPECT_TRUE(world.server("train-1").deleting);
  const auto released = world.device(device_of(host, 0));
  EXPECT_EQ(released.owner, std::nullopt);
  EXPECT_EQ(released.epoch, 2U);
  EXPECT_EQ(released.state, device_state::releasing);
  EXPECT_EQ(create_refused(make_spec("next", {device_of(host, 0)})).code, errc::device_not_free);

  model::observed_state stale; // a `free` from before the server had the device
  stale.report = ++world.last_report;
  stale.generation = 1'000'000;
  stale.devices = {{device_of(host, 0), device_state::free, "", 1, ""}};
  world.say(link, stale);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::releasing);

  world.obey(host);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::free);
  EXPECT_EQ(world.machine->state().find_server(made.id), nullptr);
  world.create(make_spec("next", {device_of(host, 0)}));
  EXPECT_EQ(world.device(device_of(host, 0)).epoch, 3U);
}

TEST_F(ClusterServers, DeleteOnAnOfflineHostFinishesWhenItReturns) {
  const auto made = stopped("train-1", 0);
  world.step(lease_expired{link});
  EXPECT_EQ(refused(model::act_on_server{"train-1", model::server_action::start}).code,
            errc::host_offline);
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::remove}));
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::remove}))
      << "asking twice is no error";
  EXPECT_TRUE(world.server("train-1").deleting);
  link = world.connect(host, 1, false);
  model::observed_state before = testing::full_report(host, ++world.last_report);
  before.generation = 1; // the host has not seen the deletion: its server is still there
  before.devices.clear();
  world.say(link, before);
  EXPECT_NE(world.machine->state().find_server(made.id), nullptr);
  world.obey(host);
  EXPECT_EQ(world.machine->state().find_server(made.id), nullptr);
}

TEST_F(ClusterServers, LostDeviceMarksItsServerAndDetachingHealsIt) {
  stopped("train-1", 0);
  model::observed_state report;
  report.report = ++world.last_report;
  report.devices = {{device_of(host, 0), device_state::lost, "config space reads 0xff", 1, ""}};
  world.say(link, report);
  const auto failed = world.server("train-1");
  EXPECT_EQ(failed.status, server_status::dev_fail);
  EXPECT_NE(failed.status_reason.find("0xff"), std::string::npos) << failed.status_reason;
  EXPECT_EQ(failed.attachments.size(), 1U) << "the record stays";
  const auto start = refused(model::act_on_server{"train-1", model::server_action::start});
  EXPECT_EQ(start.code, errc::wrong_state);
  EXPECT_NE(start.message.find("server-detach-isolated-device train-1"), std::string::npos);
  ASSERT_TRUE(world.ask(model::detach_device{"train-1", to_string(device_of(host, 0))}));
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::lost);
  world.obey(host);
  EXPECT_EQ(world.server("train-1").status, server_status::ready);
}

TEST_F(ClusterServers, WindowsTakesVgaOnlyWithUefi) {
  ASSERT_TRUE(world.ask(model::update_devices{
      {to_string(device_of(host, 0))}, {}, {}, {}, model::dev_type::gpu_vga, {}}));
  auto spec = make_spec("win", {device_of(host, 0)});
  spec.os = "windows";
  EXPECT_EQ(create_refused(spec).code, errc::invalid_argument);
  spec.boot = model::firmware::uefi;
  world.create(spec);
}

TEST_F(ClusterServers, UnitsAreAttachedAndDetachedWhole) {
  host.devices[2].allocation_unit = host.devices[3].allocation_unit = "group 22";
  world.say(link, model::inventory_report{host});
  stopped("train-1", 0);
  ASSERT_TRUE(world.ask(model::attach_device{"train-1", to_string(device_of(host, 3)), {}}));
  EXPECT_EQ(world.server("train-1").attachments.size(), 3U);
  ASSERT_TRUE(world.ask(model::detach_device{"train-1", to_string(device_of(host, 2))}));
  EXPECT_EQ(world.server("train-1").attachments.size(), 1U);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterServers, BatchAnswersEverySpecificationInOrder) {
  const auto reply = world.ask(model::create_servers{
      {make_spec("a", 1, "H100"), make_spec("bad name"), make_spec("b", 9, "H100"), make_spec("c")},
      false});
  ASSERT_TRUE(reply);
  const auto& made = std::get<model::servers_created>(*reply).servers;
  ASSERT_EQ(made.size(), 4U);
  EXPECT_TRUE(made[0]);
  EXPECT_EQ(made[1].error().code, errc::invalid_argument);
  EXPECT_EQ(made[2].error().code, errc::does_not_fit);
  EXPECT_TRUE(made[3]);
}

TEST_F(ClusterServers, ForecastPlacesNothing) {
  const auto before = world.log.size();
  const auto reply = world.ask(model::forecast_servers{make_spec("x", 3, "H100"), 5});
  ASSERT_TRUE(reply);
  const auto& told = std::get<model::forecast>(*reply);
  EXPECT_EQ(told.allow_count, 1);
  EXPECT_TRUE(told.why_not);
  EXPECT_EQ(world.log.size(), before);
  EXPECT_EQ(refused(model::forecast_servers{make_spec("x"), 0}).code, errc::invalid_argument);
}

TEST_F(ClusterServers, AnExplanationPlacesNothing) {
  const auto before = world.log.size();
  const auto reply = world.ask(model::explain_placement{make_spec("x", 3, "H100"), {"gpu-1"}});
  ASSERT_TRUE(reply);
  const auto& told = std::get<model::explanation>(*reply);
  const auto* where = std::get_if<model::placement>(&told.where);
  ASSERT_NE(where, nullptr);
  EXPECT_FALSE(where->scores.empty());
  EXPECT_EQ(told.host_name, "gpu-1");
  EXPECT_EQ(told.capacity, 1);
  ASSERT_EQ(told.hosts.size(), 1U);
  EXPECT_TRUE(told.hosts.front().is_best);
  EXPECT_EQ(world.log.size(), before);

  const auto no = world.ask(model::explain_placement{make_spec("x", 8, "H100"), {}});
  ASSERT_TRUE(no);
  const auto* why = std::get_if<model::refusal>(&std::get<model::explanation>(*no).where);
  ASSERT_NE(why, nullptr);
  EXPECT_FALSE(why->suggestions.empty());
  EXPECT_EQ(std::get<model::explanation>(*no).capacity, 0);
}

TEST_F(ClusterServers, AnExplanationAsksAboutHostsThatThereAre) {
  const auto unknown = refused(model::explain_placement{make_spec("x"), {"gpu-1", "gpu-99"}});
  EXPECT_EQ(unknown.code, errc::not_found);
  EXPECT_NE(unknown.message.find("gpu-99"), std::string::npos) << unknown.message;
  const std::vector<std::string> many(17, "gpu-1");
  EXPECT_EQ(refused(model::explain_placement{make_spec("x"), many}).code, errc::invalid_argument);
  auto impossible = make_spec("x");
  impossible.vcpus = 0;
  EXPECT_EQ(refused(model::explain_placement{impossible, {}}).code, errc::invalid_argument);
}

TEST_F(ClusterServers, AServerThatIsCreatedAloneKeepsWhyItWasPlaced) {
  const auto alone = world.create(make_spec("alone", 1, "H100"));
  ASSERT_TRUE(alone.why_placed);
  EXPECT_EQ(alone.why_placed->policy, "best-fit");
  EXPECT_FALSE(alone.why_placed->scores.empty());

  const auto reply = world.ask(
      model::create_servers{{make_spec("a", 1, "H100"), make_spec("b", 1, "H100")}, true});
  for (const auto& each : std::get<model::servers_created>(*reply).servers) {
    EXPECT_FALSE(each->why_placed);
  }
}

} // namespace
} // namespace berth::control
