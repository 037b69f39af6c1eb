#include "scheduler/capacity.hpp"

#include <gtest/gtest.h>

#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

/// `gpus` of a model, each with 8 CPUs, 8 GiB and 100 GiB.
model::placement_request shape(std::int32_t gpus, const std::string& name = "A100") {
  model::placement_request request;
  request.amount = {8 * gpus, 8 * 1024 * gpus, 100 * 1024 * gpus};
  request.devices = {some(gpus, {name})};
  return request;
}

class Stranded : public ::testing::Test {
protected:
  void add(const model::host_record& host, std::vector<model::device_record> devices) {
    world.apply(host_changed{host, std::move(devices)});
  }
  inventory world;
};

TEST_F(Stranded, NothingIsWhereEveryDeviceCanBeUsed) {
  add(open_host(1), free_gpus(1, 4));
  EXPECT_EQ(stranded(world, shape(1)), (stranded_devices{4, 0, 0, 0, 0}));
}

TEST_F(Stranded, ByTheScarcestAmountOfTheHost) {
  auto cpu = open_host(1);
  cpu.capacity.cpus = 17; // two servers
  add(cpu, free_gpus(1, 4));
  auto memory = open_host(2);
  memory.capacity = {24, 8 * 1024, 4 * 1024 * 1024}; // CPUs for three, memory for one
  add(memory, free_gpus(2, 4));
  auto storage = open_host(3);
  storage.capacity.storage_mib = 100;
  add(storage, free_gpus(3, 1));
  EXPECT_EQ(stranded(world, shape(1)), (stranded_devices{9, 0, 2, 3, 1}));
}

TEST_F(Stranded, TooFewTogetherForOneServer) {
  add(open_host(1), free_gpus(1, 3));
  EXPECT_EQ(stranded(world, shape(2)), (stranded_devices{3, 1, 0, 0, 0}));
}

TEST_F(Stranded, AUnitThatIsNotWhollyFree) {
  auto devices = free_gpus(1, 4);
  for (auto& device : devices) {
    device.info.iommu_group = device.info.address.bus < 0x12 ? 7 : 8;
  }
  devices[0].state = model::device_state::quarantined;
  add(open_host(1), devices);
  // The pair without a broken device is given away as two: a server of one cannot have it.
  EXPECT_EQ(stranded(world, shape(2)), (stranded_devices{3, 1, 0, 0, 0}));
}

TEST_F(Stranded, ClosedHostsAndOtherModelsDoNotCount) {
  auto closed = open_host(1);
  closed.enabled = false;
  add(closed, free_gpus(1, 4));
  add(open_host(2), free_gpus(2, 4, "H100"));
  EXPECT_EQ(stranded(world, shape(1)), stranded_devices{});
}

TEST_F(Stranded, WhatIsNotStrandedIsTheCapacity) {
  for (std::uint64_t host = 1; host <= 9; ++host) {
    auto record = open_host(host);
    record.capacity.cpus = static_cast<std::int64_t>(7 * host);
    add(record, free_gpus(host, static_cast<int>(host % 6)));
  }
  for (const std::int32_t gpus : {1, 2, 4}) {
    const auto lost = stranded(world, shape(gpus));
    EXPECT_EQ(lost.free - lost.unit - lost.cpu - lost.memory - lost.storage,
              capacity(world, shape(gpus)) * gpus)
        << gpus;
  }
}

TEST_F(Stranded, ModelsWithTheirLargestHosts) {
  EXPECT_TRUE(gpu_models(world).empty());
  add(open_host(1), free_gpus(1, 2));
  add(open_host(2), free_gpus(2, 8));
  auto lone = free_gpus(3, 3, "H100");
  lone[0].enabled = false; // counts: it is there
  add(open_host(3), lone);
  EXPECT_EQ(gpu_models(world), (std::vector<gpu_model>{{"A100", 8}, {"H100", 3}}));
}

TEST(LargestHost, IsNamedWhereNoHostHasSoMany) {
  inventory world;
  auto small = open_host(1);
  world.apply(host_changed{small, free_gpus(1, 4)});
  auto large = free_gpus(2, 8);
  for (auto& device : large) {
    device.owner = numbered<model::server_id>(5);
  }
  world.apply(host_changed{open_host(2), large});
  const auto refused = [&](std::int32_t gpus) {
    auto request = server({some(gpus, {"A100"})});
    auto why = std::get<model::refusal>(explain(world, request));
    name_largest_host(world, request, why);
    return why.rules.back();
  };
  const auto nine = refused(9);
  EXPECT_EQ(nine.rule, "devices");
  EXPECT_EQ(nine.nearest_name, "host-2");
  EXPECT_EQ(nine.miss.capacity, 8);
  EXPECT_EQ(nine.miss.requested, 9);
  EXPECT_NE(nine.miss.text.find("the largest has 8"), std::string::npos) << nine.miss.text;
  EXPECT_EQ(refused(8).nearest_name, "host-1") << "eight are there, but not free";
}

} // namespace
} // namespace berth::scheduler
