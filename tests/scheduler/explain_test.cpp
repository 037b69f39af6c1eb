#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> changes(inventory& world, const model::placement_request& request) {
  std::vector<std::string> texts;
  const auto why = std::get<model::refusal>(explain(world, request));
  for (const auto& suggestion : why.suggestions) {
    texts.push_back(suggestion.change);
  }
  return texts;
}

inventory two_kinds() {
  inventory world;
  world.apply(host_changed{open_host(1), free_gpus(1, 2, "H100")});
  world.apply(host_changed{open_host(2), free_gpus(2, 4, "A100")});
  return world;
}

TEST(Explain, SuggestsFewerDevicesOrAnotherModel) {
  auto world = two_kinds();
  EXPECT_THAT(changes(world, server({some(4, {"H100"})})),
              ElementsAre("2 H100 instead of 4", "any A100 instead of H100"));
  EXPECT_THAT(changes(world, server({some(5, {"A100"})})), ElementsAre("4 A100 instead of 5"));
  EXPECT_THAT(changes(world, server({some(1, {"V100"})})), ElementsAre("any A100 instead of V100"));
}

TEST(Explain, SuggestsSmallerAmounts) {
  auto world = two_kinds();
  auto wish = server({some(1, {"H100"})});
  wish.amount.cpus = 100;
  EXPECT_THAT(changes(world, wish), ElementsAre("64 CPUs instead of 100"));
  wish.amount.memory_mib = 600'000;
  EXPECT_THAT(changes(world, wish), IsEmpty()) << "one change alone does not help";
}

TEST(Explain, SuggestsToRelaxWishes) {
  inventory world;
  auto devices = free_gpus(1, 2);
  devices[0].info.numa_node = 0;
  devices[1].info.numa_node = 1;
  world.apply(host_changed{open_host(1), devices});
  auto wish = server({some(2)});
  wish.topology.numa = model::wish::require;
  EXPECT_THAT(changes(world, wish), Contains("prefer one NUMA node instead of requiring it"));

  wish = server({some(1)});
  wish.tags.require = {"fast"};
  EXPECT_THAT(changes(world, wish), ElementsAre("without required and avoided tags"));

  wish = server({some(1)});
  wish.host = numbered<model::host_id>(7);
  EXPECT_THAT(changes(world, wish),
              ElementsAre("any host instead of " + to_string(numbered<model::host_id>(7))));
}

TEST(Explain, SuggestsToOpenAHost) {
  inventory world;
  auto host = open_host(1);
  host.maintenance = true;
  world.apply(host_changed{host, free_gpus(1, 2)});
  EXPECT_THAT(changes(world, server({some(2)})), ElementsAre("end the maintenance of host host-1"));
  host.enabled = false;
  world.apply(host_changed{host, free_gpus(1, 2)});
  EXPECT_THAT(changes(world, server({some(2)})), IsEmpty()) << "one switch alone does not help";
}

TEST(Explain, GivesTheScoresOfTheChosenHost) {
  auto world = two_kinds();
  auto wish = server({some(3, {"V100", "A100"})});
  wish.tags.prefer = {"fast"};
  const auto where = std::get<model::placement>(explain(world, wish));
  std::vector<std::string> told;
  for (const auto& part : where.scores) {
    told.push_back(part.rule + " " + std::to_string(part.points) + ": " + part.reason);
  }
  EXPECT_THAT(
      told,
      ElementsAre(
          "alternatives 999: 1 steps down the alternatives",
          "preferred_tags 0: 0 of 1000 of the preferred tags",
          "device_fit 993: 1 matching devices stay free",
          "closeness 0: 3 devices: no common fabric, no common NUMA node, no common PCIe switch",
          "resource_fit 47: 60 of 64 CPUs and 507904 of 524288 MiB stay free"));
  EXPECT_EQ(where.devices, std::get<model::placement>(plan(world, wish)).devices);
}

} // namespace
} // namespace berth::scheduler
