#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One good host and one good request; every row spoils one thing.
struct scene {
  model::host_record host = open_host(1);
  std::vector<model::device_record> devices = free_gpus(1, 4);
  model::placement_request request = server({some(2, {"A100"})});
  std::vector<server_allocated> before;
};

struct row {
  const char* rule;
  std::function<void(scene&)> spoil;
  const char* text;
  std::array<std::int64_t, 3> used_requested_capacity{0, 0, 0};
};

void put_on_two_nodes(scene& s) {
  for (std::size_t i = 0; i < s.devices.size(); ++i) {
    s.devices[i].info.numa_node = static_cast<int>(i % 2);
    s.devices[i].info.pcie_switch = i % 2 == 0 ? "a" : "b";
    s.devices[i].info.fabric = i % 2 == 0 ? "x" : "y";
  }
  s.request.devices = {some(3, {"A100"})};
}

const std::vector<row>& rows() {
  static const std::vector<row> table{
      {"host_enabled", [](scene& s) { s.host.enabled = false; }, "disabled"},
      {"host_online", [](scene& s) { s.host.status = model::host_status::offline; }, "offline"},
      {"host_settled", [](scene& s) { s.host.settled = false; }, "not reported its devices"},
      {"maintenance", [](scene& s) { s.host.maintenance = true; }, "in maintenance"},
      {"pinned_host", [](scene& s) { s.request.host = numbered<model::host_id>(9); },
       "another host"},
      {"reserved_host", [](scene& s) { s.request.avoid_hosts = {s.host.id}; },
       "kept for a server that waits"},
      {"tags",
       [](scene& s) { s.request.tags.require = {"fast"}; },
       "lacks the tag fast",
       {0, 1, 0}},
      {"tags",
       [](scene& s) {
         s.host.tags = {"old", "slow"};
         s.request.tags.avoid = {"old", "slow"};
       },
       "has the avoided tag old and has the avoided tag slow",
       {0, 2, 0}},
      {"anti_affinity",
       [](scene& s) {
         s.request.anti_affinity_group = "web";
         s.before.push_back({numbered<model::server_id>(1), s.host.id, {1, 1, 1}, {}, "web"});
       },
       "a server of the group web"},
      {"cpu",
       [](scene& s) { s.request.amount.cpus = 65; },
       "64 of 64 CPUs free, 65 wanted",
       {0, 65, 64}},
      {"cpu",
       [](scene& s) {
         s.request = server({});
         s.request.amount.cpus = 60;
         s.devices[0].reserve = model::default_gpu_reserve;
       },
       "56 of 64 CPUs free, 60 wanted (8 kept for servers with GPUs)",
       {8, 60, 64}},
      {"memory",
       [](scene& s) {
         s.before.push_back({numbered<model::server_id>(1), s.host.id, {1, 520'000, 1}, {}, {}});
       },
       "4288 of 524288 MiB of memory free, 16384 wanted",
       {520'000, 16'384, 524'288}},
      {"storage",
       [](scene& s) { s.request.amount.storage_mib = 4'194'305; },
       "MiB of storage free",
       {0, 4'194'305, 4'194'304}},
      {"named_devices",
       [](scene& s) { s.request.devices = {exactly(77)}; },
       "is unknown",
       {1, 1, 1}},
      {"named_devices",
       [](scene& s) {
         s.devices[1].state = model::device_state::resetting;
         s.request.devices = {exactly(1000), exactly(1001)};
       },
       "at 11:00.0 is resetting",
       {1, 2, 2}},
      {"named_devices",
       [](scene& s) {
         s.devices[1].owner = numbered<model::server_id>(5);
         s.request.devices = {exactly(1001)};
       },
       "has an owner",
       {1, 1, 1}},
      {"named_devices",
       [](scene& s) {
         s.devices[1].enabled = false;
         s.request.devices = {exactly(1001)};
       },
       "is disabled",
       {1, 1, 1}},
      {"named_devices",
       [](scene& s) {
         s.devices[1].present = false;
         s.request.devices = {exactly(1001)};
       },
       "is missing from the host's inventory",
       {1, 1, 1}},
      {"named_devices",
       [](scene& s) {
         s.devices[1].info.unusable_reason = "boot VGA";
         s.request.devices = {exactly(1001)};
       },
       "can never be given away",
       {1, 1, 1}},
      {"devices",
       [](scene& s) {
         s.devices[0].state = model::device_state::in_use;
         s.request.devices = {some(4, {"A100"})};
       },
       "3 of 4 A100 free, 4 wanted",
       {1, 4, 4}},
      {"devices",
       [](scene& s) {
         s.request.devices = {some(1, {"H100", "V100"})};
       },
       "0 of 0 H100 or V100 free, 1 wanted",
       {0, 1, 0}},
      {"devices",
       [](scene& s) {
         auto wish = some(1);
         wish.alternatives[0].vendor = "AMD";
         s.request.devices = {wish};
       },
       "0 of 0 AMD free",
       {0, 1, 0}},
      {"devices",
       [](scene& s) {
         auto wish = some(1);
         wish.alternatives[0].type = model::dev_type::gpu_vga;
         s.request.devices = {wish};
       },
       "0 of 0 GPU-VGA free",
       {0, 1, 0}},
      {"devices",
       [](scene& s) {
         auto wish = some(1);
         wish.alternatives[0].vendor_device = model::vendor_device_id{0x10de, 0x1c82};
         s.request.devices = {wish};
       },
       "0 of 0 10de:1c82 free",
       {0, 1, 0}},
      {"units",
       [](scene& s) {
         for (auto& device : s.devices) {
           device.info.allocation_unit = "card";
         }
       },
       "would split an allocation unit",
       {0, 2, 4}},
      {"units",
       [](scene& s) {
         s.devices[0].info.allocation_unit = s.devices[1].info.allocation_unit = "card";
         s.request.devices = {exactly(1000)};
       },
       "together with the rest of its unit",
       {0, 0, 0}},
      {"units",
       [](scene& s) {
         for (std::size_t i = 0; i < 4; ++i) {
           s.devices[i].info.fabric = "f";
           s.devices[i].info.fabric_module = static_cast<int>(i);
         }
         s.host.partitions = {{"f", 0, {0, 1, 2, 3}}};
       },
       "no free partition of the fabric",
       {0, 2, 4}},
      {"topology",
       [](scene& s) {
         put_on_two_nodes(s);
         s.request.topology.numa = model::wish::require;
       },
       "on one NUMA node",
       {0, 3, 4}},
      {"topology",
       [](scene& s) {
         put_on_two_nodes(s);
         s.request.topology.pcie_switch = model::wish::require;
         s.request.topology.fabric = model::wish::require;
       },
       "on one PCIe switch and one fabric",
       {0, 3, 4}},
  };
  return table;
}

TEST(Refusal, EveryRuleSaysNoInItsOwnWords) {
  for (const auto& row : rows()) {
    scene s;
    row.spoil(s);
    inventory world;
    world.apply(host_changed{s.host, s.devices});
    for (const auto& update : s.before) {
      world.apply(update);
    }
    const auto decided = plan(world, s.request);
    ASSERT_TRUE(std::holds_alternative<model::refusal>(decided)) << row.rule << ": " << row.text;
    const auto& why = std::get<model::refusal>(decided);
    EXPECT_EQ(why.hosts_considered, 1);
    ASSERT_EQ(why.rules.size(), 1U) << row.text;
    const auto& verdict = why.rules[0];
    EXPECT_EQ(verdict.rule, row.rule) << row.text;
    EXPECT_EQ(verdict.hosts_excluded, 1);
    EXPECT_EQ(verdict.nearest, s.host.id);
    EXPECT_EQ(verdict.nearest_name, "host-1");
    EXPECT_THAT(verdict.miss.text, HasSubstr(row.text));
    EXPECT_THAT((std::array{verdict.miss.used, verdict.miss.requested, verdict.miss.capacity}),
                ::testing::ElementsAreArray(row.used_requested_capacity))
        << row.text;
  }
}

TEST(Refusal, TheUnspoiledSceneFits) {
  const scene s;
  inventory world;
  world.apply(host_changed{s.host, s.devices});
  EXPECT_TRUE(std::holds_alternative<model::placement>(plan(world, s.request)));
}

TEST(Refusal, CountsEachHostOnceAndNamesTheNearest) {
  inventory world;
  auto disabled = open_host(1);
  disabled.enabled = false;
  world.apply(host_changed{disabled, free_gpus(1, 8)});
  world.apply(host_changed{open_host(2), free_gpus(2, 1)});
  world.apply(host_changed{open_host(3), free_gpus(3, 3)});
  world.apply(host_changed{open_host(4), {}});
  const auto why = std::get<model::refusal>(plan(world, server({some(4, {"A100"})})));
  EXPECT_EQ(why.hosts_considered, 4);
  ASSERT_EQ(why.rules.size(), 2U);
  EXPECT_EQ(why.rules[0].rule, "host_enabled");
  EXPECT_EQ(why.rules[1].rule, "devices");
  EXPECT_EQ(why.rules[1].hosts_excluded, 3);
  EXPECT_EQ(why.rules[1].nearest_name, "host-3");
  EXPECT_EQ(why.rules[1].miss.text, "3 of 3 A100 free, 4 wanted");
  EXPECT_EQ(summary(why), "no host fits: 3 lack devices, 1 is disabled");
  EXPECT_TRUE(why.suggestions.empty()) << "those cost planning: explain gives them";
}

} // namespace
} // namespace berth::scheduler
