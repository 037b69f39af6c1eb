#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/host_needs.hpp"
#include "hostbackend/linux/host_scan.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/sysfs_writer.hpp"
#include "tests/hostbackend/fake_tree.hpp"

namespace berth::hostbackend {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ShippedMachine : public ::testing::TestWithParam<const char*> {};

TEST_P(ShippedMachine, IsScannedAsItIsDescribed) {
  const auto kind =
      simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + std::string{GetParam()} + ".yaml")
          .value();
  const temporary_directory directory;
  const auto written = simulated::write_sysfs(*kind, directory / "sys");
  ASSERT_TRUE(written.has_value()) << written.error().message;

  const host_linux::host_roots roots{.sysfs = directory / "sys", .procfs = directory / "proc"};
  auto functions = host_linux::scan_functions(roots.sysfs);
  ASSERT_TRUE(functions.has_value());
  const auto needs = host_linux::find_host_needs(roots);
  for (auto& one : *functions)
    if (const auto found = needs.functions.find(one.address); found != needs.functions.end())
      one.in_use = found->second;
  EXPECT_EQ(*functions, kind->functions);
}

TEST_P(ShippedMachine, IsDiscoveredAsItIsDescribed) {
  const auto kind =
      simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + std::string{GetParam()} + ".yaml")
          .value();
  fake_tree tree;
  ASSERT_TRUE(simulated::write_sysfs(*kind, tree.sys()).has_value());
  tree.machine();
  const auto host = derive_host_id("scanned");
  const auto scan = host_linux::scan_host(
      {.roots = tree.roots(), .pci_ids = tree.sys() / "pci.ids", .host = host});
  ASSERT_TRUE(scan.has_value()) << scan.error().message;
  EXPECT_THAT(scan->remarks, IsEmpty());
  auto expected = kind->devices;
  for (auto& one : expected) { // what sysfs does not know
    one.id = derive_device_id(host, one.vendor_device, one.address);
    one.fabric_module = -1;
    if (one.fabric != "nvswitch")
      one.fabric.clear();
  }
  EXPECT_EQ(scan->info.devices, expected);
}

/// pciutils is an independent reader of the same format.
TEST_P(ShippedMachine, IsReadByLspci) {
  if (std::system("command -v lspci >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "pciutils is not installed";
  const auto kind =
      simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + std::string{GetParam()} + ".yaml")
          .value();
  const temporary_directory directory;
  ASSERT_TRUE(simulated::write_sysfs(*kind, directory / "sys").has_value());
  const auto command =
      "lspci -A linux-sysfs -O sysfs.path=" + (directory / "sys/bus/pci").string() + " -i " +
      (directory / "sys/pci.ids").string() + " -D -nn -vv 2>&1";
  std::string output;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose};
  ASSERT_NE(pipe, nullptr);
  char buffer[4096];
  while (const auto count = std::fread(buffer, 1, sizeof buffer, pipe.get()))
    output.append(buffer, count);
  for (const auto& one : kind->functions)
    EXPECT_THAT(output, HasSubstr(to_string(one.address) + " "));
  for (const auto& one : kind->devices) {
    EXPECT_THAT(output, HasSubstr("[" + one.model + "] [" + to_string(one.vendor_device) + "]"));
    EXPECT_THAT(output, HasSubstr("IOMMU group: " + std::to_string(one.iommu_group) + "\n"));
  }
  EXPECT_THAT(output, HasSubstr("Express (v2) Root Port"));
}

INSTANTIATE_TEST_SUITE_P(Sysfs, ShippedMachine,
                         ::testing::Values("page-machine", "dgx-a100", "hgx-h100", "l40s-4",
                                           "mi300x-8", "desktop"));

TEST(SysfsWriter, WritesIntoAnEmptyDirectoryOnly) {
  const auto kind = simulated::generic_machine(1, "T4").value();
  const temporary_directory directory;
  ASSERT_TRUE(simulated::write_sysfs(*kind, directory / "a").has_value());
  const auto again = simulated::write_sysfs(*kind, directory / "a");
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, model::errc::not_empty);
}

TEST(SysfsWriter, RefusesADriverNameThatLeavesTheDirectory) {
  auto bad = *simulated::generic_machine(1, "T4").value();
  bad.functions.back().driver = "../../../outside";
  const temporary_directory directory;
  EXPECT_FALSE(simulated::write_sysfs(bad, directory / "a").has_value());
  EXPECT_FALSE(fs::exists(directory / "outside"));
}

} // namespace
} // namespace berth::hostbackend
