#include <gtest/gtest.h>

#include "tests/sim/replay/traffic.hpp"

namespace berth::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using namespace berth::sim::testing;

scheduler::options by(const char* policy) {
  return {scheduler::find_policy(policy)};
}

std::uint64_t count(const counterfactual_report& report, fate what) {
  const auto known = report.servers.find(what);
  return known != report.servers.end() ? known->second : 0;
}

/// Hosts that obey at once, and users who say what they want.
class Counterfactual : public ::testing::Test {
protected:
  void add_host(const std::string& name, int gpus) {
    hosts_.push_back(make_host(name, gpus));
    links_.push_back(world_.connect(hosts_.back()));
  }
  void create(const model::server_spec& spec) {
    (void)world_.ask(model::create_servers{{spec}, true});
    obey();
  }
  void remove(const std::string& name) {
    (void)world_.ask(model::act_on_server{name, model::server_action::remove});
    obey();
  }
  void pass(model::duration by) {
    world_.advance(by);
    for (const auto& link : links_)
      world_.say(link, model::link_heartbeat{});
    world_.settle();
  }
  void obey() {
    for (int i = 0; i < 2; ++i)
      for (std::size_t host = 0; host < hosts_.size(); ++host)
        world_.obey(hosts_[host], links_[host]);
    world_.settle();
  }

  cluster_world world_;
  std::vector<model::host_info> hosts_;
  std::vector<control::link_id> links_;
};

TEST_F(Counterfactual, TheSamePolicyChangesNothing) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    traffic users{seed};
    users.run(100);
    const auto report = play(users.log(), {by("best-fit")});
    const auto all =
        count(report, fate::same) + count(report, fate::nowhere) + report.listed.size();
    // Time passes here only with events, so a kept host may be chosen a little later.
    EXPECT_GT(count(report, fate::same) + count(report, fate::nowhere), all * 9 / 10);
    EXPECT_NEAR(report.gpu_hours_would, report.gpu_hours_happened, report.gpu_hours_happened * 0.1);
  }
}

TEST_F(Counterfactual, SpreadPutsTheSecondServerElsewhere) {
  add_host("alpha", 4);
  add_host("beta", 4);
  create(make_spec("a", 1));
  create(make_spec("b", 1));
  pass(hours{1});
  remove("b");
  const auto report = play(world_.log, {by("spread")});
  EXPECT_EQ(count(report, fate::elsewhere), 1u);
  ASSERT_EQ(report.listed.size(), 1u);
  EXPECT_EQ(report.listed[0].name, "b");
  EXPECT_NE(report.listed[0].happened.host_name, report.listed[0].would.host_name);
  EXPECT_NEAR(report.gpu_hours_happened, 2, 0.01);
  EXPECT_NEAR(report.gpu_hours_would, 2, 0.01);
}

TEST_F(Counterfactual, SpreadRefusesTheLargeOneThatGotAPlace) {
  add_host("alpha", 4);
  add_host("beta", 4);
  create(make_spec("a", 1));
  create(make_spec("b", 1));
  create(make_spec("large", 4));
  pass(hours{1});
  remove("large"); // an event: without one no time passes
  const auto report = play(world_.log, {by("spread")});
  EXPECT_EQ(count(report, fate::only_happened), 1u);
  EXPECT_EQ(report.listed.back().name, "large");
  EXPECT_EQ(report.listed.back().devices, 4);
  EXPECT_NEAR(report.gpu_hours_happened - report.gpu_hours_would, 4, 0.01);
}

TEST_F(Counterfactual, BestFitWouldHavePlacedWhatSpreadRefused) {
  control::cluster_config config;
  config.scheduling = by("spread");
  cluster_world world{config};
  world.connect(make_host("alpha", 4));
  world.connect(make_host("beta", 4));
  const auto create = [&world](const model::server_spec& spec) {
    (void)world.ask(model::create_servers{{spec}, true});
  };
  create(make_spec("a", 1));
  create(make_spec("b", 1));
  auto large = make_spec("large", 4);
  large.lifetime = minutes{30};
  create(large);
  world.advance(hours{1});
  world.say(control::link_id{1}, model::link_heartbeat{});
  world.tick();
  create(make_spec("d", 4)); // fits where the large one has gone from
  const auto report = play(world.log, {by("best-fit")});
  EXPECT_EQ(count(report, fate::only_would), 2u);
  EXPECT_NEAR(report.gpu_hours_would - report.gpu_hours_happened, 2, 0.01)
      << "its lifetime ends it: nobody else says when";
  EXPECT_EQ(replay(world.log).total().differs, 0u);
}

TEST_F(Counterfactual, AnEndFreesWhatTheServerHasHere) {
  add_host("alpha", 4);
  add_host("beta", 4);
  create(make_spec("a", 1));
  create(make_spec("b", 1));
  remove("a");
  remove("b");
  create(make_spec("c", 4));
  create(make_spec("d", 4));
  const auto report = play(world_.log, {by("spread")});
  EXPECT_EQ(count(report, fate::only_happened), 0u);
  EXPECT_EQ(count(report, fate::same), 3u);
}

TEST_F(Counterfactual, WhoWaitsHereIsPlacedWhenSomethingComesFreeHere) {
  add_host("alpha", 4);
  add_host("beta", 4);
  create(make_spec("a", 1));
  create(make_spec("b", 1));
  auto large = make_spec("large", 4);
  large.wait_for_capacity = hours{10};
  create(large);
  pass(hours{1});
  remove("b");
  pass(hours{1});
  const auto report = play(world_.log, {by("spread")});
  EXPECT_EQ(count(report, fate::only_happened), 0u);
  const auto late = std::ranges::find(report.listed, "large", &server_difference::name);
  if (late != report.listed.end()) {
    EXPECT_GT(late->would.placed_at, late->happened.placed_at);
  }
  EXPECT_NEAR(report.gpu_hours_happened - report.gpu_hours_would, 4, 0.01);
}

TEST_F(Counterfactual, TheRangeIsAnHourOfTheLog) {
  add_host("alpha", 4);
  add_host("beta", 4);
  create(make_spec("a", 1));
  pass(hours{1});
  const auto from = world_.log.back().sequence + 1;
  create(make_spec("b", 1));
  pass(hours{1});
  const auto to = world_.log.back().sequence;
  remove("a");
  pass(hours{1});
  create(make_spec("c", 1));
  const auto report = play(world_.log, {by("spread"), from, to});
  EXPECT_EQ(count(report, fate::same), 1u) << "what was there before is where it was";
  EXPECT_EQ(count(report, fate::elsewhere), 1u);
}

} // namespace
} // namespace berth::sim
