#include "sim/snapshot/snapshot_file.hpp"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/render.hpp"
#include "model/random.hpp"

namespace berth::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr model::timestamp moment{hours{480'000}};

template <class Id> Id id(int number) {
  return Id{model::uuid{7, static_cast<std::uint64_t>(number)}};
}

/// A cluster as its controller has it.
struct cluster {
  model::inventory_answer all{42, moment, {}, {}, {}};

  model::host_record& add_host(const std::string& name, int gpus) {
    auto& host = all.hosts.emplace_back();
    host.id = id<model::host_id>(static_cast<int>(all.hosts.size()));
    host.name = name;
    host.machine = "box";
    host.capacity = {128, 1024 * 1024, 4096 * 1024};
    host.numa_nodes = 2;
    host.status = model::host_status::online;
    host.settled = true;
    for (int i = 0; i < gpus; ++i) {
      auto& device = all.devices.emplace_back();
      device.info.id = id<model::device_id>(static_cast<int>(all.devices.size()));
      device.info.address = {0, static_cast<std::uint8_t>(0x10 + i), 0, 0};
      device.info.vendor = "NVIDIA";
      device.info.model = "H100";
      device.info.vendor_device = {0x10de, 0x2330};
      device.info.numa_node = i % 2;
      device.host = host.id;
      device.state = model::device_state::free;
      device.reserve = model::default_gpu_reserve;
    }
    return host;
  }
  /// The device of a host that comes `number`-th.
  model::device_record& device(std::size_t host, int number) {
    for (auto& each : all.devices)
      if (each.host == all.hosts[host].id && number-- == 0)
        return each;
    throw std::out_of_range{"no such device"};
  }
  model::server_record& add_server(const std::string& name) {
    auto& server = all.servers.emplace_back();
    server.id = id<model::server_id>(static_cast<int>(all.servers.size()));
    model::server_spec spec;
    spec.name = name;
    spec.vcpus = 8;
    spec.memory_mib = 65'536;
    server.spec = std::move(spec);
    server.created_at = moment - hours{1};
    return server;
  }
  model::server_record& place(const std::string& name, std::size_t host,
                              const std::vector<int>& devices) {
    auto& server = add_server(name);
    server.status = model::server_status::running;
    server.host = all.hosts[host].id;
    for (const auto each : devices) {
      device(host, each).owner = server.id;
      server.attachments.push_back({device(host, each).info.id, 1, model::dev_type::gpu_hpc});
    }
    return server;
  }

  [[nodiscard]] fleet_snapshot read(const snapshot_options& options = {}) const {
    const auto made = read_snapshot(api::to_json(all), "snapshot.json", options);
    if (!made)
      throw std::runtime_error{made.error().message};
    return *made;
  }
};

TEST(SnapshotFile, HostsOfOneMakeAreAGroupAndServersKeepTheirDevices) {
  cluster from;
  from.add_host("a", 4);
  from.add_host("small", 2);
  from.add_host("b", 4);
  from.place("one", 2, {1, 3}).ends_at = moment + hours{5};
  from.place("two", 1, {0});
  from.place("plain", 0, {});
  const auto read = from.read();
  EXPECT_EQ(read.sequence, 42u);
  EXPECT_EQ(read.at, moment);
  ASSERT_EQ(read.hosts.size(), 2u);
  EXPECT_EQ(read.hosts[0].count, 2u);
  EXPECT_EQ(read.hosts[1].count, 1u);
  EXPECT_NE(read.hosts[0].name, read.hosts[1].name);
  ASSERT_EQ(read.standing.size(), 3u);
  EXPECT_EQ(read.standing[0].host, 1u) << "b is the second of the first group";
  EXPECT_THAT(read.standing[0].devices, ElementsAre(1u, 3u));
  EXPECT_EQ(read.standing[0].ends, model::duration{hours{5}});
  EXPECT_EQ(read.standing[1].host, 2u);
  EXPECT_FALSE(read.standing[1].ends);
  EXPECT_EQ(read.standing[2].amount, (model::resources{8, 65'536, 0}));
  EXPECT_TRUE(read.remarks.empty());
  const auto& device = read.hosts[0].machine.devices.at(3);
  EXPECT_EQ(device.model, "H100");
  EXPECT_EQ(device.numa_node, 1);
  EXPECT_EQ(read.hosts[0].reserve_per_gpu, model::default_gpu_reserve);
}

TEST(SnapshotFile, ADeviceOutOfServiceIsNotThereUnlessAServerHasIt) {
  cluster from;
  from.add_host("a", 4);
  from.add_host("b", 4);
  from.device(0, 1).state = model::device_state::quarantined;
  from.device(0, 2).state = model::device_state::lost;
  from.device(1, 0).state = model::device_state::resetting;
  from.place("one", 0, {2, 3});
  const auto read = from.read();
  ASSERT_EQ(read.hosts.size(), 2u) << "they are not alike any more";
  EXPECT_EQ(read.hosts[0].machine.devices.size(), 3u);
  EXPECT_EQ(read.hosts[1].machine.devices.size(), 4u) << "what turns over comes back";
  EXPECT_THAT(read.standing.at(0).devices, ElementsAre(1u, 2u));
  EXPECT_THAT(read.remarks, ElementsAre(HasSubstr("1 devices out of service are left out"),
                                        HasSubstr("1 devices out of service that servers have")));
}

TEST(SnapshotFile, ADeviceThatIsGoneAndAnotherInItsSlotAreBothRead) {
  cluster from;
  from.add_host("a", 2);
  from.device(0, 1).info.address = from.device(0, 0).info.address;
  from.device(0, 1).state = model::device_state::lost;
  EXPECT_EQ(from.read().hosts.at(0).machine.devices.size(), 1u);
}

TEST(SnapshotFile, AUnitGoesWithItsDevice) {
  cluster from;
  from.add_host("a", 4);
  for (const auto device : {0, 1})
    from.device(0, device).info.allocation_unit = "card";
  from.device(0, 0).enabled = false;
  EXPECT_EQ(from.read().hosts.at(0).machine.devices.size(), 2u);
}

TEST(SnapshotFile, ClosedHostsAreLeftOutUnlessTheyAreWanted) {
  cluster from;
  from.add_host("a", 2);
  from.add_host("b", 2).maintenance = true;
  from.add_host("c", 2).status = model::host_status::offline;
  from.place("one", 1, {0});
  from.place("two", 2, {0});
  const auto open = from.read();
  EXPECT_EQ(open.hosts.at(0).count, 2u);
  ASSERT_EQ(open.standing.size(), 1u);
  EXPECT_EQ(open.standing[0].host, 1u);
  EXPECT_EQ(open.remarks.size(), 2u);
  snapshot_options all;
  all.closed_hosts = true;
  EXPECT_EQ(from.read(all).hosts.at(0).count, 3u);
  EXPECT_EQ(from.read(all).standing.size(), 2u);
}

TEST(SnapshotFile, TheHostsOwnReserveAndItsOvercommitCount) {
  cluster from;
  auto& host = from.add_host("a", 2);
  host.reserve = {10, 3000, 1000};
  host.cpu_overcommit_milli = 4000;
  host.memory_overcommit_milli = 1500;
  const auto group = from.read().hosts.at(0);
  EXPECT_EQ(group.cpu_overcommit_milli, 4000);
  // What the overcommit makes of the rest is what was there, less the reserve.
  EXPECT_EQ(group.machine.capacity.cpus, 128 - 3);
  EXPECT_EQ(group.machine.capacity.memory_mib, 1024 * 1024 - 2000);
  EXPECT_EQ(group.machine.capacity.storage_mib, 4096 * 1024 - 1000);
}

TEST(SnapshotFile, WhoWaitsIsToldAsASimulationAsks) {
  cluster from;
  from.add_host("a", 2);
  const auto wait = [&from](const std::string& name, std::vector<model::device_request> devices) {
    auto& server = from.add_server(name);
    server.status = model::server_status::scheduling;
    auto spec = *server.spec;
    spec.devices = std::move(devices);
    spec.wait_for_capacity = hours{3};
    spec.lifetime = hours{10};
    spec.priority = 50;
    spec.topology.fabric = model::wish::require;
    server.spec = std::move(spec);
  };
  wait("any", {{std::nullopt, 4, {{}}}});
  wait("choosy", {{std::nullopt, 2, {{"H100", {}, {}, {}}, {"A100", {}, {}, {}}}}});
  wait("exact", {{id<model::device_id>(1), 1, {}}});
  wait("other", {{std::nullopt, 1, {{"", "Mellanox", {}, {}}}}});
  from.add_server("failed").status = model::server_status::sched_fail;
  const auto read = from.read();
  ASSERT_EQ(read.waiting.size(), 2u);
  EXPECT_EQ(read.waiting[0].gpus, 4);
  EXPECT_EQ(read.waiting[0].model, "");
  EXPECT_EQ(read.waiting[0].patience, model::duration{hours{2}}) << "it has waited for an hour";
  EXPECT_EQ(read.waiting[0].lifetime, model::duration{hours{10}});
  EXPECT_EQ(read.waiting[0].priority, 50);
  EXPECT_EQ(read.waiting[0].topology, model::topology_wishes{.fabric = model::wish::require});
  EXPECT_EQ(read.waiting[1].model, "H100|A100");
  EXPECT_THAT(read.remarks, ElementsAre(HasSubstr("2 servers that wait for certain devices")));
}

TEST(SnapshotFile, APastEndIsNow) {
  cluster from;
  from.add_host("a", 2);
  from.place("late", 0, {0}).ends_at = moment - hours{1};
  from.place("leaving", 0, {1}).deleting = true;
  const auto read = from.read();
  ASSERT_EQ(read.standing.size(), 1u);
  EXPECT_EQ(read.standing[0].ends, model::duration{});
}

json sample() {
  cluster from;
  from.add_host("a", 2);
  from.device(0, 1).state = model::device_state::lost;
  from.place("one", 0, {0});
  auto& waits = from.add_server("patient");
  waits.status = model::server_status::scheduling;
  auto spec = *waits.spec;
  spec.devices = {{std::nullopt, 4, {{}}}};
  waits.spec = std::move(spec);
  return json::parse(api::to_json(from.all));
}

std::string refusal_of(const json& document) {
  const auto read = read_snapshot(document.dump(), "snapshot.json");
  EXPECT_FALSE(read) << document;
  return read ? std::string{} : read.error().message;
}

TEST(SnapshotFile, WhatIsWrongIsNamedByItsPointer) {
  const std::pair<const char*, json> wrong[] = {
      {"/version", 2},
      {"/version", "1"},
      {"/at", "yesterday"},
      {"/sequence", -1},
      {"/machines", json::object()},
      {"/machines/0/capacity/cpus", -1},
      {"/machines/0/capacity/cpus", 1.5},
      {"/machines/0/numa_nodes", 1'000'000},
      {"/machines/0/devices/1/pci_address", "0000:01:00.0"},
      {"/machines/0/devices/0/pci_address", "here"},
      {"/machines/0/devices/0/dev_type", "TPU"},
      {"/machines/0/devices/0/vendor_device_id", "10de"},
      {"/hosts/0/machine", 1},
      {"/hosts/0/status", "asleep"},
      {"/hosts/0/enabled", 1},
      {"/hosts/0/cpu_overcommit", 0},
      {"/hosts/0/name", std::string(2'000, 'x')},
      {"/hosts/0/out_of_service/0/device", 2},
      {"/servers/0/host", 1},
      {"/servers/0/devices", json::array({0, 0})},
      {"/servers/0/devices/0", 2},
      {"/servers/0/amount", nullptr},
      {"/servers/0/expected_end", 5},
      {"/waiting/0/priority", 101},
      {"/waiting/0/topology/numa", "most"},
      {"/waiting/0/devices/0/count", 0},
  };
  for (const auto& [pointer, value] : wrong) {
    auto document = sample();
    document[json::json_pointer{pointer}] = value;
    EXPECT_THAT(refusal_of(document), HasSubstr(std::string{"snapshot.json: "} + pointer + " "));
  }
  for (const auto* pointer : {"/at", "/machines", "/hosts", "/servers", "/waiting", "/version"}) {
    auto document = sample();
    document.erase(pointer + 1);
    EXPECT_THAT(refusal_of(document), HasSubstr(std::string{pointer} + " is missing"));
  }
  EXPECT_THAT(refusal_of(json::array()), HasSubstr("must be an object"));
  EXPECT_THAT(read_snapshot("{", "x").error().message, HasSubstr("x is not JSON"));
  EXPECT_EQ(read_snapshot("{}", "x", {false, 1}).error().code, model::errc::too_large);
}

TEST(SnapshotFile, FieldsOfALaterVersionAreLeftAlone) {
  auto document = sample();
  document["hosts"][0]["rack"] = "r1";
  EXPECT_TRUE(read_snapshot(document.dump(), "x"));
}

TEST(SnapshotFile, MutatedDocumentsAreReadOrRefused) {
  const auto text = sample().dump();
  model::random dice{20260301};
  int accepted = 0;
  for (int round = 0; round < 5'000; ++round) {
    auto mutated = text;
    for (auto changes = 1 + dice.below(3); changes > 0; --changes) {
      const auto at = dice.below(mutated.size());
      if (dice.chance(0.5))
        mutated[at] = static_cast<char>(dice.below(256));
      else
        mutated.erase(at, 1 + dice.below(4));
    }
    const auto read = read_snapshot(mutated, "mutated");
    accepted += read ? 1 : 0;
    if (!read) {
      EXPECT_FALSE(read.error().message.empty());
    }
  }
  EXPECT_GT(accepted, 100) << "names may hold anything";
}

TEST(SnapshotFile, AFileIsReadAndAMissingOneIsSaid) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("berth-snapshot-" + std::to_string(::getpid()) + ".json");
  std::ofstream{path} << sample().dump();
  EXPECT_TRUE(read_snapshot_file(path));
  std::filesystem::remove(path);
  const auto missing = read_snapshot_file(path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, model::errc::store_failed);
  EXPECT_THAT(missing.error().message, HasSubstr(path.string()));
}

} // namespace
} // namespace berth::sim
