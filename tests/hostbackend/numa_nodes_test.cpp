#include "hostbackend/linux/numa_nodes.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::hostbackend::host_linux {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NumaNodes : public ::testing::Test {
protected:
  void SetUp() override { std::filesystem::create_directories(nodes_); }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void node(const std::string& name, const std::string& cpus, const std::string& memory) {
    std::filesystem::create_directories(nodes_ / name);
    std::ofstream{nodes_ / name / "cpulist"} << cpus << '\n';
    std::ofstream{nodes_ / name / "meminfo"} << memory;
  }
  [[nodiscard]] std::vector<numa_node> read() const { return read_numa_nodes({root_, root_}); }

  std::filesystem::path root_ = std::filesystem::path{::testing::TempDir()} /
                                (std::string{"berth-numa-"} +
                                 ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::path nodes_ = root_ / "devices/system/node";
};

TEST_F(NumaNodes, AreReadInTheOrderOfTheirNumbers) {
  node("node10", "8-15", "Node 10 MemTotal: 2097152 kB\nNode 10 MemFree: 1 kB\n");
  node("node2", "0-3,16", "Node 2 MemTotal:       1048576 kB\n");
  std::ofstream{nodes_ / "online"} << "2,10\n";
  EXPECT_THAT(read(), ElementsAre(numa_node{2, "0-3,16", 5, 1024}, numa_node{10, "8-15", 8, 2048}));
}

TEST_F(NumaNodes, OnesWithoutProcessorsOrMemoryAreNoPlaceForAServer) {
  node("node0", "0-3", "Node 0 MemTotal: 1048576 kB\n");
  node("node1", "", "Node 1 MemTotal: 1048576 kB\n");
  node("node2", "4-7", "Node 2 MemTotal: 0 kB\n");
  EXPECT_THAT(read(), ElementsAre(numa_node{0, "0-3", 4, 1024}));
}

TEST_F(NumaNodes, AreUnknownAsSoonAsOneIs) {
  EXPECT_THAT(read(), IsEmpty());
  node("node0", "0-3", "Node 0 MemTotal: 1048576 kB\n");
  node("node1", "4-", "Node 1 MemTotal: 1048576 kB\n");
  EXPECT_THAT(read(), IsEmpty());
  node("node1", "4-7", "Node 1 MemTotal: lots\n");
  EXPECT_THAT(read(), IsEmpty());
}

} // namespace
} // namespace berth::hostbackend::host_linux
