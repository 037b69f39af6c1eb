#include "scheduler/capacity_watch.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "actors/replica.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::actors {
namespace {

using scheduler::capacity_report;
using scheduler::capacity_watch;
using scheduler::free_gpus;
using scheduler::host_changed;
using scheduler::numbered;
using scheduler::open_host;
using scheduler::some;
using scheduler::togetherness;

std::vector<std::string> words(const capacity_report& report) {
  std::vector<std::string> out;
  for (const auto& row : report.shapes)
    out.push_back(std::to_string(row.shape.gpus) + "x" + row.shape.model + " " +
                  std::string{to_string(row.shape.where)} + " " + std::to_string(row.servers));
  return out;
}

TEST(CapacityWatch, CountsTheUsualShapesOfEveryModel) {
  scheduler::inventory world;
  capacity_watch watch;
  EXPECT_TRUE(watch.look(world).shapes.empty());
  world.apply(host_changed{open_host(1), free_gpus(1, 4)});
  EXPECT_EQ(words(watch.look(world)),
            (std::vector<std::string>{"1xA100 any 4", "2xA100 any 2", "4xA100 any 1"}));
  world.apply(host_changed{open_host(2), free_gpus(2, 2, "H100")});
  EXPECT_EQ(words(watch.look(world)),
            (std::vector<std::string>{"1xA100 any 4", "2xA100 any 2", "4xA100 any 1",
                                      "1xH100 any 2", "2xH100 any 1"}));
}

TEST(CapacityWatch, FollowsWhatIsPlacedAndWhatIsFreed) {
  scheduler::inventory world;
  capacity_watch watch{{{"A100", 4, togetherness::anywhere}, {"A100", 1, togetherness::numa}}};
  const auto devices = free_gpus(1, 8);
  world.apply(host_changed{open_host(1), devices});
  EXPECT_EQ(words(watch.look(world)), (std::vector<std::string>{"4xA100 any 2", "1xA100 numa 8"}));
  const auto server = numbered<model::server_id>(7);
  world.apply(scheduler::server_allocated{
      server, numbered<model::host_id>(1), {8, 8192, 102400}, {devices[0].info.id}, {}});
  const auto report = watch.look(world);
  EXPECT_EQ(words(report), (std::vector<std::string>{"4xA100 any 1", "1xA100 numa 7"}));
  ASSERT_EQ(report.models.size(), 1U);
  // Servers of four leave three of the seven, servers of one none: on average 3/14.
  EXPECT_DOUBLE_EQ(report.models.front().fragmentation, 3.0 / 14);
  EXPECT_EQ(report.models.front().stranded.free, 7);
  world.apply(scheduler::server_released{server});
  world.apply(scheduler::device_changed{devices[0]});
  EXPECT_EQ(words(watch.look(world)), (std::vector<std::string>{"4xA100 any 2", "1xA100 numa 8"}));
}

TEST(CapacityWatch, ATopologyThatIsRequiredCountsOnlyWhatSharesIt) {
  scheduler::inventory world;
  auto devices = free_gpus(1, 4);
  for (std::size_t i = 0; i < devices.size(); ++i)
    devices[i].info.numa_node = i < 3 ? 0 : 1;
  world.apply(host_changed{open_host(1), devices});
  capacity_watch watch{{{"A100", 2, togetherness::anywhere}, {"A100", 2, togetherness::numa}}};
  EXPECT_EQ(words(watch.look(world)), (std::vector<std::string>{"2xA100 any 2", "2xA100 numa 1"}));
}

/// One question to a replica with two hosts.
class ReplicaTest : public ::testing::Test {
protected:
  ReplicaTest() {
    scheduler_turn turn;
    turn.updates.push_back(std::make_shared<const std::vector<scheduler::inventory_update>>(
        std::vector<scheduler::inventory_update>{host_changed{open_host(1), free_gpus(1, 4)},
                                                 host_changed{open_host(2), free_gpus(2, 8)}}));
    (void)copy.run(turn);
  }
  model::result<model::explanation> explained(const model::placement_request& request,
                                              std::vector<model::host_id> hosts) {
    scheduler_turn turn;
    turn.jobs.emplace_back(
        control::want_explanation{std::make_shared<const control::want_explanation::question>(
            control::want_explanation::question{control::plan_id{5}, request, std::move(hosts)})});
    auto done = copy.run(turn);
    EXPECT_EQ(done.explanations.size(), 1U);
    EXPECT_EQ(done.explanations.front().id, control::plan_id{5});
    return std::move(done.explanations.front().explanation);
  }

  replica copy{scheduler::options{}};
};

TEST_F(ReplicaTest, ExplainsAPlacementAndJudgesHosts) {
  const auto told = explained(scheduler::server({some(4, {"A100"})}),
                              {numbered<model::host_id>(2), numbered<model::host_id>(1)});
  ASSERT_TRUE(told) << told.error().message;
  const auto* where = std::get_if<model::placement>(&told->where);
  ASSERT_NE(where, nullptr);
  EXPECT_EQ(where->host, numbered<model::host_id>(1));
  ASSERT_TRUE(where->next);
  EXPECT_EQ(where->next->host_name, "host-2");
  EXPECT_EQ(told->policy, "best-fit");
  EXPECT_EQ(told->capacity, 3);
  ASSERT_EQ(told->hosts.size(), 2U);
  EXPECT_FALSE(told->hosts[0].is_best);
  EXPECT_TRUE(told->hosts[1].is_best);
  // It was not placed: the same question has the same answer.
  EXPECT_EQ(explained(scheduler::server({some(4, {"A100"})}), {})->capacity, 3);
}

TEST_F(ReplicaTest, NamesTheLargestHostWhereNoneHasSoMany) {
  const auto told = explained(scheduler::server({some(9, {"A100"})}), {});
  ASSERT_TRUE(told);
  const auto* why = std::get_if<model::refusal>(&told->where);
  ASSERT_NE(why, nullptr);
  ASSERT_EQ(why->rules.size(), 1U);
  EXPECT_EQ(why->rules.front().nearest_name, "host-2");
  EXPECT_EQ(why->rules.front().miss.capacity, 8);
}

TEST_F(ReplicaTest, AHostThatIsGoneIsSaidToBe) {
  const auto told = explained(scheduler::server({}), {numbered<model::host_id>(3)});
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, model::errc::not_found);
}

TEST_F(ReplicaTest, CountsTheCapacityWhenAsked) {
  scheduler_turn turn;
  turn.jobs.emplace_back(count_capacity{});
  const auto done = copy.run(turn);
  ASSERT_TRUE(done.capacity);
  EXPECT_EQ(words(*done.capacity), (std::vector<std::string>{"1xA100 any 12", "2xA100 any 6",
                                                             "4xA100 any 3", "8xA100 any 1"}));
}

} // namespace
} // namespace berth::actors
