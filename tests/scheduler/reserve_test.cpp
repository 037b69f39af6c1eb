#include "scheduler/reserve.hpp"

#include <limits>

#include <gtest/gtest.h>

#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

// Worked examples of the reserve formula: a host of 64 CPUs, 512 GiB and 4 TiB with two GPUs that
// keep 8 CPUs, 8 GiB and 100 GiB each, so R = 16 CPUs, 16 GiB, 200 GiB.
const model::resources two_gpus{16, 16'384, 204'800};

free_amounts example(const model::resources& used, const model::resources& by_holders,
                     const model::host_record& host = open_host(1)) {
  return free_of(amounts_of(host), {used, by_holders, two_gpus});
}

TEST(Reserve, AnEmptyHostKeepsAllOfItForGpuServers) {
  const auto amounts = example({}, {});
  EXPECT_EQ(amounts.gpu, (model::resources{64, 524'288, 4'194'304}));
  EXPECT_EQ(amounts.ordinary, amounts.gpu - two_gpus);
}

TEST(Reserve, OrdinaryServersNeverTouchIt) {
  const auto amounts = example({48, 100, 100}, {});
  EXPECT_EQ(amounts.ordinary.cpus, 0);
  EXPECT_EQ(amounts.gpu.cpus, 16);
}

TEST(Reserve, HoldersSpendItFirst) {
  // One holder of 10 CPUs: U = 10, so ordinary servers still see 64 - 16.
  const auto amounts = example({10, 0, 0}, {10, 0, 0});
  EXPECT_EQ(amounts.ordinary.cpus, 64 - 10 + 10 - 16);
  EXPECT_EQ(amounts.gpu.cpus, 54);
}

TEST(Reserve, HoldersBeyondItUseTheCommonPool) {
  // U = min(16, 40): the other 24 come from everybody's.
  const auto amounts = example({40, 0, 0}, {40, 0, 0});
  EXPECT_EQ(amounts.ordinary.cpus, 24);
  EXPECT_EQ(amounts.gpu.cpus, 24);
}

TEST(Reserve, IsPerComponent) {
  // A holder with little CPU and much memory leaves CPUs reserved and no memory.
  const auto amounts = example({2, 100'000, 0}, {2, 100'000, 0});
  EXPECT_EQ(amounts.ordinary, (model::resources{64 - 16, 524'288 - 100'000, 4'194'304 - 204'800}));
  EXPECT_EQ(amounts.gpu, (model::resources{62, 524'288 - 100'000, 4'194'304}));
}

TEST(Reserve, CountsOvercommitAndTheHostsOwn) {
  auto host = open_host(1);
  host.cpu_overcommit_milli = 2500;
  host.memory_overcommit_milli = 1500;
  host.reserve = {4, 4'096, 10'240};
  const auto amounts = example({10, 10, 10}, {}, host);
  EXPECT_EQ(amounts_of(host).capacity, (model::resources{160, 786'432, 4'194'304}));
  EXPECT_EQ(amounts.ordinary, (model::resources{160 - 10 - 16 - 4, 786'432 - 10 - 16'384 - 4'096,
                                                4'194'304 - 10 - 204'800 - 10'240}));
}

TEST(Reserve, MayBeOverdrawn) {
  auto small = open_host(1);
  small.capacity = {8, 1'024, 1'024};
  const auto amounts = example({}, {}, small);
  EXPECT_EQ(amounts.ordinary.cpus, -8) << "the GPUs keep more than there is";
  EXPECT_EQ(amounts.gpu.cpus, 8) << "and servers with GPUs may still use all of it";
}

TEST(Reserve, WhatIsNotWantedIsNotMissing) {
  EXPECT_TRUE(has_room({1, 1, 0}, {1, 1, -5}));
  EXPECT_FALSE(has_room({1, 1, 1}, {1, 1, -5}));
  EXPECT_FALSE(has_room({2, 1, 0}, {1, 1, 0}));
}

TEST(Reserve, SurvivesHugeCapacities) {
  auto huge = open_host(1);
  huge.capacity.memory_mib = std::numeric_limits<std::int64_t>::max() / 16;
  huge.memory_overcommit_milli = 2000;
  EXPECT_EQ(amounts_of(huge).capacity.memory_mib, huge.capacity.memory_mib * 2);
}

} // namespace
} // namespace berth::scheduler
