#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/host_scan.hpp"
#include "tests/hostbackend/fake_tree.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* gpu = "pci0000:40/0000:40:01.0/0000:41:00.0";

class HostScan : public ::testing::Test {
protected:
  HostScan() {
    tree.machine();
    tree.function("pci0000:40/0000:40:01.0", "8086:2f02", "060400", 1);
    tree.function(gpu, "10de:2330", "030200", 7);
    options = {.roots = tree.roots(),
               .pci_ids = tree.top() / "pci.ids",
               .pool = tree.sys(),
               .host = derive_host_id("gpu-1"),
               .host_name = "gpu-1",
               .agent_version = "1.2"};
  }
  fake_tree tree;
  scan_options options;
};

TEST_F(HostScan, DescribesTheWholeMachine) {
  const auto scan = scan_host(options);
  ASSERT_TRUE(scan.has_value()) << scan.error().message;
  const auto& info = scan->info;
  EXPECT_EQ(info.id, options.host);
  EXPECT_EQ(info.name, "gpu-1");
  EXPECT_EQ(info.machine, "ACME GPU Server 2");
  EXPECT_EQ(info.agent_version, "1.2");
  EXPECT_EQ(info.capacity.cpus, 32);
  EXPECT_EQ(info.capacity.memory_mib, 64000);
  EXPECT_EQ(info.capacity.storage_mib,
            static_cast<std::int64_t>(std::filesystem::space(tree.sys()).capacity >> 20U));
  EXPECT_EQ(info.numa_nodes, 2);
  EXPECT_THAT(info.partitions, IsEmpty());
  ASSERT_EQ(info.devices.size(), 1U);
  EXPECT_EQ(info.devices[0].model, "H100 SXM5 80GB");
  EXPECT_EQ(info.devices[0].fabric, "");
  EXPECT_EQ(info.devices[0].pcie_root, "0000:40:01.0");
  EXPECT_EQ(info.devices[0].id,
            derive_device_id(options.host, info.devices[0].vendor_device, info.devices[0].address));
  EXPECT_THAT(scan->remarks, IsEmpty());
}

TEST_F(HostScan, WhatIsUnknownIsNeverReportedAsNothing) {
  tree.put("proc/meminfo", "MemFree: 1 kB\n");
  EXPECT_THAT(scan_host(options).error().message, HasSubstr("MemTotal"));
  tree.put("proc/meminfo", "MemTotal: 0 kB\n");
  EXPECT_THAT(scan_host(options).error().message, HasSubstr("MemTotal"));
  tree.put("proc/meminfo", "MemTotal: 2048 kB\n");
  tree.put("sys/devices/system/cpu/online", "many\n");
  EXPECT_THAT(scan_host(options).error().message, HasSubstr("CPUs"));
  tree.put("sys/devices/system/cpu/online", "0\n");
  options.pool = tree.top() / "no-pool";
  EXPECT_THAT(scan_host(options).error().message, HasSubstr("no-pool"));
  options.pool.clear();
  EXPECT_EQ(scan_host(options).value().info.capacity, (model::resources{1, 2, 0}));
}

TEST_F(HostScan, NvSwitchesGiveAFabricWithoutPartitions) {
  tree.function("pci0000:40/0000:40:02.0", "10de:22a3", "068000", 8);
  const auto scan = scan_host(options);
  ASSERT_EQ(scan->info.devices.size(), 1U) << "the switch is no device";
  EXPECT_EQ(scan->info.devices[0].fabric, "nvswitch");
  EXPECT_EQ(scan->info.devices[0].fabric_module, -1);
  EXPECT_THAT(scan->info.partitions, IsEmpty());
}

TEST_F(HostScan, WhatIsInUseIsNotOfferedAndNamesWhy) {
  const std::string disk = "pci0000:40/0000:42:00.0";
  tree.function(disk, "144d:a824", "010802", 7);
  tree.put("sys/devices/" + disk + "/nvme/nvme0/nvme0n1/dev", "259:0\n");
  tree.link("sys/dev/block/259:0", "sys/devices/" + disk + "/nvme/nvme0/nvme0n1");
  tree.put("proc/self/mountinfo", "22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
  EXPECT_THAT(scan_host(options)->info.devices[0].unusable_reason,
              HasSubstr("IOMMU group 7 also holds 0000:42:00.0 (NVMe controller, root file system "
                        "on nvme0n1)"));
}

TEST_F(HostScan, WhatFellOffTheBusIsRemarkedOn) {
  tree.put(std::string{"sys/devices/"} + gpu + "/config", std::string(256, '\xff'));
  const auto scan = scan_host(options);
  EXPECT_THAT(scan->info.devices, IsEmpty());
  EXPECT_THAT(scan->remarks, ElementsAre(HasSubstr("0000:41:00.0 (10de:2330) fell off the bus")));
}

TEST_F(HostScan, WhatCannotBeReadIsRemarkedOn) {
  std::filesystem::remove(tree.sys() / "devices" / gpu / "class");
  const auto scan = scan_host(options);
  EXPECT_THAT(scan->info.devices, IsEmpty());
  EXPECT_THAT(scan->remarks, ElementsAre(HasSubstr("0000:41:00.0: its vendor, device or class")));
}

} // namespace
} // namespace berth::hostbackend::host_linux
