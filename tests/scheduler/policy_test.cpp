#include <map>

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
  EXPECT_EQ(find_policy("fragmentation"), &fragmentation);
  EXPECT_EQ(find_policy("lifetime"), &lifetime);
  EXPECT_EQ(find_policy("dot-product"), &dot_product);
  EXPECT_EQ(find_policy("random"), &scheduler::random);
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

/// Places and keeps a server, where the policy wants it.
model::host_id put(inventory& world, const model::placement_request& request, const policy& how) {
  const auto decided = plan(world, request, {&how});
  const auto& where = std::get<model::placement>(decided);
  world.apply(server_allocated{request.server,
                               where.host,
                               request.amount,
                               where.devices,
                               {},
                               request.ends_at,
                               request.now,
                               request.devices});
  return where.host;
}

model::placement_request sized(int gpus, std::int64_t cpus, std::uint64_t number) {
  auto request = server({some(gpus)}, number);
  request.amount = {cpus, 1024, 0};
  return request;
}

TEST(Fragmentation, KeepsLeanServersOffCpusThatHungryOnesNeed) {
  inventory world;
  for (const std::uint64_t number : {1, 2}) {
    auto host = host_changed{open_host(number), free_gpus(number, 4)};
    host.host.capacity.cpus = number == 1 ? 32 : 128; // 8 and 32 for each GPU
    for (auto& device : host.devices) {
      device.reserve = {};
    }
    world.apply(host);
  }
  std::uint64_t next = 1;
  const auto live_on = [&](std::uint64_t host, std::int64_t cpus) {
    auto request = sized(1, cpus, next++);
    request.host = numbered<model::host_id>(host);
    put(world, request, fragmentation);
  };
  live_on(1, 8);
  live_on(1, 8); // two GPUs and 16 CPUs are left
  live_on(2, 24);
  live_on(2, 24);
  live_on(2, 24); // one GPU and 56 CPUs are left: the last home of a hungry server
  EXPECT_EQ(chosen(world, sized(1, 8, next), best_fit), numbered<model::host_id>(2));
  EXPECT_EQ(chosen(world, sized(1, 8, next), fragmentation), numbered<model::host_id>(1));
  EXPECT_EQ(chosen(world, sized(1, 24, next), fragmentation), numbered<model::host_id>(2));
}

TEST(Fragmentation, KeepsTheOnlyHomesOfGreatServers) {
  inventory world;
  world.apply(host_changed{open_host(1), free_gpus(1, 8)});
  for (std::uint64_t number = 2; number <= 9; ++number) {
    world.apply(host_changed{open_host(number), free_gpus(number, 2)});
  }
  for (std::uint64_t next = 1; next <= 16; ++next) {
    EXPECT_NE(put(world, sized(1, 1, next), fragmentation), numbered<model::host_id>(1))
        << "server " << next;
  }
  EXPECT_EQ(put(world, sized(8, 8, 17), fragmentation), numbered<model::host_id>(1));
}

TEST(Fragmentation, KnowsWhatLivesAndNotHowItCameToBe) {
  const auto world_after = [](bool detour) {
    inventory world;
    for (std::uint64_t number = 1; number <= 6; ++number) {
      world.apply(host_changed{open_host(number), free_gpus(number, static_cast<int>(2 + number))});
    }
    if (detour) {
      put(world, sized(2, 30, 500), fragmentation);
      world.apply(server_released{numbered<model::server_id>(500)});
      for (std::uint64_t number = 1; number <= 6; ++number) { // the devices are free again
        world.apply(
            host_changed{open_host(number), free_gpus(number, static_cast<int>(2 + number))});
      }
    }
    return world;
  };
  auto straight = world_after(false);
  auto detoured = world_after(true);
  for (std::uint64_t next = 1; next <= 12; ++next) {
    const auto request =
        sized(static_cast<int>(1 + next % 3), static_cast<std::int64_t>(1 + next % 5), next);
    EXPECT_EQ(put(straight, request, fragmentation), put(detoured, request, fragmentation));
  }
}

/// Two hosts of eight; on the first a server of four, on the second two of two.
inventory company_of_one_and_two() {
  inventory world;
  world.apply(host_changed{open_host(1), free_gpus(1, 8)});
  world.apply(host_changed{open_host(2), free_gpus(2, 8)});
  auto alone = sized(4, 1, 1);
  alone.host = numbered<model::host_id>(1);
  put(world, alone, lifetime);
  for (const std::uint64_t number : {2, 3}) {
    auto pair = sized(2, 1, number);
    pair.host = numbered<model::host_id>(2);
    put(world, pair, lifetime);
  }
  return world;
}

TEST(Lifetime, WithoutHintsFillsTheHostThatWillBeEmptyLast) {
  auto world = company_of_one_and_two();
  EXPECT_EQ(chosen(world, sized(4, 1, 9), lifetime), numbered<model::host_id>(2));
  EXPECT_EQ(chosen(world, sized(4, 1, 9), best_fit), numbered<model::host_id>(1));
}

TEST(Lifetime, WithHintsKeepsNoHostLonger) {
  inventory world;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    world.apply(host_changed{open_host(number), free_gpus(number, 8)});
  }
  const auto until = [](std::uint64_t number, std::int64_t hours, std::uint64_t pinned = 0) {
    auto request = sized(2, 1, number);
    request.ends_at = request.now + std::chrono::hours{hours};
    if (pinned != 0) {
      request.host = numbered<model::host_id>(pinned);
    }
    return request;
  };
  put(world, until(1, 10, 1), lifetime);
  put(world, until(2, 100, 2), lifetime);
  EXPECT_EQ(put(world, until(3, 5), lifetime), numbered<model::host_id>(1)) << "the nearer end";
  EXPECT_EQ(put(world, until(4, 50), lifetime), numbered<model::host_id>(2)) << "no extension";
  EXPECT_EQ(put(world, until(5, 90), lifetime), numbered<model::host_id>(2));
  EXPECT_EQ(put(world, until(6, 400), lifetime), numbered<model::host_id>(2))
      << "extends least the one that stays longest";
}

TEST(DotProduct, TakesTheHostWhoseRoomPointsLeastTheRequestsWay) {
  inventory world;
  for (const std::uint64_t number : {1, 2}) {
    auto host = host_changed{open_host(number), free_gpus(number, 4)};
    host.host.capacity.cpus = number == 1 ? 256 : 32;
    for (auto& device : host.devices) {
      device.reserve = {};
    }
    world.apply(host);
  }
  EXPECT_EQ(chosen(world, sized(1, 8, 1), dot_product), numbered<model::host_id>(2))
      << "the CPUs of the first are many";
  EXPECT_EQ(chosen(world, sized(1, 33, 1), dot_product), numbered<model::host_id>(1));
  auto alone = sized(3, 1, 2);
  alone.host = numbered<model::host_id>(1);
  put(world, alone, dot_product);
  EXPECT_EQ(chosen(world, sized(1, 1, 3), dot_product), numbered<model::host_id>(1))
      << "one GPU is left there";
}

TEST(Random, TakesEveryHostThatFitsAboutEquallyOften) {
  inventory world;
  constexpr std::uint64_t hosts = 5;
  for (std::uint64_t number = 1; number <= hosts; ++number) { // of two cells, and one that is full
    auto host = host_changed{open_host(number), free_gpus(number, number == hosts ? 1 : 4)};
    host.host.capacity.cpus = number < 3 ? 128 : 64;
    world.apply(host);
  }
  std::map<model::host_id, int> times;
  constexpr int servers = 4'000;
  for (std::uint64_t number = 1; number <= servers; ++number) {
    const auto request = sized(2, 1, 1'000 + number);
    const auto where = chosen(world, request, scheduler::random);
    EXPECT_EQ(chosen(world, request, scheduler::random), where);
    ++times[where];
  }
  EXPECT_EQ(times.size(), hosts - 1);
  for (const auto& [host, count] : times) {
    EXPECT_NEAR(count, servers / 4, 150) << to_string(host); // five deviations
  }
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

TEST(Policy, EveryScoreIsToldInPointsOfAThousand) {
  for (const policy* how : policies()) {
    auto world = company_of_one_and_two();
    for (const bool hinted : {false, true}) {
      auto request = sized(2, 1, 9);
      if (hinted) {
        request.ends_at = request.now + std::chrono::hours{1};
      }
      const auto decided = explain(world, request, {how});
      for (const auto& part : std::get<model::placement>(decided).scores) {
        EXPECT_GE(part.points, 0) << how->name << ' ' << part.rule;
        EXPECT_LE(part.points, 1000) << how->name << ' ' << part.rule;
        EXPECT_FALSE(part.reason.empty()) << how->name << ' ' << part.rule;
      }
    }
  }
}

} // namespace
} // namespace berth::scheduler
