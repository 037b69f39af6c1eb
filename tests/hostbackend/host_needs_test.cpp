#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/host_needs.hpp"
#include "tests/hostbackend/fake_tree.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HostNeeds : public ::testing::Test {
protected:
  HostNeeds() {
    tree.put("proc/net/route", "Iface\tDestination\tGateway\n");
    mounts("");
  }
  void mounts(const std::string& lines) { tree.put("proc/self/mountinfo", lines); }
  /// A disk of a function, with its number and name: `nvme0n1`.
  void disk(const std::string& place, const std::string& name, const std::string& number) {
    const auto at = "sys/devices/" + place + "/" + name;
    tree.put(at + "/dev", number + "\n");
    tree.link("sys/dev/block/" + number, at);
    tree.link("sys/class/block/" + name, at);
  }
  void interface(const std::string& place, const std::string& name, const std::string& state) {
    tree.put("sys/devices/" + place + "/net/" + name + "/operstate", state + "\n");
    tree.link("sys/class/net/" + name, "sys/devices/" + place + "/net/" + name);
  }
  [[nodiscard]] std::string need_of(const char* address) const {
    const auto needs = find_host_needs(tree.roots());
    const auto found = needs.functions.find(model::pci_address::parse(address).value());
    return found == needs.functions.end() ? "" : found->second;
  }

  fake_tree tree;
};

TEST_F(HostNeeds, TheRootFileSystemNeedsItsDisk) {
  disk("pci0000:00/0000:00:1d.0/0000:02:00.0/nvme/nvme0", "nvme0n1", "259:0");
  disk("pci0000:00/0000:00:1d.0/0000:02:00.0/nvme/nvme0/nvme0n1", "nvme0n1p2", "259:2");
  mounts("22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n");
  EXPECT_EQ(need_of("0000:02:00.0"), "root file system on nvme0n1p2");
  EXPECT_EQ(need_of("0000:00:1d.0"), "") << "the bridge above is not what is given away";
}

TEST_F(HostNeeds, VolumesAreFollowedToEveryDiskBelow) {
  disk("virtual/block", "dm-0", "253:0");
  disk("virtual/block", "md127", "9:127");
  disk("pci0000:00/0000:00:17.0/ata1/host0/block", "sda", "8:0");
  disk("pci0000:80/0000:80:17.0/ata1/host0/block", "sdb", "8:16");
  tree.link("sys/devices/virtual/block/dm-0/slaves/md127", "sys/devices/virtual/block/md127");
  tree.link("sys/devices/virtual/block/md127/slaves/sda",
            "sys/devices/pci0000:00/0000:00:17.0/ata1/host0/block/sda");
  tree.link("sys/devices/virtual/block/md127/slaves/sdb",
            "sys/devices/pci0000:80/0000:80:17.0/ata1/host0/block/sdb");
  tree.link("sys/devices/virtual/block/md127/slaves/dm-0",
            "sys/devices/virtual/block/dm-0"); // loop
  mounts("22 1 253:0 / / rw - xfs /dev/mapper/vg-root rw\n");
  EXPECT_EQ(need_of("0000:00:17.0"), "root file system on sda");
  EXPECT_EQ(need_of("0000:80:17.0"), "root file system on sdb");
}

TEST_F(HostNeeds, AFileSystemWithNumbersOfItsOwnIsFoundByItsSource) {
  disk("pci0000:00/0000:02:00.0/nvme/nvme0", "nvme0n1p3", "259:3");
  mounts("22 1 0:25 /root / rw - btrfs /dev/nvme0n1p3 rw\n");
  EXPECT_EQ(need_of("0000:02:00.0"), "root file system on nvme0n1p3");

  disk("virtual/block", "dm-1", "253:1");
  tree.put("sys/devices/virtual/block/dm-1/dm/name", "crypt root\n");
  tree.link("sys/devices/virtual/block/dm-1/slaves/nvme0n1p3",
            "sys/devices/pci0000:00/0000:02:00.0/nvme/nvme0/nvme0n1p3");
  mounts("22 1 0:25 /root / rw - btrfs /dev/mapper/crypt\\040root rw\n");
  EXPECT_EQ(need_of("0000:02:00.0"), "root file system on nvme0n1p3");
}

TEST_F(HostNeeds, ANamespaceOfSeveralControllersNeedsThemAll) {
  disk("virtual/nvme-subsystem/nvme-subsys0", "nvme0n1", "259:0");
  for (const std::string one : {"nvme0", "nvme1"}) {
    const auto at = "sys/devices/pci0000:00/0000:0" + one.substr(4) + ":00.0/nvme/" + one;
    tree.make(at);
    tree.link("sys/devices/virtual/nvme-subsystem/nvme-subsys0/" + one, at);
  }
  mounts("22 1 259:0 / /srv/my\\040data rw - ext4 /dev/nvme0n1 rw\n");
  EXPECT_EQ(need_of("0000:00:00.0"), "nvme0 mounted at /srv/my data");
  EXPECT_EQ(need_of("0000:01:00.0"), "nvme1 mounted at /srv/my data");
}

TEST_F(HostNeeds, SwapCounts) {
  disk("pci0000:00/0000:00:17.0/ata1/block", "sda3", "8:3");
  tree.put("proc/swaps", "Filename Type Size Used Priority\n/dev/sda3 partition 1 0 -2\n");
  EXPECT_EQ(need_of("0000:00:17.0"), "swap on sda3");
}

TEST_F(HostNeeds, TheDefaultRouteIsFollowedThroughBridgeAndBond) {
  interface("virtual", "br0", "up");
  interface("virtual", "bond0", "up");
  interface("pci0000:00/0000:02:00.0", "eno1", "up");
  interface("pci0000:00/0000:02:00.1", "eno2", "down");
  interface("pci0000:00/0000:03:00.0/virtio1", "ens3", "up");
  tree.link("sys/devices/virtual/net/br0/lower_bond0", "sys/devices/virtual/net/bond0");
  tree.link("sys/devices/virtual/net/bond0/lower_eno1",
            "sys/devices/pci0000:00/0000:02:00.0/net/eno1");
  tree.put("proc/net/route",
           "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
           "br0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
           "eno2\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
  EXPECT_EQ(need_of("0000:02:00.0"), "default route through br0");
  EXPECT_EQ(need_of("0000:02:00.1"), "");
  EXPECT_EQ(need_of("0000:03:00.0"), "network interface ens3 is up");
}

TEST_F(HostNeeds, ADefaultRouteOfVersion6CountsAndAnUnreachableOneDoesNot) {
  interface("pci0000:00/0000:02:00.0", "eno1", "unknown");
  interface("pci0000:00/0000:03:00.0", "eno2", "unknown");
  const std::string zeros(32, '0');
  tree.put("proc/net/ipv6_route",
           zeros + " 00 " + zeros +
               " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eno1\n" +
               zeros + " 00 " + zeros + " 00 " + zeros +
               " ffffffff 00000001 00000000 00200200 eno2\n");
  EXPECT_EQ(need_of("0000:02:00.0"), "default route through eno1");
  EXPECT_EQ(need_of("0000:03:00.0"), "");
}

TEST_F(HostNeeds, GarbageNeedsNothingAndLeavesNoRoot) {
  mounts("22 1 ../../.. / / rw - ext4 /dev/../../etc rw\n\n- - -\nx\n" + std::string(100'000, 'a') +
         "\n22 1 8:1 / /\\0\\999 rw - ext4\n");
  tree.put("proc/net/route", "h\n../../x\t00000000\t0\t0003\t0\t0\t0\t00000000\t0\t0\t0\nx\n");
  tree.put("proc/swaps", "h\n/dev/..\n\n");
  EXPECT_THAT(find_host_needs(tree.roots()).functions, IsEmpty());
}

TEST_F(HostNeeds, WhatCannotBeReadIsSaid) {
  const temporary_directory nothing;
  const auto needs = find_host_needs({.sysfs = nothing / "sys", .procfs = nothing / "proc"});
  EXPECT_THAT(needs.functions, IsEmpty());
  ASSERT_EQ(needs.remarks.size(), 2U);
  EXPECT_THAT(needs.remarks[0], HasSubstr("self/mountinfo"));
  EXPECT_THAT(needs.remarks[1], HasSubstr("net/route"));
}

} // namespace
} // namespace berth::hostbackend::host_linux
