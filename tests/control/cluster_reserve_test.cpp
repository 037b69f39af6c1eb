#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using model::server_status;
using std::chrono::hours;
using std::chrono::minutes;
using testing::cluster_world;
using testing::device_of;
using ::testing::HasSubstr;
using testing::make_host;
using testing::make_spec;

/// Hosts of four GPUs each, settled.
class ClusterReserve : public ::testing::Test {
protected:
  ClusterReserve() { add("gpu-1"); }

  void add(const std::string& name, int gpus = 4, const std::string& model = "H100") {
    hosts.push_back(make_host(name, gpus, model));
    links.push_back(world.connect(hosts.back()));
  }
  void obey() {
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      world.obey(hosts[i], links[i]);
    }
    world.settle();
  }
  model::server_record create(const model::server_spec& spec) {
    auto reply = world.ask(model::create_servers{{spec}, true});
    auto made = *std::get<model::servers_created>(*reply).servers.front();
    obey();
    return world.server(to_string(made.id));
  }
  static model::server_spec living(const std::string& name, int gpus,
                                   std::optional<model::duration> lifetime) {
    auto spec = make_spec(name, gpus);
    spec.lifetime = lifetime;
    return spec;
  }
  /// A request that waits for two days.
  static model::server_spec patient(const std::string& name, int gpus, std::int32_t priority = 0) {
    auto spec = make_spec(name, gpus);
    spec.wait_for_capacity = hours{48};
    spec.priority = priority;
    return spec;
  }
  void remove(const std::string& name) {
    ASSERT_TRUE(world.ask(model::act_on_server{name, model::server_action::remove}));
    obey();
  }
  void pass(model::duration by) {
    world.advance(by);
    for (std::size_t i = 0; i < links.size(); ++i) {
      world.say(links[i], model::link_heartbeat{});
    }
    world.settle();
  }
  std::string status(const std::string& name) {
    return std::string{to_string(world.server(name).status)};
  }
  std::optional<model::reservation> kept_for(const std::string& name) {
    return world.server(name).reserved;
  }

  cluster_world world;
  std::vector<model::host_info> hosts;
  std::vector<link_id> links;
};

TEST_F(ClusterReserve, BackfillNeverDelaysThePromisedStart) {
  create(living("an-hour", 2, hours{1}));
  EXPECT_EQ(create(patient("big", 4, 80)).status, server_status::scheduling);
  const auto kept = kept_for("big");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->host, hosts[0].id);
  EXPECT_EQ(kept->starts_at, world.now + hours{1});
  // Two devices are free until then: for those who will be gone by then.
  const auto forever = create(living("forever", 1, std::nullopt));
  EXPECT_EQ(forever.status, server_status::sched_fail);
  EXPECT_THAT(forever.status_reason, HasSubstr("1 is kept for a waiting server"));
  EXPECT_EQ(create(living("too-long", 1, minutes{61})).status, server_status::sched_fail);
  EXPECT_EQ(create(living("short", 1, minutes{60})).status, server_status::ready);
  auto forecast = world.ask(model::forecast_servers{living("f", 1, hours{2}), 1});
  EXPECT_FALSE(std::get<model::forecast>(*forecast).can_create);

  remove("short");
  EXPECT_EQ(status("big"), "scheduling");
  pass(hours{1});
  remove("an-hour");
  EXPECT_EQ(status("big"), "deploying");
  EXPECT_EQ(world.machine->state().waiting().reserved().size(), 0U);
  EXPECT_EQ(world.machine->state().audit(), std::nullopt);
}

TEST_F(ClusterReserve, WaitingServersBackfillTheSameWay) {
  create(living("an-hour", 2, hours{1}));
  create(living("and-more", 2, hours{2}));
  create(patient("big", 4, 80));
  EXPECT_EQ(kept_for("big")->starts_at, world.now + hours{2});
  auto brief = patient("brief", 2, 3);
  brief.lifetime = minutes{30};
  create(brief);
  auto lasting = patient("lasting", 2, 7);
  lasting.lifetime = hours{9};
  create(lasting);
  remove("an-hour");
  EXPECT_EQ(status("lasting"), "scheduling") << "it would stand in the way";
  EXPECT_EQ(status("brief"), "deploying");
  EXPECT_EQ(status("big"), "scheduling");
}

TEST_F(ClusterReserve, TheEarliestStartIsChosen) {
  add("gpu-2");
  add("gpu-3");
  create(living("s1", 4, hours{3}));
  create(living("s2", 4, hours{1}));
  create(living("s3", 4, std::nullopt));
  create(patient("big", 4, 90));
  EXPECT_EQ(kept_for("big")->host, world.server("s2").host);
  EXPECT_EQ(kept_for("big")->starts_at, world.now + hours{1});
  create(patient("big-too", 3, 90));
  EXPECT_EQ(kept_for("big-too")->host, world.server("s1").host);
  create(patient("big-three", 3, 90));
  EXPECT_EQ(kept_for("big-three")->host, world.server("s3").host);
  EXPECT_EQ(kept_for("big-three")->starts_at, std::nullopt);
  create(patient("big-four", 3, 90));
  EXPECT_EQ(kept_for("big-four"), std::nullopt) << "every host is kept for somebody";
}

TEST_F(ClusterReserve, TwoOfAKindEachHaveTheirOwnHost) {
  add("gpu-2");
  create(living("s1", 4, hours{1}));
  create(living("s2", 4, hours{2}));
  create(patient("first", 4, 80));
  create(patient("second", 4, 80));
  EXPECT_EQ(kept_for("first")->host, world.server("s1").host);
  EXPECT_EQ(kept_for("second")->host, world.server("s2").host);
  remove("s2"); // ahead of its time: not for the first, who has a promise elsewhere
  EXPECT_EQ(status("second"), "deploying");
  EXPECT_EQ(status("first"), "scheduling");
  remove("s1");
  EXPECT_EQ(status("first"), "deploying");
}

TEST_F(ClusterReserve, AgeEarnsAHost) {
  add("gpu-2");
  create(living("a", 3, std::nullopt));
  create(living("b", 3, std::nullopt));
  create(living("c", 1, std::nullopt));
  create(patient("old", 4));
  EXPECT_EQ(kept_for("old"), std::nullopt);
  pass(minutes{10} - std::chrono::seconds{1});
  EXPECT_EQ(kept_for("old"), std::nullopt);
  pass(std::chrono::seconds{1});
  ASSERT_TRUE(kept_for("old"));
  EXPECT_EQ(kept_for("old")->starts_at, std::nullopt);
  // The host with the fewest devices in doubt: where one of four is free.
  EXPECT_NE(kept_for("old")->host, *world.server("c").host);
  const auto other = kept_for("old")->host == *world.server("a").host ? "a" : "b";
  EXPECT_EQ(create(living("newcomer", 1, std::nullopt)).status, server_status::sched_fail)
      << "the host is drained";
  remove(other);
  EXPECT_EQ(status("old"), "deploying");
}

TEST_F(ClusterReserve, WhoStandsInNobodysWayMayComeBeside) {
  hosts.clear();
  links.clear();
  add("gpu-8", 8);
  model::update_host off;
  off.host = "gpu-1";
  off.enabled = false;
  ASSERT_TRUE(world.ask(off));
  create(living("six", 6, std::nullopt));
  create(patient("four", 4, 80)); // fits when the six are gone, with four to spare
  ASSERT_TRUE(kept_for("four"));
  EXPECT_EQ(create(living("beside", 1, std::nullopt)).status, server_status::ready);
  EXPECT_EQ(create(living("beside-too", 1, hours{100})).status, server_status::ready);
  remove("six");
  EXPECT_EQ(status("four"), "deploying");
}

TEST_F(ClusterReserve, OnlyAsManyComeBesideAsThereIsRoomFor) {
  create(living("three", 3, std::nullopt));
  create(patient("pair", 2, 80)); // one is free, of four: two more are to spare
  ASSERT_TRUE(kept_for("pair"));
  EXPECT_EQ(create(living("beside", 1, std::nullopt)).status, server_status::ready);
  create(patient("x", 1));
  remove("three"); // three free: two for the pair, one for x
  EXPECT_EQ(status("pair"), "deploying");
  EXPECT_EQ(status("x"), "deploying");
}

TEST_F(ClusterReserve, AClosedHostIsGivenUp) {
  add("gpu-2");
  create(living("s1", 4, hours{1}));
  create(living("s2", 4, hours{2}));
  create(patient("big", 4, 80));
  const auto first = kept_for("big")->host;
  EXPECT_EQ(first, world.server("s1").host);
  model::update_host off;
  off.host = to_string(first);
  off.maintenance = true;
  ASSERT_TRUE(world.ask(off));
  world.settle();
  ASSERT_TRUE(kept_for("big"));
  EXPECT_EQ(kept_for("big")->host, world.server("s2").host);
}

TEST_F(ClusterReserve, APromiseThatWasNotKeptIsMadeAnew) {
  add("gpu-2");
  create(living("liar", 4, hours{1}));
  create(living("honest", 4, hours{2}));
  create(patient("big", 4, 80));
  EXPECT_EQ(kept_for("big")->host, world.server("liar").host);
  pass(hours{1});
  EXPECT_EQ(kept_for("big")->host, world.server("liar").host);
  remove("honest"); // ahead of its time: the server is placed where it fits first
  EXPECT_EQ(status("big"), "deploying");
  EXPECT_EQ(world.server("big").host,
            hosts[1].id == world.server("liar").host ? hosts[0].id : hosts[1].id);
  create(patient("next", 4, 80)); // the liar is overdue: it may leave any moment
  EXPECT_EQ(kept_for("next")->host, world.server("liar").host);
  EXPECT_EQ(kept_for("next")->starts_at, world.now);
  pass(world.config.reservations.again);
  EXPECT_EQ(kept_for("next")->host, world.server("liar").host);
  EXPECT_EQ(kept_for("next")->starts_at, world.now) << "the promise was renewed";
}

TEST_F(ClusterReserve, SurvivesARestart) {
  create(living("an-hour", 4, hours{1}));
  create(patient("big", 4, 80));
  const auto kept = kept_for("big");
  ASSERT_TRUE(kept);
  world.restart();
  EXPECT_EQ(kept_for("big"), kept);
  world.advance(hours{3}); // long after the promised start, and no host is back
  world.settle();
  EXPECT_EQ(kept_for("big"), kept);
  links[0] = world.connect(hosts[0]);
  world.settle();
  EXPECT_EQ(create(living("small", 1, std::nullopt)).status, server_status::sched_fail);
  remove("an-hour");
  EXPECT_EQ(status("big"), "deploying");
}

TEST_F(ClusterReserve, WhatNoHostCanEverHoldKeepsNone) {
  create(living("s", 4, std::nullopt));
  create(patient("nine", 9, 100));
  create(patient("two", 2, 80));
  EXPECT_EQ(kept_for("nine"), std::nullopt);
  pass(world.config.reservations.search_spacing);
  ASSERT_TRUE(kept_for("two")) << "it does not stand behind the impossible";
  add("gpu-16", 16);
  EXPECT_EQ(status("nine"), "deploying");
}

TEST_F(ClusterReserve, AnExactModelIsNoPartOfAnother) {
  add("gpu-2", 4, "H100 SXM");
  create(living("s1", 4, std::nullopt));
  create(living("s2", 4, std::nullopt));
  auto spec = make_spec("exact", 4, "H100");
  spec.wait_for_capacity = hours{1};
  spec.priority = 80;
  create(spec);
  ASSERT_TRUE(kept_for("exact"));
  EXPECT_EQ(kept_for("exact")->host, hosts[0].id);
  spec.name = "exact-too";
  create(spec);
  EXPECT_EQ(kept_for("exact-too"), std::nullopt) << "the other host has another model";
}

TEST_F(ClusterReserve, ALimitedNumberOfHostsIsKept) {
  cluster_config config;
  config.reservations.max = 1;
  world = cluster_world{config};
  hosts.clear();
  links.clear();
  add("gpu-1");
  add("gpu-2");
  create(living("s1", 4, hours{1}));
  create(living("s2", 4, hours{2}));
  create(patient("a", 4, 80));
  create(patient("b", 4, 90));
  ASSERT_TRUE(kept_for("a"));
  EXPECT_EQ(kept_for("b"), std::nullopt);
  remove("a");
  world.settle();
  EXPECT_TRUE(kept_for("b"));
}

} // namespace
} // namespace berth::control
