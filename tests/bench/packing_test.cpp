#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "bench/packing_games/games.hpp"
#include "scheduler/scheduler.hpp"

// The games of bench/packing, played small: the scheduler's default policy must not pack worse than
// a best fit that was written without it, on made workloads always and on recorded ones where they
// are. Ties go different ways in the two, so single games differ by a little; sums are compared.

namespace berth::packing {
namespace {

const std::string default_policy{scheduler::policy_names().front()};

/// Machines of four makes, each with its own CPUs and memory per GPU.
std::vector<machine> made_fleet() {
  std::vector<machine> hosts;
  for (int i = 0; i < 60; ++i) {
    hosts.push_back({8, 96'000, 393'216, "A"});
    hosts.push_back(i % 2 == 0 ? machine{2, 104'000, 524'288, "B"}
                               : machine{4, 32'000, 131'072, "C"});
    if (i % 10 == 0) {
      hosts.push_back({8, 128'000, 786'432, "D"});
    }
  }
  return hosts;
}

/// Mostly small servers, some lean and some hungry, some of a whole host.
std::vector<demand> made_pods(model::random& dice) {
  std::vector<demand> pods;
  for (int i = 0; i < 300; ++i) {
    const auto draw = dice.below(20);
    const auto lean = static_cast<std::int64_t>(3 + dice.below(9));
    const auto hungry = static_cast<std::int64_t>(12 + dice.below(12));
    if (draw < 10) {
      pods.push_back({1, 1000 * lean, 4096 * lean, {}});
    } else if (draw < 15) {
      pods.push_back({1, 1000 * hungry, 4096 * hungry, {}});
    } else if (draw < 17) {
      pods.push_back({2, 2000 * lean, 8192 * lean, {}});
    } else if (draw < 19) {
      pods.push_back({4, 32'000, 131'072, {}});
    } else {
      pods.push_back({8, 88'000, 327'680, {}});
    }
  }
  return pods;
}

struct sums {
  double first = 0;
  double at_100 = 0;
  double at_130 = 0;

  void add(const unallocated& left) {
    first += left.at_first_refusal;
    at_100 += left.at_100;
    at_130 += left.at_130;
  }
};

void expect_no_worse(const sums& ours, const sums& theirs, double slack) {
  EXPECT_LE(ours.first, theirs.first + slack);
  EXPECT_LE(ours.at_100, theirs.at_100 + slack);
  EXPECT_LE(ours.at_130, theirs.at_130 + slack);
}

TEST(DefaultPolicy, PacksAMadeFleetNoWorseThanBestFit) {
  const auto hosts = made_fleet();
  sums ours;
  sums theirs;
  constexpr int seeds = 10;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    model::random dice{seed};
    const auto pods = made_pods(dice);
    const auto arrivals = arrivals_of(pods, gpus_of(hosts), dice);
    ours.add(play_filling(hosts, arrivals, *make_scheduler(default_policy, hosts)));
    theirs.add(play_filling(hosts, arrivals, *make_baseline("best-fit", hosts, seed)));
  }
  expect_no_worse(ours, theirs, 0.2 * seeds);
}

TEST(FragmentationPolicy, PacksAMadeFleetBetterThanBestFit) {
  const auto hosts = made_fleet();
  sums ours;
  sums theirs;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    model::random dice{seed};
    const auto pods = made_pods(dice);
    const auto arrivals = arrivals_of(pods, gpus_of(hosts), dice);
    ours.add(play_filling(hosts, arrivals, *make_scheduler("fragmentation", hosts)));
    theirs.add(play_filling(hosts, arrivals, *make_baseline("best-fit", hosts, seed)));
  }
  EXPECT_LT(ours.at_100, theirs.at_100);
  EXPECT_LT(ours.at_130, theirs.at_130);
}

TEST(LifetimePolicy, RefusesLessUnderChurnThanBestFit) {
  constexpr int hosts = 40;
  const auto fleet = hosts_of_eight(hosts);
  double plain = 0;
  double hinted = 0;
  double theirs = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    model::random dice{seed};
    const auto stays = steady_stream(hosts, 0.95, 10'000, dice);
    plain += play_churn(stays, *make_scheduler("lifetime", fleet), false).gpus;
    hinted += play_churn(stays, *make_scheduler("lifetime", fleet), true).gpus;
    theirs += play_churn(stays, *make_baseline("best-fit", fleet, seed), false).gpus;
  }
  EXPECT_LT(plain, theirs);
  EXPECT_LT(hinted, plain);
}

TEST(DefaultPolicy, RefusesNoMoreUnderChurnThanBestFit) {
  constexpr int hosts = 40;
  const auto fleet = hosts_of_eight(hosts);
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    model::random dice{seed};
    const auto stays = steady_stream(hosts, 0.95, 10'000, dice);
    const auto ours = play_churn(stays, *make_scheduler(default_policy, fleet), false);
    const auto theirs = play_churn(stays, *make_baseline("best-fit", fleet, seed), false);
    EXPECT_LE(ours.gpus, theirs.gpus + 0.1) << "seed " << seed;
    EXPECT_GE(ours.gpus, 0.8 * pooled_bound(stays, gpus_of(fleet)).gpus) << "seed " << seed;
  }
}

TEST(DefaultPolicy, NeedsNoMoreHostsThanBestFit) {
  model::random dice{7};
  const auto stays = steady_stream(30, 0.9, 5'000, dice);
  const auto bound = hosts_bound(stays);
  const auto ours = hosts_needed(stays, bound, [](const std::vector<machine>& hosts) {
    return make_scheduler(default_policy, hosts);
  });
  const auto theirs = hosts_needed(stays, bound, [](const std::vector<machine>& hosts) {
    return make_baseline("best-fit", hosts, 1);
  });
  EXPECT_GE(ours, bound);
  EXPECT_LE(ours, theirs);
}

TEST(DefaultPolicy, PacksRecordedPodsNoWorseThanBestFit) {
  const std::filesystem::path folder = std::filesystem::path{BERTH_DATA} / "alibaba-2023";
  const auto hosts = read_nodes(folder / "openb_node_list_gpu_node.csv");
  if (!hosts) {
    GTEST_SKIP() << hosts.error().message;
  }
  for (const auto* file : {"openb_pod_list_default.csv", "openb_pod_list_multigpu50.csv"}) {
    const auto pods = read_whole_gpu_pods(folder / file);
    ASSERT_TRUE(pods) << pods.error().message;
    sums ours;
    sums theirs;
    constexpr int seeds = 1;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      model::random dice{seed};
      const auto arrivals = arrivals_of(*pods, gpus_of(*hosts), dice);
      ours.add(play_filling(*hosts, arrivals, *make_scheduler(default_policy, *hosts)));
      theirs.add(play_filling(*hosts, arrivals, *make_baseline("best-fit", *hosts, seed)));
    }
    SCOPED_TRACE(file);
    expect_no_worse(ours, theirs, 0.15 * seeds);
  }
}

/// The order that the FGD paper's results have as well (docs/fgd.md): its random, dot-product, best
/// fit and FGD beside ours.
TEST(Policies, PackRecordedPodsInThePublishedOrder) {
  const std::filesystem::path data{BERTH_DATA};
  const auto hosts = read_nodes(data / "alibaba-2023" / "openb_node_list_gpu_node.csv");
  const auto theirs = read_published(data / "fgd-expected.csv");
  if (!hosts || !theirs) {
    GTEST_SKIP() << (hosts ? theirs.error() : hosts.error()).message;
  }
  const std::vector<std::pair<std::string, std::string>> policies{{"random", "Random"},
                                                                  {"dot-product", "DotProd"},
                                                                  {"best-fit", "BestFit"},
                                                                  {"fragmentation", "FGD"}};
  for (const auto* workload : {"openb_pod_list_default", "openb_pod_list_multigpu50"}) {
    SCOPED_TRACE(workload);
    const auto pods = read_whole_gpu_pods(data / "alibaba-2023" / (std::string{workload} + ".csv"));
    ASSERT_TRUE(pods) << pods.error().message;
    double ours_before = 0;
    double theirs_before = 0;
    for (const auto& [name, their_name] : policies) {
      double ours = 0;
      for (std::uint64_t seed = 1; seed <= 2; ++seed) {
        model::random dice{seed};
        const auto arrivals = arrivals_of(*pods, gpus_of(*hosts), dice);
        ours += allocated_at({100}, *hosts, arrivals, *make_scheduler(name, *hosts)).front();
      }
      EXPECT_GT(ours, ours_before) << name;
      EXPECT_GT(theirs->at(workload).at(their_name).at(100).mean, theirs_before) << their_name;
      ours_before = ours;
      theirs_before = theirs->at(workload).at(their_name).at(100).mean;
    }
  }
}

TEST(Games, APlayerThatSeesEverythingFitsNothingTwice) {
  const std::vector<machine> hosts{{2, 10, 10, "A"}, {1, 10, 10, "B"}};
  for (const auto& name : baseline_names()) {
    const auto player = make_baseline(name, hosts, 1);
    SCOPED_TRACE(name);
    const demand two{2, 5, 5, {}};
    const auto first = player->place(two, 0, {});
    ASSERT_TRUE(first);
    EXPECT_EQ(first->host, 0U);
    EXPECT_FALSE(player->place(two, 0, {})) << "no GPUs left";
    EXPECT_FALSE(player->place({1, 11, 0, {}}, 0, {})) << "too many CPUs";
    EXPECT_FALSE(player->place({1, 0, 0, {"C"}}, 0, {})) << "no such model";
    EXPECT_TRUE(player->place({1, 10, 10, {"C", "B"}}, 0, {}));
    player->leave(*first, two);
    EXPECT_TRUE(player->place(two, 0, {}));
  }
}

TEST(Games, FillingCountsWhatIsLeft) {
  const std::vector<machine> hosts{{2, 10, 10, "A"}, {2, 10, 10, "A"}};
  const std::vector<demand> arrivals{{1, 0, 0, {}}, {4, 0, 0, {}}, {2, 0, 0, {}}};
  const auto left = play_filling(hosts, arrivals, *make_baseline("best-fit", hosts, 1));
  EXPECT_DOUBLE_EQ(left.at_first_refusal, 75);
  EXPECT_DOUBLE_EQ(left.at_100, 75);
  EXPECT_DOUBLE_EQ(left.at_130, 25);
}

TEST(Games, AllocationIsReadWhenSoMuchHasArrived) {
  const std::vector<machine> hosts{{2, 10, 10, "A"}, {2, 10, 10, "A"}};
  const std::vector<demand> arrivals{{0, 1, 1, {}}, {1, 0, 0, {}}, {4, 0, 0, {}}, {2, 0, 0, {}}};
  const auto player = make_baseline("best-fit", hosts, 1);
  EXPECT_EQ(allocated_at({25, 50, 125, 200}, hosts, arrivals, *player),
            (std::vector<double>{25, 25, 25, 75}));
}

TEST(Games, FgdKeepsTheRoomThatTheMixWants) {
  const std::vector<machine> hosts{{2, 10, 10, "A"}, {1, 10, 10, "A"}};
  const demand one{1, 1, 0, {}};
  const demand two{2, 2, 0, {}};
  const auto player = make_fgd(hosts, {one, two});
  EXPECT_EQ(player->place(one, 0, {})->host, 1U) << "a broken pair is a fragment to the other";
  EXPECT_EQ(player->place(two, 0, {})->host, 0U);
  EXPECT_FALSE(player->place(one, 0, {}));
}

TEST(Games, HostsBoundCountsWhatCannotShare) {
  const auto there = [](std::vector<int> sizes) {
    std::vector<stay> stays;
    for (const int size : sizes) {
      stays.push_back({0, 10, {size, 0, 0, {}}});
    }
    return hosts_bound(stays);
  };
  EXPECT_EQ(there({5, 5, 5}), 3U);
  EXPECT_EQ(there({4, 4, 8}), 2U);
  EXPECT_EQ(there({5, 4, 4, 4}), 3U);
  EXPECT_EQ(there({1, 1, 1, 1, 1, 1, 1, 1, 1}), 2U);
}

TEST(Games, APoolRefusesOnlyWhatIsTooMuch) {
  const std::vector<stay> stays{
      {0, 10, {4, 0, 0, {}}}, {1, 3, {4, 0, 0, {}}}, {2, 9, {8, 0, 0, {}}}, {4, 9, {4, 0, 0, {}}}};
  EXPECT_DOUBLE_EQ(pooled_bound(stays, 8).gpus, 100.0 * 8 / 12) << "the second half is counted";
}

TEST(Workload, ATableWithAWrongCellIsRefusedByLineAndColumn) {
  const auto path = std::filesystem::path{::testing::TempDir()} / "packing_nodes.csv";
  std::ofstream{path} << "sn,cpu_milli,memory_mib,gpu,model\na,1000,2048,2,T4\nb,x,2048,2,T4\n";
  const auto read = read_nodes(path);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, ::testing::HasSubstr("line 3: cpu_milli is 'x'"));
  std::filesystem::remove(path);
  EXPECT_THAT(read_nodes(path).error().message, ::testing::HasSubstr("packing_nodes.csv"));
}

TEST(Workload, PodsAreReadWholeOrRoundedUp) {
  const auto path = std::filesystem::path{::testing::TempDir()} / "packing_pods.csv";
  std::ofstream{path} << "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"
                         "a,1500,2048,2,1000,T4|P100\nb,500,1024,1,300,\nc,100,10,0,0,\n";
  const demand whole{2, 1500, 2048, {"T4", "P100"}};
  EXPECT_THAT(read_whole_gpu_pods(path).value(), ::testing::ElementsAre(whole));
  EXPECT_THAT(read_rounded_pods(path).value(),
              ::testing::ElementsAre(whole, demand{1, 500, 1024, {}}, demand{0, 100, 10, {}}));
  std::filesystem::remove(path);
}

TEST(Workload, ArrivalsWantThirteenTenthsOfTheGpus) {
  model::random dice{3};
  const auto arrivals = arrivals_of({{1, 0, 0, {}}, {8, 0, 0, {}}}, 1000, dice);
  std::int64_t wanted = 0;
  for (const auto& each : arrivals) {
    wanted += each.gpus;
  }
  EXPECT_LE(wanted, 1300);
  EXPECT_GE(wanted, 1300 - 8);
}

} // namespace
} // namespace berth::packing
