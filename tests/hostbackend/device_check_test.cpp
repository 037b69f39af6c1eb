#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"
#include "tests/hostbackend/fake_lab.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using testing::fake_lab;
using testing::gtx;
using testing::gtx_sound;
using ::testing::HasSubstr;

TEST(DeviceCheck, EvidenceIsIncompleteWhileAFunctionIsNotOnVfioPci) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  here.clean(device);
  here.kernel->write(here.kernel->files(gtx_sound).path("driver") / "unbind", gtx_sound);
  EXPECT_FALSE(here.devices->verify(device.id)->vfio_bound);
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  EXPECT_TRUE(here.devices->verify(device.id)->vfio_bound);
}

TEST(DeviceCheck, IdentityIsReadFromTheDeviceItself) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  here.clean(device);
  for (const std::size_t byte : {0x00U, 0x02U, 0x0bU}) { // vendor, device, class
    auto config = here.kernel->config(gtx_sound);
    const auto good = config;
    config[byte] = static_cast<char>(config[byte] ^ 0x40);
    here.kernel->set_config(gtx_sound, config);
    const auto seen = here.devices->verify(device.id);
    ASSERT_TRUE(seen.has_value());
    EXPECT_TRUE(seen->config_readable);
    EXPECT_FALSE(seen->identity_matches);
    here.kernel->set_config(gtx_sound, good);
  }
  EXPECT_TRUE(here.devices->verify(device.id)->complete());
}

TEST(DeviceCheck, BarsThatLostTheirAddressesAreNoticed) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  here.clean(device);
  for (const auto* address : {gtx, gtx_sound}) {
    const auto good = here.kernel->config(address);
    auto config = good;
    config.replace(0x11, 7, "\xff\xff\xff\xff\xff\xff\xff"); // as seen after a dead bus reset
    here.kernel->set_config(address, config);
    const auto seen = here.devices->verify(device.id);
    ASSERT_TRUE(seen.has_value());
    EXPECT_TRUE(seen->identity_matches);
    EXPECT_FALSE(seen->bars_match);
    here.kernel->set_config(address, good);
  }
  EXPECT_TRUE(here.devices->verify(device.id)->complete());
}

TEST(DeviceCheck, WhatChangedWhileTheAgentWasDownIsNoticed) {
  fake_lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto address = to_string(device.address);
  here.clean(device);
  here.devices.reset();
  std::ofstream{here.kernel->files(address).path("current_link_width")} << "8\n";
  const auto resource = here.kernel->files(address).path("resource");
  const auto start = read_text(resource).substr(0, 18);
  std::ofstream{resource} << start << " " << start.substr(0, 15) << "fff 0x000000000014220c\n";
  here.start();
  EXPECT_EQ(here.at(address).link, device.link) << "reported as at baseline";
  EXPECT_EQ(here.at(address).bar_sizes, device.bar_sizes);
  const auto seen = here.devices->verify(device.id);
  ASSERT_TRUE(seen.has_value());
  EXPECT_FALSE(seen->bars_match);
  EXPECT_FALSE(seen->link_matches);
}

TEST(DeviceCheck, AStrangerThatTheHostDrivesInTheGroupIsNamed) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  here.clean(device);
  const auto members = here.kernel->files(gtx).path("iommu_group") / "devices";
  fs::create_symlink(here.kernel->files("0000:02:00.0").path(), members / "0000:02:00.0");
  const auto seen = here.devices->verify(device.id);
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().code, errc::group_not_viable);
  EXPECT_THAT(seen.error().message, HasSubstr("0000:02:00.0, which the host drives with igb"));
}

TEST(DeviceCheck, NotBeingAllowedToLookIsNoEvidence) {
  fake_lab here{"l40s-4"};
  const auto device = here.inventory.front();
  here.clean(device);
  here.hold(77, "someone", "/dev/null");
  fs::permissions(here.procfs() / "77/fd", fs::perms::none);
  if (std::error_code error; fs::directory_iterator{here.procfs() / "77/fd", error}, !error)
    GTEST_SKIP() << "root may look everywhere";
  const auto seen = here.devices->verify(device.id);
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().code, errc::verification_failed);
  EXPECT_THAT(seen.error().message, HasSubstr("CAP_SYS_PTRACE"));
}

} // namespace
} // namespace berth::hostbackend::host_linux
