#include <limits>

#include <gtest/gtest.h>

#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using model::device_state;
using model::errc;
using model::host_status;
using model::server_status;
using testing::cluster_world;
using testing::device_of;
using testing::make_host;
using testing::make_spec;

class ClusterHosts : public ::testing::Test {
protected:
  const model::host_record& host_record() {
    return world.machine->state().find_host(host.id)->record;
  }
  model::failure refused(model::command what) {
    auto reply = world.ask(std::move(what));
    return reply ? model::failure{errc::internal, "it was accepted", {}} : reply.error();
  }
  const model::failure* closed(link_id link) {
    const auto found = world.closed.find(static_cast<std::uint64_t>(link));
    return found == world.closed.end() ? nullptr : &found->second;
  }
  std::size_t notes(note_kind kind) {
    std::size_t count = 0;
    for (const auto& each : world.effects) {
      const auto* found = std::get_if<note>(&each);
      count += found != nullptr && found->kind == kind ? 1U : 0U;
    }
    return count;
  }

  cluster_world world;
  model::host_info host = make_host("gpu-1", 2);
};

TEST_F(ClusterHosts, HelloRegistersAndAFullReportSettles) {
  const auto link = world.connect(host, 1, false);
  EXPECT_TRUE(world.welcomed.count(static_cast<std::uint64_t>(link)));
  EXPECT_EQ(host_record().status, host_status::online);
  EXPECT_FALSE(host_record().settled);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::discovered);
  EXPECT_EQ(world.device(device_of(host, 0)).reserve, model::default_gpu_reserve);
  const auto reply = world.ask(model::create_servers{{make_spec("s")}, false});
  EXPECT_FALSE(std::get<model::servers_created>(*reply).servers.front())
      << "nothing is placed on an unsettled host";
  world.say(link, testing::full_report(host, 1));
  EXPECT_TRUE(host_record().settled);
  EXPECT_EQ(world.told<model::report_acknowledged>(link), 1U);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::free);
}

TEST_F(ClusterHosts, ListShowsTheNewestFirst) {
  world.connect(host);
  const auto rows = std::get<model::rows<model::device_row>>(*world.query(model::list_devices{}));
  ASSERT_EQ(rows.items.size(), 2U);
  EXPECT_GT(rows.items[0].device.info.address, rows.items[1].device.info.address);
  EXPECT_EQ(rows.items[0].host_name, "gpu-1");
}

TEST_F(ClusterHosts, TwoAgentsCannotBeOneHost) {
  const auto first = world.connect(host, 1);
  const auto clone = world.connect(host, 2);
  ASSERT_NE(closed(clone), nullptr);
  EXPECT_EQ(closed(clone)->code, errc::wrong_state);
  EXPECT_EQ(closed(first), nullptr);
  const auto newer = world.connect(host, 1);
  EXPECT_EQ(closed(newer), nullptr) << "the same life over a newer connection";
  EXPECT_NE(closed(first), nullptr);
  world.step(link_closed{newer});
  EXPECT_EQ(closed(world.connect(host, 2)), nullptr)
      << "a restarted agent after its old link closed";
}

TEST_F(ClusterHosts, IdsAndNamesBelongToOneHost) {
  world.connect(host);
  auto same_name = make_host("gpu-2", 1);
  same_name.name = host.name;
  EXPECT_NE(closed(world.connect(same_name)), nullptr);
  auto same_id = make_host("gpu-3", 1);
  same_id.id = host.id;
  EXPECT_NE(closed(world.connect(same_id)), nullptr);
  auto thief = make_host("gpu-4", 1);
  thief.devices.front().id = device_of(host, 0);
  const auto link = world.connect(thief);
  ASSERT_NE(closed(link), nullptr);
  EXPECT_NE(closed(link)->message.find("another host"), std::string::npos);
  auto twice = make_host("gpu-5", 2);
  twice.devices[1].id = twice.devices[0].id;
  EXPECT_EQ(closed(world.connect(twice))->code, errc::duplicate_device);
  auto one_place = make_host("gpu-6", 2);
  one_place.devices[1].address = one_place.devices[0].address;
  const auto why = closed(world.connect(one_place));
  EXPECT_EQ(why->code, errc::duplicate_device);
  EXPECT_NE(why->message.find(to_string(one_place.devices[0].address)), std::string::npos);
  auto vast = make_host("gpu-7", 2);
  vast.capacity.memory_mib = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(closed(world.connect(vast))->code, errc::invalid_argument);
  EXPECT_EQ(world.machine->state().hosts().size(), 1U);
}

TEST_F(ClusterHosts, FlappingLinkWithinItsLeaseChangesNothing) {
  const auto link = world.connect(host);
  const auto before = world.log.size();
  world.step(link_closed{link});
  world.advance(world.config.lease / 2);
  world.tick();
  world.connect(host, 1, false);
  EXPECT_EQ(world.log.size(), before);
  EXPECT_TRUE(host_record().settled);
}

TEST_F(ClusterHosts, TheLeaseCountsFromTheLinksLatestSignOfLife) {
  const auto link = world.connect(host);
  world.advance(world.config.lease * 3);
  const auto heard = world.now;
  world.advance(world.config.lease / 3);
  world.step(link_closed{link, heard});
  EXPECT_EQ(world.machine->last_seen(host.id), heard);
  EXPECT_EQ(world.machine->next_tick(), heard + world.config.lease);
}

TEST_F(ClusterHosts, OfAHostThatFellSilentItIsKnownWhenItWasHeardLast) {
  const auto link = world.connect(host);
  world.advance(world.config.lease * 3);
  const auto heard = world.now;
  world.advance(world.config.lease);
  world.step(lease_expired{link, heard});
  EXPECT_EQ(host_record().status, host_status::offline);
  EXPECT_EQ(world.machine->last_seen(host.id), heard);
}

TEST_F(ClusterHosts, LeaseOverMeansOfflineAndNothingMoves) {
  const auto link = world.connect(host);
  const auto made = world.create(make_spec("train-1", {device_of(host, 0)}));
  world.step(link_closed{link});
  ASSERT_TRUE(world.machine->next_tick());
  world.advance(world.config.lease);
  world.tick();
  EXPECT_EQ(host_record().status, host_status::offline);
  EXPECT_FALSE(host_record().settled);
  EXPECT_EQ(world.server("train-1").host, made.host);
  EXPECT_EQ(world.device(device_of(host, 0)).owner, made.id);
}

TEST_F(ClusterHosts, ControllerRestartLeavesHostsOfflineUntilTheyReturn) {
  world.connect(host);
  world.create(make_spec("train-1", {device_of(host, 0)}));
  const auto epoch = world.machine->state().leader();
  world.restart();
  EXPECT_EQ(world.machine->state().leader(), epoch + 1);
  EXPECT_EQ(host_record().status, host_status::offline);
  const auto link = world.connect(host);
  EXPECT_TRUE(host_record().settled);
  const auto wanted = world.desired(link);
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->leader, epoch + 1);
  EXPECT_EQ(wanted->servers.size(), 1U) << "what the host shall do comes with the link";
}

TEST_F(ClusterHosts, DesiredStateIsSentAgainUntilTheHostActsOnIt) {
  const auto link = world.connect(host);
  world.create(make_spec("train-1", {device_of(host, 0)}));
  world.now = *world.machine->next_tick();
  world.tick();
  const auto told = world.told<model::desired_state>(link);
  world.advance(world.config.desired_retry);
  world.tick();
  EXPECT_EQ(world.told<model::desired_state>(link), told + 1);
  world.obey(host);
  world.advance(world.config.desired_retry * 2);
  world.tick();
  EXPECT_EQ(world.told<model::desired_state>(link), told + 1);
}

TEST_F(ClusterHosts, UnknownServersAndDevicesAreDriftAndNothingElse) {
  const auto link = world.connect(host);
  const auto before = world.log.size();
  model::observed_state report;
  report.report = 5;
  report.servers = {{{model::uuid::derive({}, "alien")}, server_status::running, ""}};
  report.devices = {{{model::uuid::derive({}, "alien")}, device_state::free, "", 0, ""}};
  world.say(link, report);
  EXPECT_EQ(notes(note_kind::drift_unknown_server), 1U);
  EXPECT_EQ(notes(note_kind::drift_unknown_device), 1U);
  EXPECT_EQ(world.log.size(), before);
}

TEST_F(ClusterHosts, ReportsNeverChangeOwnership) {
  const auto link = world.connect(host);
  const auto made = world.create(make_spec("train-1", {device_of(host, 0)}));
  model::observed_state report;
  report.report = 5;
  report.devices = {{device_of(host, 0), device_state::free, "", 1, ""},
                    {device_of(host, 1), device_state::in_use, "", 7, ""}};
  world.say(link, report);
  EXPECT_EQ(notes(note_kind::drift_device_free), 1U);
  EXPECT_EQ(notes(note_kind::drift_device_in_use), 1U);
  EXPECT_EQ(notes(note_kind::drift_epoch_ahead), 1U);
  EXPECT_EQ(world.device(device_of(host, 0)).owner, made.id);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::reserved);
  EXPECT_EQ(world.device(device_of(host, 1)).owner, std::nullopt);
  report.devices = {{device_of(host, 1), device_state::free, "", 7, ""}};
  world.say(link, report);
  world.create(make_spec("train-2", {device_of(host, 1)}));
  EXPECT_EQ(world.device(device_of(host, 1)).epoch, 8U) << "above what the host has obeyed";
}

TEST_F(ClusterHosts, AHostThatIsSilentAboutAChangeIsAsked) {
  const auto link = world.connect(host);
  auto spec = make_spec("train-1", {device_of(host, 0)});
  spec.auto_start = true;
  const auto made = world.create(spec);
  world.obey(host);
  model::observed_state exited; // the guest powers off by itself...
  exited.report = ++world.last_report;
  exited.generation = host_record().generation;
  exited.servers = {{made.id, server_status::ready, "powered off"}};
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::stop}));
  world.say(link, exited); // ...while it is asked to stop: out of date
  EXPECT_EQ(world.server("train-1").status, server_status::stopping);
  model::observed_state acted; // for the host nothing changed: only the generation
  acted.report = ++world.last_report;
  acted.generation = host_record().generation;
  const auto before = world.told<model::full_report_request>(link);
  world.say(link, acted);
  EXPECT_EQ(world.told<model::full_report_request>(link), before + 1);
  world.obey(host);
  EXPECT_EQ(world.server("train-1").status, server_status::ready);
}

TEST_F(ClusterHosts, AHostThatNeverKnewADeletedServerIsAskedUntilItAnswers) {
  world.connect(host);
  world.create(make_spec("train-1", {device_of(host, 0)}));
  world.restart(); // before the host heard of it
  const auto link = world.connect(host, 1, false);
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::remove}));
  world.say(link, testing::full_report(host, ++world.last_report)); // out of date by now
  model::observed_state acted; // nothing to say: it has no such server
  acted.report = ++world.last_report;
  acted.generation = host_record().generation;
  world.say(link, acted);
  for (std::size_t asked = 1; asked <= 5; ++asked) { // each time the request or the answer is lost
    EXPECT_EQ(world.told<model::full_report_request>(link), asked);
    world.advance(world.config.report_retry / 2);
    world.tick();
    EXPECT_EQ(world.told<model::full_report_request>(link), asked) << "at a bounded pace";
    world.advance(world.config.report_retry);
    ASSERT_LE(world.machine->next_tick().value(), world.now);
    world.tick();
  }
  auto everything = testing::full_report(host, ++world.last_report);
  everything.generation = acted.generation;
  everything.devices[0].obeyed = world.device(device_of(host, 0)).epoch;
  world.say(link, everything);
  EXPECT_EQ(world.machine->state().servers().size(), 0U);
  const auto asked = world.told<model::full_report_request>(link);
  world.advance(world.config.report_retry * 3);
  world.tick();
  EXPECT_EQ(world.told<model::full_report_request>(link), asked) << "nothing is left to ask for";
}

TEST_F(ClusterHosts, VanishedDevicesAreLostAndCanBeForgotten) {
  const auto link = world.connect(host);
  const auto gone = device_of(host, 0);
  EXPECT_EQ(refused(model::remove_device{to_string(gone), false}).code, errc::wrong_state);
  world.create(make_spec("train-1", {gone}));
  auto less = host;
  less.devices.erase(less.devices.begin());
  world.say(link, model::inventory_report{less});
  EXPECT_EQ(world.device(gone).state, device_state::lost);
  EXPECT_FALSE(world.device(gone).present);
  EXPECT_EQ(world.server("train-1").status, server_status::dev_fail);
  const auto held = refused(model::remove_device{to_string(gone), false});
  EXPECT_EQ(held.code, errc::not_empty);
  EXPECT_NE(held.message.find("server 'train-1'"), std::string::npos) << held.message;
  ASSERT_TRUE(world.ask(model::remove_device{to_string(gone), true}));
  EXPECT_EQ(world.machine->state().find_device(gone), nullptr);
  EXPECT_TRUE(world.server("train-1").attachments.empty());
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterHosts, DeviceSettings) {
  world.connect(host);
  const auto id = to_string(device_of(host, 0));
  EXPECT_EQ(refused(model::update_devices{{id}, -1, {}, {}, {}, {}}).code, errc::invalid_argument);
  EXPECT_EQ(refused(model::update_devices{}).code, errc::invalid_argument);
  world.create(make_spec("train-1", {device_of(host, 0)}));
  const auto reply =
      world.ask(model::update_devices{{id, "unknown"}, 2, 1024, {}, model::dev_type::gpu_vga, {}});
  const auto& done = std::get<model::devices_updated>(*reply).devices;
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0]->type, model::dev_type::gpu_vga);
  EXPECT_EQ(done[0]->reserve, (model::resources{2, 1024, 102'400}));
  EXPECT_EQ(done[1].error().code, errc::not_found);
  EXPECT_EQ(world.server("train-1").attachments.front().type, model::dev_type::gpu_vga);
  const auto pci = world.ask(model::update_devices{{id}, {}, {}, {}, model::dev_type::pci, {}});
  EXPECT_EQ(std::get<model::devices_updated>(*pci).devices[0].error().code, errc::invalid_argument);
}

TEST_F(ClusterHosts, HostSettings) {
  world.connect(host);
  model::update_host command;
  command.host = "gpu-1";
  command.cpu_overcommit_milli = 999;
  EXPECT_EQ(refused(command).code, errc::invalid_argument);
  command.cpu_overcommit_milli = 4000;
  command.memory_overcommit_milli = 2001;
  EXPECT_EQ(refused(command).code, errc::invalid_argument);
  command.memory_overcommit_milli = 1500;
  command.tags = {{"rack-2", "gpu", "gpu"}};
  ASSERT_TRUE(world.ask(command));
  EXPECT_EQ(host_record().tags, (std::vector<std::string>{"gpu", "rack-2"}));
  command.reserve = model::resources{1'000'000, 0, 0};
  EXPECT_EQ(refused(command).code, errc::invalid_argument);
  command.reserve = model::resources{-1, 0, 0};
  EXPECT_EQ(refused(command).code, errc::invalid_argument);
  command.host = "nobody";
  EXPECT_EQ(refused(command).code, errc::not_found);
}

TEST_F(ClusterHosts, RemovingAHostSaysWhatStillSitsThere) {
  const auto link = world.connect(host);
  world.create(make_spec("train-1", {device_of(host, 0)}));
  const model::remove_host remove{"gpu-1"};
  EXPECT_EQ(refused(remove).code, errc::wrong_state);
  world.step(lease_expired{link});
  EXPECT_EQ(refused(remove).code, errc::wrong_state);
  model::update_host disable;
  disable.host = "gpu-1";
  disable.enabled = false;
  ASSERT_TRUE(world.ask(disable));
  const auto full = refused(remove);
  EXPECT_EQ(full.code, errc::not_empty);
  EXPECT_NE(full.message.find("train-1"), std::string::npos) << full.message;
  ASSERT_TRUE(world.ask(model::act_on_server{"train-1", model::server_action::remove}));
  ASSERT_TRUE(world.ask(remove)) << "what is being deleted goes with its dead host";
  EXPECT_EQ(world.machine->state().hosts().size(), 0U);
  EXPECT_EQ(world.machine->state().devices().size(), 0U);
  EXPECT_EQ(world.machine->state().servers().size(), 0U);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterHosts, ProbeGoesToTheAgent) {
  const auto link = world.connect(host);
  ASSERT_TRUE(world.ask(model::probe_host{"gpu-1"}));
  EXPECT_EQ(world.told<model::probe_request>(link), 1U);
  world.step(link_closed{link});
  EXPECT_EQ(refused(model::probe_host{"gpu-1"}).code, errc::host_offline);
  EXPECT_EQ(refused(model::probe_host{"nobody"}).code, errc::not_found);
}

// --- The store fails

TEST_F(ClusterHosts, FailedCommitUndoesEverythingAndAnswersEverybody) {
  const auto link = world.connect(host);
  world.hold_commits = true;
  const auto create =
      world.send(model::create_servers{{make_spec("train-1", {device_of(host, 0)})}, true});
  world.hold_plans = true;
  const auto planning = world.send(model::create_servers{{make_spec("train-2")}, true});
  const ticket remember{++world.last_ticket};
  world.step(key_answered{remember, "key", 1, 200, "{}"});
  world.fail_commit();
  for (const auto& ticket : {create, planning}) {
    const auto answer = world.take_answer(ticket);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error().code, errc::store_full);
  }
  EXPECT_EQ(world.remembered.at(static_cast<std::uint64_t>(remember)).error().code,
            errc::store_full);
  EXPECT_EQ(world.machine->state().servers().size(), 0U);
  EXPECT_EQ(world.device(device_of(host, 0)).epoch, 0U);
  EXPECT_EQ(world.device(device_of(host, 0)).state, device_state::free);
  EXPECT_FALSE(world.machine->ready());

  EXPECT_EQ(refused(model::create_servers{{make_spec("x")}, true}).code, errc::store_full)
      << "new commands fail fast";
  EXPECT_TRUE(world.query(model::get_host{"gpu-1"})) << "reading goes on";
  world.hold_commits = world.hold_plans = false;
  world.say(link, testing::full_report(host, 9)); // not kept: asked for again later
  EXPECT_EQ(world.told<model::report_acknowledged>(link), 1U);
  ASSERT_TRUE(world.machine->next_tick());
  world.now = *world.machine->next_tick();
  world.tick();
  EXPECT_TRUE(world.machine->ready());
  EXPECT_EQ(world.told<model::full_report_request>(link), 1U);
  world.answer_plans();
  world.create(make_spec("train-1", {device_of(host, 0)}));
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterHosts, ALinkIsNotWelcomedWithoutItsRegistration) {
  world.hold_commits = true;
  const auto link = world.connect(host, 1, false);
  EXPECT_FALSE(world.welcomed.count(static_cast<std::uint64_t>(link)));
  world.fail_commit(errc::store_failed);
  ASSERT_NE(closed(link), nullptr);
  EXPECT_EQ(closed(link)->code, errc::store_failed);
  EXPECT_EQ(world.machine->state().hosts().size(), 0U);
  world.step(
      host_said{link, testing::full_report(host, 1), world.now}); // late words of a closed link
  EXPECT_EQ(world.machine->state().hosts().size(), 0U);
}

// --- Idempotency keys

TEST_F(ClusterHosts, KeysAreWorkedOnOnceAndRememberedForADay) {
  const auto claim = [&](std::uint64_t fingerprint) {
    const ticket from{++world.last_ticket};
    world.step(key_claimed{from, "key", fingerprint});
    return world.claims.at(static_cast<std::uint64_t>(from));
  };
  EXPECT_EQ(claim(1).value(), std::nullopt);
  EXPECT_EQ(claim(1).error().code, errc::busy);
  EXPECT_EQ(claim(2).error().code, errc::idempotency_conflict);
  world.step(key_forgotten{"key"});
  EXPECT_EQ(claim(2).value(), std::nullopt);
  const ticket done{++world.last_ticket};
  world.step(key_answered{done, "key", 2, 201, "{\"id\":1}"});
  EXPECT_TRUE(world.remembered.at(static_cast<std::uint64_t>(done)));
  EXPECT_EQ(claim(2).value(), (kept_answer{201, "{\"id\":1}"}));
  EXPECT_EQ(claim(3).error().code, errc::idempotency_conflict);
  world.restart();
  EXPECT_EQ(claim(2).value(), (kept_answer{201, "{\"id\":1}"}));
  world.advance(std::chrono::hours{24});
  EXPECT_EQ(claim(3).value(), std::nullopt);
}

TEST(ClusterState, RememberedAnswersAreBounded) {
  cluster_state state{{std::chrono::hours{24}, 3, 1000}};
  for (std::uint64_t i = 1; i <= 10; ++i) {
    state.replay({i, {}, model::request_answered{"key-" + std::to_string(i), i, 200, "x"}});
  }
  EXPECT_EQ(state.find_answer("key-7"), nullptr);
  EXPECT_NE(state.find_answer("key-8"), nullptr);
  state.replay({11, {}, model::request_answered{"big", 1, 200, std::string(995, 'x')}});
  EXPECT_EQ(state.find_answer("key-10"), nullptr);
  EXPECT_EQ(state.audit(), std::nullopt);
}

TEST(ClusterState, SnapshotsThatDoNotFitAreRefused) {
  model::device_record orphan;
  orphan.host = {model::uuid::derive({}, "nowhere")};
  const auto state = cluster_state::from_items({model::snapshot_meta{5, 1}, orphan});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, errc::store_corrupt);
}

TEST(ClusterState, EventsOfUnknownThingsAreIgnored) {
  cluster_state state;
  const model::server_id server{model::uuid::derive({}, "s")};
  const model::device_id device{model::uuid::derive({}, "d")};
  const model::host_id host{model::uuid::derive({}, "h")};
  model::sequence_number at = 0;
  const auto of = [&](auto event) {
    if constexpr (requires { event.host; }) {
      event.host = host;
    } else if constexpr (requires { event.server = server; }) {
      event.server = server;
    } else if constexpr (requires { event.device = device; }) {
      event.device = device;
    }
    return model::event{std::move(event)};
  };
  for (const auto& event :
       {of(model::host_status_changed{}), of(model::host_settings_changed{}),
        of(model::host_removed{}), of(model::server_status_changed{}),
        of(model::server_power_requested{}), of(model::server_delete_requested{}),
        of(model::server_removed{}), of(model::device_attached{}), of(model::device_detached{}),
        of(model::device_settings_changed{}), of(model::device_state_reported{}),
        of(model::device_removed{})}) {
    state.replay({++at, {}, event});
  }
  EXPECT_EQ(state.last_sequence(), 12U);
  EXPECT_EQ(state.audit(), std::nullopt);
}

} // namespace
} // namespace berth::control
