#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/allocation_units.hpp"

namespace berth::hostbackend {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

function_facts function(const char* address, const char* id, std::uint32_t class_code, int group) {
  function_facts one;
  one.address = model::pci_address::parse(address).value();
  one.id = model::vendor_device_id::parse(id).value();
  one.class_code = class_code;
  one.iommu_group = group;
  return one;
}

function_facts gpu(const char* address, int group) {
  return function(address, "10de:2330", 0x030200, group);
}
function_facts nvme(const char* address, int group) {
  return function(address, "144d:a824", 0x010802, group);
}
function_facts virtual_function(const char* address, const char* id, const char* of, int group) {
  auto one = function(address, id, 0x020000, group);
  one.physical_function = model::pci_address::parse(of);
  return one;
}

std::vector<model::device_info> surveyed(const std::vector<function_facts>& functions,
                                         const survey_options& options = {}) {
  return survey(functions, options,
                [](const auto&) { return device_names{.vendor = "V", .model = "M"}; });
}

std::vector<std::string> addresses(const std::vector<model::device_info>& devices) {
  std::vector<std::string> list;
  for (const auto& one : devices)
    list.push_back(short_string(one.address));
  return list;
}

TEST(Survey, OtherDevicesAreOfferedByIdOrClassAsPci) {
  const std::vector<function_facts> all{gpu("41:00.0", 1), nvme("42:00.0", 2),
                                        function("43:00.0", "8086:225c", 0x0b4000, 3)};
  EXPECT_THAT(addresses(surveyed(all)), ElementsAre("41:00.0"));
  const auto by_class = surveyed(all, {.offered_classes = {0x0108}});
  EXPECT_THAT(addresses(by_class), ElementsAre("41:00.0", "42:00.0"));
  EXPECT_EQ(by_class[0].default_type, model::dev_type::gpu_hpc);
  EXPECT_EQ(by_class[1].default_type, model::dev_type::pci);
  EXPECT_EQ(by_class[1].unusable_reason, "");
  const auto by_id =
      surveyed(all, {.disable_gpu = true, .offered_ids = {{.vendor = 0x8086, .device = 0x225c}}});
  EXPECT_THAT(addresses(by_id), ElementsAre("43:00.0"));
}

TEST(Survey, BridgesAreNeverOffered) {
  auto port = function("00:01.0", "8086:2f02", 0x060400, 1);
  port.kind = port_kind::root_port;
  const auto nvswitch = function("03:00.0", "10de:22a3", 0x068000, 3);
  EXPECT_TRUE(is_nvswitch(nvswitch));
  EXPECT_FALSE(is_nvswitch(function("00:07.0", "10de:0057", 0x068000, 4))) << "a chipset of 2005";
  EXPECT_THAT(
      surveyed({port, function("00:1f.0", "8086:a1c1", 0x060100, 2), nvswitch},
               {.offered_ids = {nvswitch.id, port.id}, .offered_classes = {0x0604, 0x0601}}),
      IsEmpty());
}

TEST(Survey, AFunctionThatTheHostUsesIsNotOfferedThoughItIsConfigured) {
  auto disk = nvme("42:00.0", 2);
  disk.driver = "nvme";
  EXPECT_EQ(surveyed({disk}, {.offered_classes = {0x0108}})[0].unusable_reason, "");
  disk.in_use = "root file system on nvme0n1p2";
  EXPECT_EQ(surveyed({disk}, {.offered_classes = {0x0108}})[0].unusable_reason,
            "is in use by the host: root file system on nvme0n1p2");
}

TEST(Survey, VirtualFunctionsAreOfferedOnlyById) {
  auto physical = function("41:00.0", "15b3:1021", 0x020000, 1);
  physical.driver = "mlx5_core";
  physical.virtual_functions = 2;
  auto first = virtual_function("41:00.1", "15b3:101e", "41:00.0", 2);
  first.driver = "mlx5_core";
  const auto second = virtual_function("41:00.2", "15b3:101e", "41:00.0", 3);
  const std::vector<function_facts> all{physical, first, second};
  const auto by_class = surveyed(all, {.offered_classes = {0x0200}});
  EXPECT_THAT(addresses(by_class), ElementsAre("41:00.0"));
  EXPECT_EQ(by_class[0].unusable_reason, "has 2 virtual functions switched on (sriov_numvfs)");
  const auto by_id = surveyed(all, {.offered_ids = {first.id}});
  EXPECT_THAT(addresses(by_id), ElementsAre("41:00.1", "41:00.2"));
  for (const auto& one : by_id) {
    EXPECT_EQ(one.unusable_reason, "");
    EXPECT_EQ(one.allocation_unit, "") << "no card of the physical function";
    EXPECT_THAT(one.companions, IsEmpty());
  }
}

TEST(Survey, AVirtualFunctionInTheGroupOfADrivenPhysicalOneIsUnusable) {
  auto physical = function("41:00.0", "15b3:1021", 0x020000, 1);
  physical.driver = "mlx5_core";
  const auto one = virtual_function("41:00.1", "15b3:101e", "41:00.0", 1);
  EXPECT_THAT(
      surveyed({physical, one}, {.offered_ids = {one.id}})[0].unusable_reason,
      HasSubstr("IOMMU group 1 also holds 0000:41:00.0 (Ethernet controller, driver mlx5_core"));
}

TEST(Survey, VirtualFunctionsOfAGpuStayInside) {
  auto one = gpu("41:00.4", 5);
  one.physical_function = model::pci_address::parse("41:00.0");
  EXPECT_THAT(addresses(surveyed({gpu("41:00.0", 4), one})), ElementsAre("41:00.0"));
}

TEST(Survey, WhatFellOffTheBusIsNoDeviceAndSpoilsItsUnit) {
  auto gone = gpu("41:00.0", 1);
  gone.off_bus = true;
  EXPECT_THAT(surveyed({gone}), IsEmpty());
  const auto devices = surveyed({gone, gpu("42:00.0", 1)});
  EXPECT_THAT(addresses(devices), ElementsAre("42:00.0"));
  EXPECT_THAT(devices[0].unusable_reason,
              HasSubstr("goes together with 0000:41:00.0 (3D controller), which fell off the bus"));
}

TEST(Survey, AMemberThatCannotBeReadSpoilsTheUnit) {
  function_facts broken;
  broken.address = model::pci_address::parse("41:00.1").value();
  broken.iommu_group = 1;
  broken.fault = "its vendor, device or class cannot be read";
  EXPECT_THAT(surveyed({gpu("41:00.0", 1), broken})[0].unusable_reason,
              HasSubstr("0000:41:00.1 (class 0000), which cannot be judged: its vendor"));
}

TEST(Survey, ADrivenBridgeWithAnOrdinaryHeaderBlocksTheGroup) {
  auto smbus = function("00:1f.4", "8086:a1a3", 0x0c0500, 9);
  auto isa = function("00:1f.0", "8086:a1c1", 0x060100, 1);
  EXPECT_EQ(surveyed({isa, smbus, gpu("01:00.0", 1)})[0].unusable_reason, "");
  isa.driver = "lpc_ich";
  EXPECT_THAT(surveyed({isa, gpu("01:00.0", 1)})[0].unusable_reason,
              HasSubstr("also holds 0000:00:1f.0 (class 0601, driver lpc_ich)"));
}

} // namespace
} // namespace berth::hostbackend
