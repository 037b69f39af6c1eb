#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/sysfs_writer.hpp"

namespace berth::hostbackend {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class temporary_directory {
public:
  temporary_directory() {
    auto pattern = (fs::temp_directory_path() / "berth-sysfs-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error{"no temporary directory"};
    path_ = pattern;
  }
  ~temporary_directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] fs::path operator/(const char* part) const { return path_ / part; }

private:
  fs::path path_;
};

class ShippedMachine : public ::testing::TestWithParam<const char*> {};

TEST_P(ShippedMachine, IsScannedAsItIsDescribed) {
  const auto kind =
      simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + std::string{GetParam()} + ".yaml")
          .value();
  const temporary_directory directory;
  const auto written = simulated::write_sysfs(*kind, directory / "sys");
  ASSERT_TRUE(written.has_value()) << written.error().message;

  const auto functions = host_linux::scan_functions(directory / "sys");
  ASSERT_TRUE(functions.has_value());
  EXPECT_EQ(*functions, kind->functions);

  const auto names = host_linux::pci_names::load(directory / "sys/pci.ids");
  ASSERT_TRUE(names.has_value());
  const auto host = derive_host_id("scanned");
  const auto devices = host_linux::scan_devices(directory / "sys", *names, host, {});
  ASSERT_TRUE(devices.has_value());
  auto expected = kind->devices;
  for (auto& one : expected) { // what sysfs does not know
    one.id = derive_device_id(host, one.vendor_device, one.address);
    one.fabric.clear();
    one.fabric_module = -1;
  }
  EXPECT_EQ(*devices, expected);
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

TEST(Scanner, ADirectoryWithoutPciIsAnError) {
  const temporary_directory directory;
  const auto functions = host_linux::scan_functions(directory / "nothing");
  ASSERT_FALSE(functions.has_value());
  EXPECT_THAT(functions.error().message, HasSubstr("cannot read"));
}

TEST(Scanner, WhatDoesNotMakeSenseStaysUnknown) {
  const temporary_directory directory;
  const auto device = directory / "sys/bus/pci/devices/10000:e0:06.0";
  fs::create_directories(device);
  fs::create_directories(directory / "sys/bus/pci/devices/no-address");
  const auto put = [&device](const char* name, const std::string& text) {
    std::ofstream{device / name} << text;
  };
  put("vendor", "0x10de\n");
  put("device", "0x26b9\n");
  put("class", "0x030200\n");
  put("numa_node", "many\n");
  put("resource", "garbage 0x1\n0xzz");
  put("current_link_width", "999\n");
  put("current_link_speed", "fast\n");
  put("config", std::string(3, 'x'));
  const auto functions = host_linux::scan_functions(directory / "sys");
  ASSERT_TRUE(functions.has_value());
  ASSERT_EQ(functions->size(), 1U);
  const auto& one = functions->front();
  EXPECT_EQ(one.address.domain, 0x10000U);
  EXPECT_EQ(one.numa_node, -1);
  EXPECT_TRUE(one.bar_sizes.empty());
  EXPECT_EQ(one.link, model::pcie_link{});
  EXPECT_EQ(one.iommu_group, -1);
}

} // namespace
} // namespace berth::hostbackend
