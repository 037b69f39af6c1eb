#include "tests/lab/topology.hpp"

#include <filesystem>

#include <gtest/gtest.h>

namespace berth::lab {
namespace {

TEST(LabTopology, PlacesADevice) {
  const auto topology = parse_topology("root pxb0 bus=0x20 node=1\n"
                                       "  port rp0 # outermost\n"
                                       "    switch sw0\n"
                                       "      port dp0\n"
                                       "        dev gpu0 nvme as=10de:2330/030200 absent\n"
                                       "          fn gpu0a virtio-rng-pci as=10de:22a3/040300\n"
                                       "  port rp1\n"
                                       "    dev nic0 e1000e\n");
  ASSERT_TRUE(topology) << topology.error().message;
  ASSERT_EQ(topology->devices.size(), 2U);
  const auto* gpu = topology->find("gpu0");
  ASSERT_NE(gpu, nullptr);
  EXPECT_EQ(gpu->numa_node, 1);
  EXPECT_EQ(gpu->root_port, "rp0");
  EXPECT_EQ(gpu->inner_switch, "sw0");
  EXPECT_EQ(gpu->group_place, "dp0");
  EXPECT_TRUE(gpu->absent);
  ASSERT_EQ(gpu->functions.size(), 2U);
  EXPECT_EQ(gpu->functions[1].class_code, 0x040300U);
  const auto* nic = topology->find("nic0");
  ASSERT_NE(nic, nullptr);
  EXPECT_EQ(nic->group_place, "");
  EXPECT_EQ(nic->functions[0].class_code, 0x020000U);
}

TEST(LabTopology, NamesTheLineThatIsWrong) {
  for (const auto* text :
       {"dev gpu0", "dev gpu0 nvme as=10de", "fn gpu0a nvme", "dev gpu0 no-such-model", "port"}) {
    const auto topology = parse_topology(text);
    ASSERT_FALSE(topology) << text;
    EXPECT_NE(topology.error().message.find("line 1"), std::string::npos)
        << topology.error().message;
  }
}

TEST(LabTopology, EveryFileIsUnderstood) {
  std::size_t files = 0;
  for (const auto& file :
       std::filesystem::directory_iterator{BERTH_SOURCE_DIR "/tests/lab/topologies"}) {
    const auto topology = load_topology(file.path());
    ASSERT_TRUE(topology) << file.path() << ": " << topology.error().message;
    EXPECT_FALSE(topology->devices.empty()) << file.path();
    ++files;
  }
  EXPECT_GE(files, 4U);
}

} // namespace
} // namespace berth::lab
