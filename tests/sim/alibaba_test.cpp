#include "sim/traces/alibaba.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

model::result<trace_table<alibaba_node>> nodes_of(std::string_view csv) {
  return read_alibaba_nodes(bytes_of(csv), "table");
}

model::result<trace_table<model::server_spec>> pods_of(std::string_view csv) {
  return read_alibaba_pods(bytes_of(csv), "table");
}

TEST(AlibabaNodes, ReadsGpuAndCpuNodes) {
  const auto nodes = nodes_of("sn,cpu_milli,memory_mib,gpu,model\r\n"
                              "n0,64000,262144,2,P100\r\n"
                              "n1,32500,1000,0,\r\n");
  ASSERT_TRUE(nodes.has_value());
  EXPECT_TRUE(nodes->faulty.empty());
  ASSERT_EQ(nodes->items.size(), 2U);
  EXPECT_EQ(nodes->items[0], (alibaba_node{"n0", 64, 262144, 2, "P100"}));
  EXPECT_EQ(nodes->items[1], (alibaba_node{"n1", 32, 1000, 0, ""}));
}

TEST(AlibabaNodes, LeavesBadRowsOutAndSaysWhere) {
  const auto nodes = nodes_of("sn,cpu_milli,memory_mib,gpu,model\n"
                              "n0,64000,262144,2,P100\n"
                              "n1,-1,1,0,\n"
                              "n2,1,1,two,T4\n"
                              "n3,1,1,99999999999999999999,T4\n"
                              "n4,1,1\n"
                              "n0,1,1,0,\n"
                              "../x,1,1,0,\n"
                              "n5,1000,1,1,\n");
  ASSERT_TRUE(nodes.has_value());
  EXPECT_EQ(nodes->items.size(), 1U);
  ASSERT_EQ(nodes->faulty.size(), 7U);
  EXPECT_EQ(nodes->faulty[0].line, 3U);
  EXPECT_THAT(nodes->faulty[0].message, HasSubstr("cpu_milli is '-1'"));
  EXPECT_EQ(nodes->faulty[1].line, 4U);
  EXPECT_THAT(nodes->faulty[1].message, HasSubstr("gpu is 'two'"));
  EXPECT_THAT(nodes->faulty[2].message, HasSubstr("from 0 to 64"));
  EXPECT_EQ(nodes->faulty[3],
            (bad_row{6, "the row has another number of fields than the header (3 instead of 5)"}));
  EXPECT_EQ(nodes->faulty[4], (bad_row{7, "the name n0 stood before"}));
  EXPECT_THAT(nodes->faulty[5].message, HasSubstr("must be a host name"));
  EXPECT_THAT(nodes->faulty[6].message, HasSubstr("must be a name where there are GPUs"));
}

TEST(AlibabaNodes, BecomeAnInventory) {
  EXPECT_THAT(to_inventory_yaml({{"n0", 64, 262144, 2, "P100"}, {"n1", 32, 1000, 0, ""}}, 7),
              HasSubstr("hosts:\n"
                        "  - {name: n0, cpus: 64, memory_mib: 262144, storage_mib: 7, gpus: 2, "
                        "model: P100}\n"
                        "  - {name: n1, cpus: 32, memory_mib: 1000, storage_mib: 7}\n"));
}

TEST(AlibabaPods, BecomeServers) {
  const auto pods = pods_of("name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\n"
                            "p0,12000,16384,1,1000,,LS\n"
                            "p1,6001,12288,1,460,V100M16|V100M32,LS\n"
                            "p2,500,1024,0,0,,BE\n"
                            "p3,88000,327680,8,1000,G2,LS\n");
  ASSERT_TRUE(pods.has_value());
  EXPECT_TRUE(pods->faulty.empty());
  ASSERT_EQ(pods->items.size(), 4U);
  const auto& whole = pods->items[0];
  EXPECT_EQ(whole.name, "p0");
  EXPECT_EQ(whole.vcpus, 12);
  EXPECT_EQ(whole.memory_mib, 16384);
  ASSERT_EQ(whole.devices.size(), 1U);
  EXPECT_EQ(whole.devices[0].count, 1);
  EXPECT_EQ(whole.devices[0].alternatives, (std::vector<model::device_selector>{{}}));

  const auto& part = pods->items[1];
  EXPECT_EQ(part.vcpus, 7) << "rounded up";
  ASSERT_EQ(part.devices.size(), 1U);
  EXPECT_EQ(part.devices[0].count, 1) << "a fraction is one whole GPU";
  ASSERT_EQ(part.devices[0].alternatives.size(), 2U);
  EXPECT_EQ(part.devices[0].alternatives[0].model, "Tesla V100-SXM2-16GB");
  EXPECT_EQ(part.devices[0].alternatives[1].model, "Tesla V100-SXM2-32GB");

  EXPECT_EQ(pods->items[2].vcpus, 1);
  EXPECT_TRUE(pods->items[2].devices.empty());
  EXPECT_EQ(pods->items[3].devices[0].count, 8);
  EXPECT_EQ(pods->items[3].devices[0].alternatives[0].model, "G2");
}

TEST(AlibabaPods, NeedNoSpecColumnButTheOthers) {
  EXPECT_EQ(pods_of("name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1000,1,2,1000\n")->items.size(),
            1U);
  const auto missing = pods_of("name,cpu_milli,memory_mib,num_gpus,gpu_milli\n");
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error().message, HasSubstr("no column num_gpu, but one called 'num_gpus'"));
}

TEST(AlibabaPods, LeavesBadRowsOut) {
  const auto pods = pods_of("name,cpu_milli,memory_mib,num_gpu,gpu_milli\n"
                            "p 0,1000,1,1,1000\n"
                            "p1,1e9,1,1,1000\n"
                            "p2,1000,1,65,1000\n"
                            "p3,1000,1,1,1001\n"
                            "p4,1000,1,1,1000\n");
  ASSERT_TRUE(pods.has_value());
  EXPECT_EQ(pods->items.size(), 1U);
  ASSERT_EQ(pods->faulty.size(), 4U);
  EXPECT_THAT(pods->faulty[0].message, HasSubstr("name is 'p 0'"));
}

} // namespace
} // namespace berth::sim
