#include <gtest/gtest.h>

#include "scheduler/inventory_impl.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

const auto host_1 = numbered<model::host_id>(1);
const auto server_1 = numbered<model::server_id>(1);

inventory world_with(std::vector<model::device_record> devices) {
  inventory world;
  world.apply(host_changed{open_host(1), std::move(devices)});
  return world;
}

std::vector<model::device_record> reserving(int count) {
  auto devices = free_gpus(1, count);
  for (auto& device : devices) {
    device.reserve = model::default_gpu_reserve;
  }
  return devices;
}

TEST(Inventory, TotalsFollowAllocations) {
  auto world = world_with(reserving(2));
  EXPECT_EQ(world.host_count(), 1U);
  auto totals = world.totals(host_1);
  ASSERT_TRUE(totals.has_value());
  EXPECT_EQ(totals->gpu_reserved, (model::resources{16, 16'384, 204'800}));
  EXPECT_EQ(totals->devices, 2);
  EXPECT_EQ(totals->devices_free, 2);

  world.apply(
      server_allocated{server_1, host_1, {10, 100, 100}, {numbered<model::device_id>(1000)}, {}});
  totals = world.totals(host_1);
  EXPECT_EQ(totals->used, (model::resources{10, 100, 100}));
  EXPECT_EQ(totals->free.cpus, 48);
  EXPECT_EQ(totals->free_for_gpu.cpus, 54);
  EXPECT_EQ(totals->devices_free, 1);
  EXPECT_EQ(totals->servers, 1);

  world.apply(server_released{server_1});
  totals = world.totals(host_1);
  EXPECT_EQ(totals->used, model::resources{});
  EXPECT_EQ(totals->servers, 0);
  EXPECT_EQ(totals->devices_free, 1) << "until the device is heard of again";
  world.apply(device_changed{reserving(1)[0]});
  EXPECT_EQ(world.totals(host_1)->devices_free, 2);
}

TEST(Inventory, AGpuThatIsGoneIsReservedForUntilItsOwnerLeaves) {
  auto devices = reserving(2);
  devices[0].present = false;
  devices[0].owner = server_1;
  devices[0].state = model::device_state::lost;
  auto world = world_with(devices);
  (void)plan(world, server({}, 1)); // sees the host as it is
  EXPECT_EQ(world.totals(host_1)->free.cpus, 48);
  world.apply(device_turned{host_1, devices[0].info.id, model::device_state::lost, false});
  EXPECT_EQ(world.totals(host_1)->free.cpus, 56);
  auto large = server({}, 1);
  large.amount = {56, 1, 1};
  EXPECT_TRUE(std::holds_alternative<model::placement>(plan(world, large)));
}

TEST(Inventory, ADeviceThatMovesIsFoundWhereItWasSeenLast) {
  const auto moved = free_gpu(1, 0);
  const auto host_2 = numbered<model::host_id>(2);
  const auto on = [&](std::uint64_t host) {
    auto device = moved;
    device.host = numbered<model::host_id>(host);
    return host_changed{open_host(host), {device}};
  };
  const auto found_on = [&](const inventory& world) -> std::optional<model::host_id> {
    auto decided = plan(world, server({exactly(1000)}, 1));
    const auto* where = std::get_if<model::placement>(&decided);
    return where != nullptr ? std::optional{where->host} : std::nullopt;
  };
  inventory world;
  world.apply(on(1));
  world.apply(on(2)); // the first host was not heard of since
  EXPECT_EQ(found_on(world), host_2);
  world.apply(host_changed{open_host(1), {}});
  EXPECT_EQ(found_on(world), host_2) << "the first no longer lists it";
  world.apply(on(1));
  EXPECT_EQ(found_on(world), host_1);
  world.apply(host_gone{host_2});
  EXPECT_EQ(found_on(world), host_1);
  world.apply(host_gone{host_1});
  EXPECT_EQ(found_on(world), std::nullopt);
  world.apply(on(2)); // in a slot that was the first's
  EXPECT_EQ(found_on(world), host_2);
}

TEST(Inventory, UpdatesMayComeTwice) {
  auto world = world_with(reserving(2));
  const server_allocated update{
      server_1, host_1, {10, 100, 100}, {numbered<model::device_id>(1000)}, "web"};
  world.apply(update);
  world.apply(update);
  EXPECT_EQ(world.totals(host_1)->used, (model::resources{10, 100, 100}));
  EXPECT_EQ(world.totals(host_1)->servers, 1);
  world.apply(server_released{server_1});
  world.apply(server_released{server_1});
  EXPECT_EQ(world.totals(host_1)->used, model::resources{});
  world.apply(host_gone{host_1});
  world.apply(host_gone{host_1});
  EXPECT_EQ(world.host_count(), 0U);
  EXPECT_EQ(world.totals(host_1), std::nullopt);
}

TEST(Inventory, ASecondAllocationReplacesTheFirst) {
  auto world = world_with(reserving(2));
  world.apply(host_changed{open_host(2), {}});
  world.apply(server_allocated{server_1, host_1, {10, 0, 0}, {}, {}});
  world.apply(server_allocated{server_1, numbered<model::host_id>(2), {3, 0, 0}, {}, {}});
  EXPECT_EQ(world.totals(host_1)->used, model::resources{});
  EXPECT_EQ(world.totals(numbered<model::host_id>(2))->used.cpus, 3);
}

TEST(Inventory, AHostsReportKeepsItsServers) {
  auto world = world_with(reserving(2));
  world.apply(server_allocated{server_1, host_1, {10, 0, 0}, {}, "web"});
  auto host = open_host(1);
  host.capacity.cpus = 128;
  world.apply(host_changed{host, reserving(3)});
  EXPECT_EQ(world.totals(host_1)->used.cpus, 10);
  EXPECT_EQ(world.totals(host_1)->servers, 1);
  EXPECT_EQ(world.totals(host_1)->free_for_gpu.cpus, 118);
  EXPECT_EQ(world.totals(host_1)->devices, 3);
  auto wish = server({});
  wish.anti_affinity_group = "web";
  EXPECT_TRUE(std::holds_alternative<model::refusal>(plan(world, wish)));
}

TEST(Inventory, AHostThatIsGoneTakesItsServersAlong) {
  auto world = world_with(reserving(2));
  world.apply(server_allocated{server_1, host_1, {10, 0, 0}, {}, {}});
  world.apply(host_gone{host_1});
  world.apply(host_changed{open_host(2), free_gpus(2, 1)}); // may take the same place inside
  world.apply(server_released{server_1});
  EXPECT_EQ(world.totals(numbered<model::host_id>(2))->used, model::resources{});
  EXPECT_EQ(world.totals(numbered<model::host_id>(2))->devices_free, 1);
}

TEST(Inventory, UnknownThingsAreIgnored) {
  inventory world;
  world.apply(server_allocated{server_1, host_1, {1, 1, 1}, {}, {}});
  world.apply(device_changed{free_gpu(1, 0)});
  world.apply(server_released{server_1});
  world.apply(host_gone{host_1});
  EXPECT_EQ(world.host_count(), 0U);
}

TEST(Inventory, TheReserveCountsGpusThatCanBeGiven) {
  auto devices = reserving(5);
  devices[0].type = model::dev_type::pci;
  devices[1].info.unusable_reason = "boot VGA";
  devices[2].present = false;
  devices[3].enabled = false;
  EXPECT_EQ(world_with(devices).totals(host_1)->gpu_reserved.cpus, 16)
      << "not: other types, unusable and vanished ones; but: disabled ones";
  devices[2].owner = server_1;
  EXPECT_EQ(world_with(devices).totals(host_1)->gpu_reserved.cpus, 24)
      << "a vanished device that has an owner still counts";
}

TEST(Inventory, DevicesPastTheLimitAreKeptButNeverOffered) {
  std::vector<model::device_record> devices;
  for (int i = 0; i < 130; ++i) {
    auto device = free_gpu(1, 0);
    device.info.id = numbered<model::device_id>(5000 + static_cast<std::uint64_t>(i));
    device.info.address = {0, static_cast<std::uint8_t>(i), 0, 0};
    devices.push_back(device);
  }
  const auto world = world_with(devices);
  EXPECT_EQ(world.totals(host_1)->devices, 130);
  EXPECT_EQ(world.totals(host_1)->devices_free, 128);
  EXPECT_TRUE(std::holds_alternative<model::refusal>(plan(world, server({exactly(5129)}))));
  EXPECT_TRUE(std::holds_alternative<model::placement>(plan(world, server({exactly(5127)}))));
}

TEST(Inventory, ForgetsGroupsThatNeverComeBack) {
  inventory world;
  for (std::uint64_t number = 1; number <= 3; ++number) {
    world.apply(host_changed{open_host(number), free_gpus(number, 4)});
  }
  const options how{find_policy("lifetime")};
  for (std::uint64_t step = 0; step < 4'000; ++step) {
    auto request = server({some(1)}, 1'000 + step);
    request.now = model::timestamp{std::chrono::hours{step}};
    request.ends_at = request.now + std::chrono::minutes{1 + step % 7};
    const auto decided = plan(world, request, how);
    const auto& where = std::get<model::placement>(decided);
    world.apply(server_allocated{request.server,
                                 where.host,
                                 request.amount,
                                 where.devices,
                                 {},
                                 request.ends_at,
                                 request.now,
                                 request.devices});
    (void)plan(world, server({some(1)}, 1), how); // sees the host with its new end
    world.apply(server_released{request.server});
    world.apply(device_turned{where.host, where.devices.front(), model::device_state::free, false});
    ASSERT_LE(world.internals().devices_index.groups().size(), 1'100U) << "step " << step;
  }
  EXPECT_EQ(capacity(world, server({some(1)}, 2)), 12);
}

TEST(Inventory, RemembersFewKindsOfRequests) {
  inventory world;
  world.apply(host_changed{open_host(1), free_gpus(1, 4)});
  for (std::int32_t count = 1; count <= 64; ++count) {
    for (const auto wish : {model::wish::none, model::wish::prefer, model::wish::require}) {
      auto request = server({some(count)}, 1);
      request.topology.numa = wish;
      (void)plan(world, request);
      ASSERT_LE(world.internals().asks.size(), 66U);
    }
  }
}

} // namespace
} // namespace berth::scheduler
