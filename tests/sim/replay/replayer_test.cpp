#include <cinttypes>
#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/replay/traffic.hpp"

namespace berth::sim {
namespace {

using std::chrono::minutes;
using ::testing::HasSubstr;
using namespace berth::sim::testing;

std::string told(const replay_report& report) {
  std::string text;
  for (const auto& each : report.listed)
    text += "event " + std::to_string(each.sequence) + " " + std::string{to_string(each.kind)} +
            " of " + each.name + ": " + std::string{to_string(each.how)} + ", logged " +
            (each.logged ? to_string(each.logged->host) : "nowhere") + ", again " +
            (each.remade ? to_string(each.remade->host) : "nowhere") + ", " + each.why + "\n";
  return text;
}

/// The events of one kind, as a test may change them.
template <class Event> std::vector<Event*> events(std::vector<model::log_record>& log) {
  std::vector<Event*> found;
  for (auto& record : log)
    if (auto* event = std::get_if<Event>(&record.what))
      found.push_back(event);
  return found;
}

TEST(ReplayerTest, EveryDecisionOfALongLogIsMadeAgain) {
  // BERTH_SEEDS=from..to runs others, e.g. 1..1000 by night.
  std::uint64_t first = 1;
  std::uint64_t last = 4;
  if (const char* seeds = std::getenv("BERTH_SEEDS")) {
    ASSERT_EQ(std::sscanf(seeds, "%" SCNu64 "..%" SCNu64, &first, &last), 2);
  }
  std::map<decision_kind, std::uint64_t> kinds;
  std::uint64_t placed = 0;
  for (auto seed = first; seed <= last && !HasFailure(); ++seed) {
    control::cluster_config config;
    const auto policies = scheduler::policy_names();
    config.scheduling.policy = scheduler::find_policy(policies[seed % policies.size()]);
    SCOPED_TRACE("SEED=" + std::to_string(seed) + " by " +
                 std::string{scheduler::name_of(*config.scheduling.policy)});
    traffic users{seed, config};
    users.run(150);
    const auto report = replay(users.log());
    const auto total = report.total();
    EXPECT_EQ(total.differs, 0u) << told(report);
    EXPECT_EQ(total.unknown, 0u) << told(report);
    EXPECT_EQ(report.last, users.log().back().sequence);
    placed += report.placed;
    for (const auto& [kind, counts] : report.kinds)
      kinds[kind] += counts.same;
  }
  // The logs must be such that something is judged.
  EXPECT_GT(placed, 100u);
  EXPECT_GT(kinds[decision_kind::creation], 200u);
  EXPECT_GT(kinds[decision_kind::queue], 20u);
  EXPECT_GT(kinds[decision_kind::last_try], 5u);
  EXPECT_GT(kinds[decision_kind::kept_host], 10u);
}

TEST(ReplayerTest, AReplayFromASnapshotGoesOnWhereItStands) {
  traffic users{7};
  users.run(60);
  control::cluster_state state;
  const auto half = users.log().size() / 2;
  for (std::size_t i = 0; i < half; ++i)
    state.replay(users.log()[i]);
  replayer again{{}};
  for (control::cluster_state::item_reader items{state}; auto item = items.next();)
    ASSERT_TRUE(again.add_item(std::move(*item)));
  again.begin();
  for (std::size_t i = half; i < users.log().size(); ++i)
    ASSERT_TRUE(again.feed(users.log()[i]));
  EXPECT_EQ(again.report().total().differs, 0u) << told(again.report());
  EXPECT_GT(again.report().total().same, 10u);
  EXPECT_EQ(again.report().first, half + 1);
}

TEST(ReplayerTest, ARangeJudgesOnlyItsOwn) {
  traffic users{7};
  users.run(60);
  const auto whole = replay(users.log());
  const auto middle = whole.last / 2;
  const auto before = replay(users.log(), {1, middle});
  const auto behind = replay(users.log(), {middle + 1});
  EXPECT_GT(before.total().all(), 0u);
  EXPECT_EQ(before.total().all() + behind.total().all(), whole.total().all());
  EXPECT_EQ(behind.total().same, behind.total().all()) << told(behind);
}

TEST(ReplayerTest, AnotherHostOrDeviceIsFound) {
  traffic users{3};
  users.run(30);
  auto log = users.log();
  const auto created = events<model::server_created>(log);
  const auto victim = std::ranges::find_if(created, [](const model::server_created* each) {
    return each->server.attachments.size() >= 2;
  });
  ASSERT_NE(victim, created.end());
  std::swap((*victim)->server.attachments[0], (*victim)->server.attachments[1]);
  const auto report = replay(log);
  ASSERT_GE(report.total().differs, 1u);
  EXPECT_EQ(report.listed.front().server, (*victim)->server.id);
  EXPECT_EQ(report.listed.front().how, match::differs);
}

TEST(ReplayerTest, AnOlderLogIsJudgedAsFarAsItGoes) {
  traffic users{5};
  users.run(80);
  auto log = users.log();
  for (auto* each : events<model::controller_started>(log))
    each->scheduling.reset();
  for (auto* each : events<model::server_created>(log))
    each->basis.reset();
  for (auto* each : events<model::server_placed>(log))
    each->basis.reset();
  for (auto* each : events<model::server_wait_ended>(log))
    each->basis.reset();
  const auto report = replay(log);
  EXPECT_EQ(report.total().differs, 0u) << "what is not known is not a difference";
  EXPECT_GT(report.total().same, report.total().all() / 2);
  EXPECT_EQ(report.policies.at(""), "");
}

TEST(ReplayerTest, APolicyThatThisProgramHasNotIsSaidToBeUnknown) {
  traffic users{5};
  users.run(80);
  auto log = users.log();
  for (auto* each : events<model::controller_started>(log))
    each->scheduling->policy = "next-year";
  // What the default policy does otherwise would be a difference.
  for (auto* each : events<model::server_created>(log))
    std::ranges::reverse(each->server.attachments);
  const auto report = replay(log);
  EXPECT_EQ(report.total().differs, 0u);
  ASSERT_GT(report.total().unknown, 0u);
  EXPECT_THAT(report.unknown_why.begin()->first, HasSubstr("policy"));
}

TEST(ReplayerTest, PlansOfSeveralSchedulersAreToldApart) {
  // Two schedulers that do not know of each other's plans, as the cluster's actor has them.
  control::cluster_config config;
  config.schedulers = 2;
  cluster_world world{config};
  for (const auto* name : {"alpha", "beta"})
    world.connect(make_host(name, 4));
  world.hold_plans = true;
  world.send(model::create_servers{{make_spec("a", 1)}, true});
  world.send(model::create_servers{{make_spec("b", 1)}, true});
  ASSERT_EQ(world.plan_wishes.size(), 2u);
  const auto wishes = std::exchange(world.plan_wishes, {});
  control::plans_made made;
  for (std::uint32_t i = 0; i < 2; ++i)
    made.plans.push_back(
        {wishes[i].id, scheduler::plan(world.replica, wishes[i].request), world.replica_seen, i});
  world.step(std::move(made)); // the second took the same device, and is planned again
  const auto again = std::exchange(world.plan_wishes, {});
  ASSERT_EQ(again.size(), 1u);
  world.step(control::plans_made{
      {{again[0].id, scheduler::plan(world.replica, again[0].request), world.replica_seen, 1}}});
  const auto report = replay(world.log);
  EXPECT_EQ(report.kinds.at(decision_kind::creation).same, 2u) << told(report);
}

TEST(ReplayerTest, AProjectIsPlannedByItsOwnPolicy) {
  control::cluster_config config;
  config.project_scheduling["ml"].policy = scheduler::find_policy("spread");
  config.project_schedulers["ml"] = 1;
  cluster_world world{config};
  for (const auto* name : {"alpha", "beta"})
    world.connect(make_host(name, 4));
  (void)world.create(make_spec("a", 1));
  const auto create = [&](const std::string& name, const char* policy) {
    auto spec = make_spec(name, 1);
    spec.project = "ml";
    world.hold_plans = true;
    world.send(model::create_servers{{spec}, true});
    const auto wish = std::exchange(world.plan_wishes, {}).at(0);
    world.step(control::plans_made{
        {{wish.id, scheduler::plan(world.replica, wish.request, {scheduler::find_policy(policy)}),
          world.replica_seen}}});
    world.hold_plans = false;
  };
  create("b", "spread");
  create("c", "spread"); // now one host has less room than the other
  const auto right = replay(world.log);
  EXPECT_EQ(right.total().same, 3u) << told(right);
  EXPECT_EQ(right.policies,
            (std::map<std::string, std::string>{{"", "best-fit"}, {"ml", "spread"}}));
  create("d", "best-fit"); // not as the log says
  const auto wrong = replay(world.log);
  EXPECT_EQ(wrong.total().differs, 1u) << told(wrong);
}

TEST(ReplayerTest, ALogWithAGapIsRefused) {
  traffic users{1};
  users.run(5);
  replayer again{{}};
  again.begin();
  ASSERT_TRUE(again.feed(users.log()[0]));
  const auto fed = again.feed(users.log()[2]);
  ASSERT_FALSE(fed);
  EXPECT_THAT(fed.error().message, HasSubstr("gap"));
}

} // namespace
} // namespace berth::sim
