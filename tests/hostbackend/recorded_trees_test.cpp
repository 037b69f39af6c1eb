// Trees of real machines and of the lab's, unpacked from ../shared/data where that is present.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/host_scan.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "tests/hostbackend/fake_tree.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path data = fs::path{BERTH_SOURCE_DIR} / "../shared/data";

class RecordedTree : public ::testing::Test {
protected:
  /// Unpacks what a scan reads below the test's directory; skips the test if the archive is not
  /// there.
  void unpack(const fs::path& archive) {
    if (!fs::exists(data / archive))
      GTEST_SKIP() << (data / archive) << " is not here";
    std::string command =
        "tar -xf '" + (data / archive).string() + "' -C '" + (tree.top() / "").string() + "'";
    for (const char* unread : {"*/cpu/cpu[0-9]*", "*/node/node[0-9]*", "*/dev/cpuset", "msi_irqs",
                               "power", "usb[0-9]*", "ata[0-9]*", "*/infiniband/*", "statistics"})
      command += std::string{" --exclude='"} + unread + "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  void scan(const host_roots& roots, const survey_options& offers = {}) {
    tree.put("pci.ids", "10de  NVIDIA Corporation\n");
    scanned = scan_host({.roots = roots,
                         .pci_ids = tree.top() / "pci.ids",
                         .host = derive_host_id("recorded"),
                         .offers = offers});
    ASSERT_TRUE(scanned.has_value()) << scanned.error().message;
    functions = scan_functions(roots.sysfs).value();
  }
  /// A machine of hwloc's test suite.
  void scan_hwloc(const std::string& archive, const std::string& name,
                  const survey_options& offers = {}) {
    unpack("hwloc/" + archive + ".tar.bz2");
    if (!IsSkipped())
      scan({.sysfs = tree.top() / name / "sys", .procfs = tree.top() / name / "proc"}, offers);
  }
  /// A machine of the lab: PCI only, the rest is made up.
  void scan_lab(const std::string& name) {
    unpack("sysfs-lab/" + name + ".sysfs.tar.xz");
    if (IsSkipped())
      return;
    tree.machine();
    const auto sysfs = tree.top() / "";
    if (!fs::exists(sysfs / "devices/system/cpu/online"))
      tree.put("devices/system/cpu/online", "0-1\n");
    scan({.sysfs = sysfs, .procfs = tree.proc()});
  }
  [[nodiscard]] const function_facts& at(const char* address) const {
    const auto wanted = model::pci_address::parse(address).value();
    return *std::find_if(functions.begin(), functions.end(),
                         [&](const auto& one) { return one.address == wanted; });
  }
  [[nodiscard]] std::map<std::string, model::device_info> devices() const {
    std::map<std::string, model::device_info> all;
    for (const auto& one : scanned->info.devices)
      all.emplace(short_string(one.address), one);
    return all;
  }

  fake_tree tree;
  model::result<host_scan> scanned;
  std::vector<function_facts> functions;
};

TEST_F(RecordedTree, AMachineWithADomainOf32Bits) {
  scan_hwloc("2pa-pcidomain32bits", "2pa-pcidomain32bits");
  if (IsSkipped())
    return;
  EXPECT_EQ(functions.size(), 9U);
  const auto& disk = at("10000:00:04.0");
  EXPECT_EQ(to_string(disk.id), "1af4:1001");
  EXPECT_EQ(disk.parent, std::nullopt) << "on a root bus; its link ends in a slash";
  EXPECT_EQ(disk.numa_node, -1);
  EXPECT_THAT(scanned->info.devices, IsEmpty());
  EXPECT_EQ(scanned->info.capacity.cpus, 2);
  EXPECT_EQ(scanned->info.capacity.memory_mib, 2052540 / 1024);
  EXPECT_EQ(scanned->info.machine, "Apache Software Foundation CloudStack KVM Hypervisor");
}

TEST_F(RecordedTree, ATwoSocketXeonWithACoprocessor) {
  scan_hwloc("32em64t-2n8c+dax+nvme+mic+dimms", "32em64t-2n8c+1mic", {.offered_classes = {0x0b40}});
  if (IsSkipped())
    return;
  EXPECT_EQ(functions.size(), 137U);
  EXPECT_EQ(scanned->info.capacity.cpus, 16);
  EXPECT_EQ(scanned->info.numa_nodes, 2);
  EXPECT_TRUE(at("05:00.0").boot_vga) << "the ASPEED display on a bus below a PCI bridge";
  const auto found = devices();
  ASSERT_EQ(found.size(), 1U);
  const auto& phi = found.at("83:00.0");
  EXPECT_EQ(to_string(phi.vendor_device), "8086:225c");
  EXPECT_EQ(phi.default_type, model::dev_type::pci);
  EXPECT_EQ(phi.numa_node, 1);
  EXPECT_EQ(phi.pcie_root, "0000:80:03.0");
  EXPECT_EQ(phi.pcie_switch, "");
  EXPECT_THAT(phi.unusable_reason, HasSubstr("no IOMMU group"));
}

TEST_F(RecordedTree, AFourSocketXeonWithADisplayOnAnOldBus) {
  scan_hwloc("40intel64-2g2n4c+pcilocality", "40intel64-2g2n4c+pci");
  if (IsSkipped())
    return;
  EXPECT_EQ(functions.size(), 37U);
  const auto& display = at("09:03.0");
  EXPECT_TRUE(display.boot_vga);
  EXPECT_EQ(display.numa_node, -1);
  EXPECT_EQ(to_string(display.parent.value()), "0000:00:1e.0");
  EXPECT_EQ(scanned->info.machine, "Dell Inc. PowerEdge R910");
  EXPECT_EQ(scanned->info.capacity.cpus, 40);
  EXPECT_EQ(scanned->info.numa_nodes, 4);
  EXPECT_THAT(scanned->info.devices, IsEmpty()) << "a Matrox is no GPU to give away";
}

TEST_F(RecordedTree, AMachineWithAlteredLocality) {
  scan_hwloc("fakepcilocalities", "fakepcilocalities");
  if (IsSkipped())
    return;
  EXPECT_EQ(functions.size(), 30U);
  EXPECT_EQ(at("09:03.0").numa_node, 0);
  EXPECT_EQ(scanned->info.numa_nodes, 4);
}

TEST_F(RecordedTree, TheLabsSmallMachine) {
  scan_lab("dgx-mini");
  if (IsSkipped())
    return;
  const auto found = devices();
  EXPECT_EQ(found.size(), 4U);
  const auto& first = found.at("23:00.0");
  EXPECT_EQ(to_string(first.vendor_device), "10de:2330");
  ASSERT_EQ(first.companions.size(), 1U);
  EXPECT_EQ(short_string(first.companions[0].address), "23:00.1");
  EXPECT_EQ(first.iommu_group, 17);
  EXPECT_EQ(first.numa_node, 0);
  EXPECT_EQ(first.pcie_root, "0000:20:00.0");
  EXPECT_EQ(first.pcie_switch, "0000:21:00.0");
  EXPECT_EQ(first.pcie_switch, found.at("24:00.0").pcie_switch);
  EXPECT_EQ(first.unusable_reason, "");
  EXPECT_EQ(first.allocation_unit, "");
  EXPECT_EQ(found.at("61:00.0").numa_node, 1);
  const auto& with_nic = found.at("65:00.0");
  ASSERT_EQ(with_nic.companions.size(), 1U) << "no driver has the NIC: it goes along";
  EXPECT_EQ(short_string(with_nic.companions[0].address), "65:00.1");
}

TEST_F(RecordedTree, TheLabsEightGpus) {
  scan_lab("hgx-h100");
  if (IsSkipped())
    return;
  const auto found = devices();
  ASSERT_EQ(found.size(), 8U);
  std::map<std::string, int> switches;
  for (const auto& [address, one] : found) {
    EXPECT_EQ(one.unusable_reason, "");
    EXPECT_THAT(one.companions, IsEmpty());
    EXPECT_EQ(one.numa_node, one.address.bus < 0x80 ? 0 : 1);
    ++switches[one.pcie_switch];
  }
  ASSERT_EQ(switches.size(), 4U);
  for (const auto& [upstream, gpus] : switches)
    EXPECT_EQ(gpus, 2) << upstream;
}

} // namespace
} // namespace berth::hostbackend::host_linux
