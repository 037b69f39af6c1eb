#include "hostbackend/simulated/machine.hpp"

#include <algorithm>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/simulated/inventory.hpp"

namespace berth::hostbackend::simulated {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::shared_ptr<const machine> shipped(const std::string& name) {
  auto loaded = load_machine(BERTH_SOURCE_DIR "/machines/" + name + ".yaml");
  if (!loaded)
    throw std::runtime_error{loaded.error().message};
  return *loaded;
}

TEST(Machine, ThePagesMachineIsAsThePagePrintsIt) {
  const auto info = describe(make_host("page", shipped("page-machine")), "test");
  EXPECT_EQ(to_string(info.id), "3bce9607-2597-469f-8d9b-977345456739");
  ASSERT_THAT(info.devices, SizeIs(2));
  const auto& quadro = info.devices[0];
  const auto& geforce = info.devices[1];
  EXPECT_EQ(to_string(geforce.id), "273f4f72-06b6-49aa-8456-4beceec44997");
  EXPECT_EQ(geforce.model, "GeForce GTX 1050 Ti");
  EXPECT_EQ(short_string(geforce.address), "41:00.0");
  EXPECT_EQ(to_string(geforce.vendor_device), "10de:1c82");
  EXPECT_THAT(geforce.companions, SizeIs(1)) << "its audio function";
  EXPECT_EQ(geforce.numa_node, 1);
  EXPECT_EQ(geforce.pcie_root, "0000:40:02.0");
  EXPECT_EQ(to_string(quadro.id), "a77333e9-08d9-45c6-87eb-a7d8d902c5f5");
  EXPECT_EQ(quadro.model, "Quadro FX 580");
  EXPECT_EQ(short_string(quadro.address), "05:00.0");
  EXPECT_EQ(to_string(quadro.vendor_device), "10de:0659");
  for (const auto& device : info.devices) {
    EXPECT_THAT(device.unusable_reason, IsEmpty());
    EXPECT_EQ(device.default_type, model::dev_type::gpu_hpc);
  }
}

TEST(Machine, DgxA100HasEightGpusInPairsBehindSwitches) {
  const auto kind = shipped("dgx-a100");
  ASSERT_THAT(kind->devices, SizeIs(8));
  std::multiset<std::string> switches;
  std::vector<std::string> addresses;
  for (const auto& device : kind->devices) {
    switches.insert(device.pcie_switch);
    addresses.push_back(short_string(device.address));
    EXPECT_THAT(device.unusable_reason, IsEmpty());
    EXPECT_EQ(device.fabric, "nvswitch");
  }
  EXPECT_THAT(addresses, ElementsAre("07:00.0", "0f:00.0", "47:00.0", "4e:00.0", "87:00.0",
                                     "90:00.0", "b7:00.0", "bd:00.0"));
  EXPECT_EQ((std::set<std::string>{switches.begin(), switches.end()}.size()), 4U);
  for (const auto& one : switches)
    EXPECT_EQ(switches.count(one), 2U) << one;
}

TEST(Machine, HgxH100PartitionsAreNeighboursOnTheBus) {
  const auto kind = shipped("hgx-h100");
  ASSERT_THAT(kind->devices, SizeIs(8));
  ASSERT_THAT(kind->partitions, SizeIs(15));
  std::vector<int> modules;
  for (const auto& device : kind->devices)
    modules.push_back(device.fabric_module);
  EXPECT_THAT(modules, ElementsAre(5, 7, 6, 8, 1, 3, 2, 4));
  for (const auto& partition : kind->partitions) {
    if (partition.modules.size() != 2)
      continue;
    std::set<std::string> switches;
    for (const auto& device : kind->devices)
      if (std::count(partition.modules.begin(), partition.modules.end(), device.fabric_module) > 0)
        switches.insert(device.pcie_switch);
    EXPECT_THAT(switches, SizeIs(1)) << "partition " << partition.id;
  }
}

TEST(Machine, L40sAndMi300x) {
  const auto l40s = shipped("l40s-4");
  ASSERT_THAT(l40s->devices, SizeIs(4));
  EXPECT_EQ(to_string(l40s->devices[0].id), "b46a7374-6da2-46a4-8eda-abd16c502e0b");
  EXPECT_EQ(l40s->devices[0].pcie_switch, l40s->devices[1].pcie_switch);
  EXPECT_NE(l40s->devices[1].pcie_switch, l40s->devices[2].pcie_switch);
  const auto mi300x = shipped("mi300x-8");
  ASSERT_THAT(mi300x->devices, SizeIs(8));
  EXPECT_EQ(mi300x->devices[0].vendor, "AMD");
  EXPECT_EQ(mi300x->devices[0].bar_sizes[0], std::uint64_t{256} << 30U);
  EXPECT_EQ(mi300x->devices[7].fabric, "xgmi");
}

TEST(Machine, ADesktopsGpuSharesItsGroupWithANetworkCard) {
  const auto kind = shipped("desktop");
  ASSERT_THAT(kind->devices, SizeIs(3));
  const auto& igpu = kind->devices[0];
  const auto& rtx4090 = kind->devices[1];
  const auto& rtx2070 = kind->devices[2];
  EXPECT_THAT(igpu.unusable_reason, HasSubstr("boot display"));
  EXPECT_EQ(rtx4090.model, "GeForce RTX 4090");
  EXPECT_EQ(rtx4090.unusable_reason,
            "IOMMU group " + std::to_string(rtx4090.iommu_group) +
                " also holds 0000:05:00.0 (Ethernet controller, driver igc, network interface "
                "enp5s0 is up)");
  EXPECT_THAT(rtx2070.unusable_reason, IsEmpty());
  EXPECT_THAT(rtx2070.companions, SizeIs(3)) << "audio, USB and USB-C go along";
}

TEST(Machine, IdsAreDerivedAndStable) {
  const auto kind = shipped("dgx-a100");
  const auto one = describe(make_host("one", kind), "test");
  const auto again = describe(make_host("one", kind), "test");
  const auto two = describe(make_host("two", kind), "test");
  EXPECT_EQ(one, again);
  EXPECT_NE(one.id, two.id);
  std::set<model::device_id> ids;
  for (const auto* info : {&one, &two})
    for (const auto& device : info->devices)
      ids.insert(device.id);
  EXPECT_THAT(ids, SizeIs(16));
}

struct bad_machine {
  const char* name;
  std::string text;
  const char* complaint;
};

void PrintTo(const bad_machine& one, std::ostream* out) {
  *out << one.name;
}

std::string with_root(const std::string& root, const std::string& extra = {}) {
  return "product: p\ncpus: 1\nmemory_mib: 1\nstorage_mib: 0\n" + extra +
         "cards:\n  gpu: {vendor: NVIDIA, model: X, functions: [{id: \"10de:0001\", class: "
         "\"030000\"}]}\nroots:\n" +
         root;
}

class BadMachine : public ::testing::TestWithParam<bad_machine> {};

TEST_P(BadMachine, IsRefusedWithTheReason) {
  const auto parsed = parse_machine(GetParam().text, "m.yaml");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().complaint));
  EXPECT_THAT(parsed.error().message, ::testing::StartsWith("m.yaml"));
}

INSTANTIATE_TEST_SUITE_P(
    Machine, BadMachine,
    ::testing::Values(
        bad_machine{"Empty", "", "m.yaml:1: empty"},
        bad_machine{"NotAMapping", "- 1\n", "must be a mapping"},
        bad_machine{"Syntax", "product: [\n", "not valid YAML"},
        bad_machine{"UnknownKey", "product: p\nmemory_mb: 4\n",
                    "m.yaml:2: a machine has no key `memory_mb`, did you mean `memory_mib`?"},
        bad_machine{"TwiceTheSame", "product: p\ncpus: 1\ncpus: 2\n", "the key `cpus` twice"},
        bad_machine{"Missing", "product: p\n", "needs the key `cpus`"},
        bad_machine{"Negative", "product: p\ncpus: -1\n", "whole number from 1"},
        bad_machine{"Overflow", "product: p\ncpus: 99999999999999999999\n", "whole number"},
        bad_machine{"Alias", "product: &a p\ncpus: *a\n", "not accepted"},
        bad_machine{"SwitchBelowItself",
                    with_root("  - bus: \"00\"\n    children:\n      - &loop {at: \"01.0\", "
                              "children: [*loop]}\n"),
                    "not accepted"},
        bad_machine{"BusBelowItself",
                    with_root("  - bus: \"00\"\n    children:\n      - {at: \"01.0\", bus: \"01\", "
                              "children: [{at: \"00.0\", bus: \"01\", children: []}]}\n"),
                    "bus 01 is given twice"},
        bad_machine{"BusBelowTheRootItself",
                    with_root("  - bus: \"00\"\n    children: [{at: \"01.0\", bus: \"00\", "
                              "children: []}]\n"),
                    "bus 00 is given twice"},
        bad_machine{"Tag", "product: !!binary aGk=\n", "tags are not accepted"},
        bad_machine{"TwoDocuments", "product: p\n---\nproduct: q\n", "more than one document"},
        bad_machine{"Deep", "product: " + std::string(60, '[') + std::string(60, ']'),
                    "nested deeper than 40"},
        bad_machine{"UnknownCard", with_root("  - bus: \"00\"\n    children: [{card: gpo}]\n"),
                    "no card is called `gpo`, did you mean `gpu`?"},
        bad_machine{"BadBus", with_root("  - bus: \"zz\"\n"), "two hexadecimal digits"},
        bad_machine{"TwoAtOneAddress",
                    with_root("  - bus: \"00\"\n    children: [{card: gpu}, {card: gpu}]\n"),
                    "two functions at 0000:00:00.0"},
        bad_machine{"TwoRootsOneBus", with_root("  - bus: \"00\"\n  - bus: \"00\"\n"),
                    "bus 00 is given twice"},
        bad_machine{"BadBar",
                    "product: p\ncpus: 1\nmemory_mib: 1\nstorage_mib: 0\ncards:\n  gpu: {vendor: "
                    "N, model: X, functions: [{id: \"10de:0001\", class: \"030000\", bars: "
                    "[3M]}]}\n",
                    "`3M` is no BAR size"},
        bad_machine{"PartitionOfNobody",
                    with_root("  - bus: \"00\"\n", "fabrics: [{name: f, partitions: [[1]]}]\n"),
                    "names module 1, which no device has"},
        bad_machine{"TwoWithOneId",
                    with_root("  - bus: \"00\"\n    children:\n      - {card: gpu, id: "
                              "b46a7374-6da2-46a4-8eda-abd16c502e0b}\n      - {card: gpu, at: "
                              "\"01.0\", id: b46a7374-6da2-46a4-8eda-abd16c502e0b}\n"),
                    "two devices have the id"}),
    [](const auto& one) { return std::string{one.param.name}; });

TEST(Machine, AHugeFileIsRefusedBeforeItIsRead) {
  const auto parsed = parse_machine(std::string(2U << 20U, '#'), "m.yaml");
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, model::errc::too_large);
}

TEST(Inventory, CountsNamesAndSharesMachines) {
  const auto hosts = parse_inventory("hosts:\n"
                                     "  - {name: gpu, machine: dgx-a100, count: 3}\n"
                                     "  - {name: page, machine: page-machine}\n"
                                     "  - {name: n1, cpus: 96, memory_mib: 786432, gpus: 2, "
                                     "model: T4}\n"
                                     "  - {name: n2, cpus: 64, memory_mib: 1000, gpus: 2, "
                                     "model: T4}\n"
                                     "  - {name: cpu-only, cpus: 8, memory_mib: 1000}\n",
                                     "i.yaml", {.machines = BERTH_SOURCE_DIR "/machines"});
  ASSERT_TRUE(hosts.has_value()) << hosts.error().message;
  std::vector<std::string> names;
  for (const auto& host : *hosts)
    names.push_back(host.name);
  EXPECT_THAT(names,
              ElementsAre("gpu-0001", "gpu-0002", "gpu-0003", "page", "n1", "n2", "cpu-only"));
  EXPECT_EQ((*hosts)[0].kind, (*hosts)[2].kind);
  EXPECT_EQ((*hosts)[4].kind, (*hosts)[5].kind);
  const auto n1 = describe((*hosts)[4], "test");
  EXPECT_EQ(n1.capacity.cpus, 96);
  ASSERT_THAT(n1.devices, SizeIs(2));
  EXPECT_EQ(n1.devices[0].model, "Tesla T4");
  EXPECT_EQ(n1.devices[0].numa_node, 0);
  EXPECT_EQ(n1.devices[1].numa_node, 1);
  EXPECT_THAT(describe((*hosts)[6], "test").devices, IsEmpty());
}

TEST(Inventory, RefusesWhatCannotBe) {
  const auto complaint = [](const std::string& host) {
    const auto parsed = parse_inventory("hosts:\n  - {" + host + "}\n", "i.yaml",
                                        {.machines = BERTH_SOURCE_DIR "/machines"});
    return parsed ? std::string{"accepted"} : parsed.error().message;
  };
  EXPECT_THAT(complaint("name: a, machine: no-such"), HasSubstr("cannot read"));
  EXPECT_THAT(complaint("name: a, machine: page-machine, count: 2"), HasSubstr("fixed ids"));
  EXPECT_THAT(complaint("name: a, machine: dgx-a100, cpus: 4"), HasSubstr("is the machine's"));
  EXPECT_THAT(complaint("name: a/b, machine: dgx-a100"), HasSubstr("no host name"));
  EXPECT_THAT(complaint("name: a, cpus: 4"), HasSubstr("needs the key `memory_mib`"));
  EXPECT_THAT(complaint("name: a, cpus: 4, memory_mib: 4, gpus: 3"), HasSubstr("`model`"));
  EXPECT_THAT(complaint("name: a, cpus: 4, memory_mib: 4, gpus: 33, model: x"),
              HasSubstr("from 0 to 32"));
  EXPECT_THAT(complaint("name: a, cpus: 4, memory_mib: 4}\n  - {name: a, cpus: 4, memory_mib: 4"),
              HasSubstr("two hosts are called a"));
}

TEST(GenericMachine, PutsTheGpusOfASocketBehindSwitches) {
  const auto built = generic_machine(8, "G2");
  ASSERT_TRUE(built.has_value());
  ASSERT_THAT((*built)->devices, SizeIs(8));
  EXPECT_EQ((*built)->devices[0].pcie_switch, (*built)->devices[3].pcie_switch);
  EXPECT_NE((*built)->devices[3].pcie_switch, (*built)->devices[4].pcie_switch);
  EXPECT_EQ((*built)->devices[7].numa_node, 1);
  EXPECT_EQ((*built)->devices[0].model, "G2");
  EXPECT_EQ((*built)->devices[0].vendor_device,
            (*generic_machine(1, "G2"))->devices[0].vendor_device);
}

} // namespace
} // namespace berth::hostbackend::simulated
