#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/policy.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

model::host_id chosen(const inventory& world, const model::placement_request& request,
                      const policy& how) {
  const auto decided = plan(world, request, {&how});
  const auto* const where = std::get_if<model::placement>(&decided);
  return where != nullptr ? where->host : model::host_id{};
}

/// Host 1 has 8 GPUs free, host 2 has 3.
inventory two_hosts() {
  inventory world;
  world.apply(host_changed{open_host(1), free_gpus(1, 8)});
  world.apply(host_changed{open_host(2), free_gpus(2, 3)});
  return world;
}

TEST(Policy, IsFoundByName) {
  EXPECT_EQ(find_policy("best-fit"), &best_fit);
  EXPECT_EQ(find_policy("spread"), &spread);
  EXPECT_EQ(find_policy("worst-fit"), nullptr);
  EXPECT_EQ(policy_names().front(), "best-fit");
}

TEST(Policy, BestFitTakesTheTightestHostAndSpreadTheEmptiest) {
  auto world = two_hosts();
  EXPECT_EQ(chosen(world, server({some(2)}), best_fit), numbered<model::host_id>(2));
  EXPECT_EQ(chosen(world, server({some(2)}), spread), numbered<model::host_id>(1));
}

TEST(Policy, SpreadAlternatesBetweenEqualHosts) {
  inventory world;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    world.apply(host_changed{open_host(number), free_gpus(number, 4)});
  }
  std::vector<model::host_id> order;
  for (std::uint64_t i = 0; i < 6; ++i) {
    const auto request = server({some(1)}, 1'000 + i);
    const auto decided = plan(world, request, {&spread});
    const auto& where = std::get<model::placement>(decided);
    world.apply(server_allocated{request.server, where.host, request.amount, where.devices, {}});
    order.push_back(where.host);
  }
  const auto host = [](std::uint64_t number) { return numbered<model::host_id>(number); };
  EXPECT_THAT(order, testing::ElementsAre(host(1), host(2), host(3), host(1), host(2), host(3)));
}

TEST(Policy, ExplanationNamesThePolicysScores) {
  auto world = two_hosts();
  const auto decided = explain(world, server({some(1)}), {&spread});
  std::vector<std::string> names;
  for (const auto& part : std::get<model::placement>(decided).scores) {
    names.push_back(part.rule);
  }
  EXPECT_THAT(names, testing::ElementsAre("device_room", "resource_room"));
}

} // namespace
} // namespace berth::scheduler
