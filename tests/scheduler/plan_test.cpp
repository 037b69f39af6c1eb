#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

std::vector<model::device_id> ids(std::vector<std::uint64_t> numbers) {
  std::vector<model::device_id> made;
  for (const auto number : numbers) {
    made.push_back(numbered<model::device_id>(number));
  }
  return made;
}

const model::placement& placed(const model::decision& decided) {
  const auto* const where = std::get_if<model::placement>(&decided);
  if (where == nullptr) {
    throw std::runtime_error{summary(std::get<model::refusal>(decided))};
  }
  return *where;
}

host_changed with_gpus(std::uint64_t number, int gpus, const std::string& name = "A100") {
  return {open_host(number), free_gpus(number, gpus, name)};
}

TEST(Plan, NothingFitsInAnEmptyCluster) {
  const inventory world;
  const auto decided = plan(world, server({}));
  ASSERT_TRUE(std::holds_alternative<model::refusal>(decided));
  EXPECT_EQ(summary(std::get<model::refusal>(decided)), "no host fits: there are no hosts");
}

TEST(Plan, TakesTheTightestHostForDevices) {
  inventory world;
  world.apply(with_gpus(1, 8));
  world.apply(with_gpus(2, 2));
  world.apply(with_gpus(3, 4));
  EXPECT_EQ(placed(plan(world, server({some(2)}))).host, numbered<model::host_id>(2));
  EXPECT_EQ(placed(plan(world, server({some(3)}))).host, numbered<model::host_id>(3));
  EXPECT_EQ(placed(plan(world, server({some(5)}))).host, numbered<model::host_id>(1));
}

TEST(Plan, KeepsOrdinaryServersOffGpuHosts) {
  inventory world;
  world.apply(with_gpus(1, 1));
  world.apply(host_changed{open_host(2), {}});
  EXPECT_EQ(placed(plan(world, server({}))).host, numbered<model::host_id>(2));
  auto big = server({}, 7);
  big.amount.cpus = 64;
  world.apply(server_allocated{big.server, numbered<model::host_id>(2), big.amount, {}, {}});
  EXPECT_EQ(placed(plan(world, server({}))).host, numbered<model::host_id>(1))
      << "when no other host fits, a host with GPUs is better than none";
}

TEST(Plan, PrefersTheFullerHostAndEndsAtTheId) {
  inventory world;
  world.apply(host_changed{open_host(3), {}});
  world.apply(host_changed{open_host(1), {}});
  world.apply(host_changed{open_host(2), {}});
  EXPECT_EQ(placed(plan(world, server({}))).host, numbered<model::host_id>(1));
  world.apply(server_allocated{
      numbered<model::server_id>(1), numbered<model::host_id>(2), {8, 1024, 0}, {}, {}});
  EXPECT_EQ(placed(plan(world, server({}))).host, numbered<model::host_id>(2));
}

TEST(Plan, TriesAlternativesInOrderOverAllHosts) {
  inventory world;
  world.apply(with_gpus(1, 1, "A100"));
  world.apply(with_gpus(2, 8, "H100"));
  const auto wish = server({some(1, {"H100", "A100"})});
  EXPECT_EQ(placed(plan(world, wish)).host, numbered<model::host_id>(2));
  EXPECT_EQ(placed(plan(world, server({some(1, {"V100", "A100"})}))).host,
            numbered<model::host_id>(1));
}

TEST(Plan, MatchesModelsExactlyElseBySubstring) {
  inventory world;
  world.apply(with_gpus(1, 1, "Tesla V100"));
  world.apply(with_gpus(2, 2, "Tesla V100 32GB"));
  EXPECT_EQ(placed(plan(world, server({some(1, {"tesla v100"})}))).host,
            numbered<model::host_id>(1));
  EXPECT_TRUE(
      std::holds_alternative<model::refusal>(plan(world, server({some(2, {"Tesla V100"})}))))
      << "the exact name means only that model";
  EXPECT_EQ(placed(plan(world, server({some(2, {"v100"})}))).host, numbered<model::host_id>(2));
  world.apply(host_gone{numbered<model::host_id>(1)});
  EXPECT_EQ(placed(plan(world, server({some(2, {"Tesla V100"})}))).host,
            numbered<model::host_id>(2))
      << "no device has the exact name any more";
}

TEST(Plan, GivesNamedDevicesInTheOrderOfTheRequest) {
  inventory world;
  world.apply(with_gpus(1, 4));
  const auto where = placed(plan(world, server({exactly(1003), some(1), exactly(1000)})));
  EXPECT_EQ(where.devices, ids({1003, 1001, 1000}));
}

TEST(Plan, PrefersOneNodeAndOneSwitch) {
  inventory world;
  auto devices = free_gpus(1, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    devices[i].info.numa_node = i < 4 ? 0 : 1;
    devices[i].info.pcie_switch = "switch-" + std::to_string(i / 2);
  }
  devices[0].state = model::device_state::in_use;
  world.apply(host_changed{open_host(1), devices});
  EXPECT_EQ(placed(plan(world, server({some(1)}))).devices, ids({1001}))
      << "the node and the switch that are already broken into";
  EXPECT_EQ(placed(plan(world, server({some(2)}))).devices, ids({1002, 1003})) << "one switch";
  EXPECT_EQ(placed(plan(world, server({some(4)}))).devices, ids({1004, 1005, 1006, 1007}))
      << "one node";
  auto apart = server({some(4)});
  apart.topology = {model::wish::none, model::wish::none, model::wish::none, model::wish::none};
  EXPECT_EQ(placed(plan(world, apart)).devices.size(), 4U);
}

TEST(Plan, KeepsToOneRootPortAboveItsSwitches) {
  inventory world;
  auto devices = free_gpus(1, 8);
  for (std::size_t i = 0; i < 8; ++i) {
    devices[i].info.pcie_root = i < 2 ? "root-0" : i < 4 ? "root-1" : "root-2";
    devices[i].info.pcie_switch = "switch-" + std::to_string(i / 2);
  }
  world.apply(host_changed{open_host(1), devices});
  auto four = server({some(4)});
  EXPECT_EQ(placed(plan(world, four)).devices, ids({1004, 1005, 1006, 1007}))
      << "two switches either way, but here below one root port";
  four.topology.pcie_root = model::wish::require;
  EXPECT_EQ(placed(plan(world, four)).devices, ids({1004, 1005, 1006, 1007}));
  devices[4].state = model::device_state::in_use;
  world.apply(host_changed{open_host(1), devices});
  const auto refused = plan(world, four);
  ASSERT_TRUE(std::holds_alternative<model::refusal>(refused));
  EXPECT_EQ(model::deciding_rule(std::get<model::refusal>(refused)), "topology");
  EXPECT_EQ(std::get<model::refusal>(refused).rules.back().miss.text,
            "the wanted devices are not free on one PCIe root port");
  four.topology.pcie_root = model::wish::prefer;
  EXPECT_EQ(placed(plan(world, four)).devices.size(), 4U);
}

TEST(Plan, NeverSplitsAUnit) {
  inventory world;
  auto devices = free_gpus(1, 3);
  devices[0].info.allocation_unit = devices[1].info.allocation_unit = "group 7";
  world.apply(host_changed{open_host(1), devices});
  EXPECT_EQ(placed(plan(world, server({some(1)}))).devices, ids({1002}));
  EXPECT_EQ(placed(plan(world, server({some(2)}))).devices, ids({1000, 1001}));
  EXPECT_EQ(placed(plan(world, server({exactly(1001), exactly(1000)}))).devices, ids({1001, 1000}));
  EXPECT_TRUE(std::holds_alternative<model::refusal>(plan(world, server({exactly(1001)}))));
  devices[1].state = model::device_state::quarantined;
  world.apply(host_changed{open_host(1), devices});
  EXPECT_TRUE(std::holds_alternative<model::refusal>(plan(world, server({some(2)}))));
}

TEST(Plan, TakesWholeFabricPartitions) {
  inventory world;
  auto host = open_host(1);
  host.partitions = {{"nvswitch", 0, {0, 1, 2, 3}}, {"nvswitch", 1, {0, 1}},
                     {"nvswitch", 2, {2, 3}},       {"nvswitch", 3, {0}},
                     {"nvswitch", 4, {1}},          {"nvswitch", 5, {2}}};
  auto devices = free_gpus(1, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    devices[i].info.fabric = "nvswitch";
    devices[i].info.fabric_module = static_cast<int>(3 - i); // modules run against the bus
  }
  world.apply(host_changed{host, devices});
  EXPECT_EQ(placed(plan(world, server({some(4)}))).devices, ids({1000, 1001, 1002, 1003}));
  EXPECT_EQ(placed(plan(world, server({some(2)}))).devices, ids({1000, 1001}));
  EXPECT_EQ(placed(plan(world, server({some(1)}))).devices, ids({1001}))
      << "module 3 is no partition of its own";
  EXPECT_TRUE(std::holds_alternative<model::refusal>(plan(world, server({some(3)}))));
  devices[1].state = model::device_state::in_use; // module 2
  world.apply(host_changed{host, devices});
  EXPECT_EQ(placed(plan(world, server({some(2)}))).devices, ids({1002, 1003}));
  EXPECT_TRUE(std::holds_alternative<model::placement>(plan(world, server({exactly(1000)}))))
      << "a named device is the user's own choice";
}

TEST(Plan, KeepsTheMostPartitionsWhole) {
  inventory world;
  auto host = open_host(1);
  host.partitions = {{"f", 0, {0, 1}}, {"f", 1, {2, 3}}, {"f", 2, {0}},
                     {"f", 3, {1}},    {"f", 4, {2}},    {"f", 5, {3}}};
  auto devices = free_gpus(1, 4);
  for (std::size_t i = 0; i < 4; ++i) {
    devices[i].info.fabric = "f";
    devices[i].info.fabric_module = static_cast<int>(i);
  }
  devices[3].state = model::device_state::in_use;
  world.apply(host_changed{host, devices});
  EXPECT_EQ(placed(plan(world, server({some(1)}))).devices, ids({1002}));
}

TEST(Plan, CountsRequestsThatCompeteForDevices) {
  inventory world;
  auto devices = free_gpus(1, 1, "A100");
  devices.push_back(free_gpu(1, 1, "H100"));
  world.apply(host_changed{open_host(1), devices});
  const auto where = placed(plan(world, server({some(1), some(1, {"A100"})})));
  EXPECT_EQ(where.devices, ids({1001, 1000})) << "any device, but not the one that the other needs";
  EXPECT_TRUE(std::holds_alternative<model::refusal>(
      plan(world, server({some(1, {"A100"}), some(1, {"A100"})}))));
}

TEST(Plan, PreferredHostAndTagsWinOverTightness) {
  inventory world;
  world.apply(with_gpus(1, 1));
  auto tagged = open_host(2);
  tagged.tags = {"fast"};
  world.apply(host_changed{tagged, free_gpus(2, 8)});
  world.apply(with_gpus(3, 8));
  auto wish = server({some(1)});
  wish.tags.prefer = {"fast", "cheap"};
  EXPECT_EQ(placed(plan(world, wish)).host, numbered<model::host_id>(2));
  wish.preferred_host = numbered<model::host_id>(3);
  EXPECT_EQ(placed(plan(world, wish)).host, numbered<model::host_id>(3));
  wish.preferred_host = numbered<model::host_id>(4);
  EXPECT_EQ(placed(plan(world, wish)).host, numbered<model::host_id>(2));
}

TEST(Check, AcceptsAPlanUntilItIsStale) {
  inventory world;
  world.apply(with_gpus(1, 2));
  const auto wish = server({some(2)});
  const auto where = placed(plan(world, wish));
  EXPECT_EQ(check(world, wish, where), std::nullopt);
  world.apply(server_allocated{numbered<model::server_id>(1),
                               where.host,
                               {1, 1, 1},
                               {numbered<model::device_id>(1001)},
                               {}});
  const auto broken = check(world, wish, where);
  ASSERT_TRUE(broken.has_value());
  EXPECT_EQ(broken->rule, "devices");
  EXPECT_THAT(broken->miss.text, ::testing::HasSubstr("has an owner"));
}

TEST(Check, RefusesWhatIsNotTheRequest) {
  inventory world;
  world.apply(with_gpus(1, 3));
  world.apply(with_gpus(2, 1));
  const auto wish = server({some(2)});
  const auto host = numbered<model::host_id>(1);
  const auto rule = [&](const model::placement& where) {
    const auto broken = check(world, wish, where);
    return broken ? broken->rule : std::string{"none"};
  };
  EXPECT_EQ(rule({host, ids({1000, 1002}), {}}), "none");
  EXPECT_EQ(rule({host, ids({1000}), {}}), "devices") << "too few";
  EXPECT_EQ(rule({host, ids({1000, 1001, 1002}), {}}), "devices") << "too many";
  EXPECT_EQ(rule({host, ids({1000, 1000}), {}}), "devices") << "one twice";
  EXPECT_EQ(rule({host, ids({1000, 2000}), {}}), "devices") << "of another host";
  EXPECT_EQ(rule({numbered<model::host_id>(9), ids({1000, 1001}), {}}), "known_host");
}

TEST(Check, HoldsUnitsAndTopology) {
  inventory world;
  auto devices = free_gpus(1, 4);
  devices[0].info.allocation_unit = devices[1].info.allocation_unit = "u";
  for (std::size_t i = 0; i < 4; ++i) {
    devices[i].info.numa_node = i < 3 ? 0 : 1;
  }
  world.apply(host_changed{open_host(1), devices});
  auto wish = server({some(2)});
  const model::placement split{numbered<model::host_id>(1), ids({1001, 1002}), {}};
  ASSERT_TRUE(check(world, wish, split).has_value());
  EXPECT_EQ(check(world, wish, split)->rule, "units");
  const model::placement apart{numbered<model::host_id>(1), ids({1002, 1003}), {}};
  EXPECT_EQ(check(world, wish, apart), std::nullopt);
  wish.topology.numa = model::wish::require;
  ASSERT_TRUE(check(world, wish, apart).has_value());
  EXPECT_EQ(check(world, wish, apart)->rule, "topology");
}

TEST(Forecast, CountsWhatFitsOneAfterAnother) {
  inventory world;
  world.apply(with_gpus(1, 2));
  world.apply(with_gpus(2, 3));
  const auto answer = forecast(world, server({some(2)}), 10);
  EXPECT_TRUE(answer.can_create);
  EXPECT_EQ(answer.allow_count, 2);
  ASSERT_EQ(answer.placements.size(), 2U);
  EXPECT_EQ(answer.placements[0].host, numbered<model::host_id>(1));
  EXPECT_FALSE(answer.placements[0].scores.empty());
  EXPECT_EQ(answer.placements[1].host, numbered<model::host_id>(2));
  ASSERT_TRUE(answer.why_not.has_value());
  EXPECT_EQ(summary(*answer.why_not), "no host fits: 2 lack devices");
  EXPECT_EQ(world.totals(numbered<model::host_id>(1))->devices_free, 2) << "nothing was placed";
  EXPECT_EQ(forecast(world, server({some(2)}), 1).why_not, std::nullopt);
}

} // namespace
} // namespace berth::scheduler
