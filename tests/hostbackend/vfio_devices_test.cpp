#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/pci_function_files.hpp"
#include "tests/hostbackend/fake_lab.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using testing::fake_lab;
using testing::gtx;
using testing::gtx_sound;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(VfioBind, BindsEveryFunctionAndGivesEachItsDriverBack) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  for (int i = 0; i < 2; ++i) {
    const auto bound = here.devices->bind(device.id);
    ASSERT_TRUE(bound.has_value()) << bound.error().message;
    EXPECT_EQ(here.driver(gtx), "vfio-pci");
    EXPECT_EQ(here.driver(gtx_sound), "vfio-pci");
  }
  for (int i = 0; i < 2; ++i) {
    const auto back = here.devices->unbind(device.id);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(here.driver(gtx), "nouveau");
    EXPECT_EQ(here.driver(gtx_sound), "snd_hda_intel");
    EXPECT_EQ(here.kernel->files(gtx).driver_override(), "");
  }
}

TEST(VfioBind, NothingElseIsTouched) {
  fake_lab here{"page-machine"};
  here.clean(here.at(gtx));
  ASSERT_TRUE(here.devices->unbind(here.at(gtx).id).has_value());
  for (const auto& write : here.kernel->writes())
    EXPECT_TRUE(write.find("0000:41:00.") != std::string::npos ||
                write.find("0000:40:02.0/pci_bus/0000:41") != std::string::npos)
        << write;
}

TEST(VfioBind, RemembersOnDiskBeforeItChangesAnything) {
  fake_lab here{"page-machine"};
  fs::create_directory(here.state_file().string() + ".new"); // cannot be written to
  const auto refused = here.devices->bind(here.at(gtx).id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::store_failed);
  EXPECT_THAT(here.kernel->writes(), IsEmpty());
  EXPECT_EQ(here.driver(gtx), "nouveau");
}

TEST(VfioBind, TheOriginalDriversSurviveACrashOfTheAgent) {
  fake_lab here{"page-machine"};
  ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value());
  here.start();
  ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value());
  here.start();
  ASSERT_TRUE(here.devices->unbind(here.at(gtx).id).has_value());
  EXPECT_EQ(here.driver(gtx), "nouveau");
  EXPECT_EQ(here.driver(gtx_sound), "snd_hda_intel");
}

TEST(VfioBind, ACrashBetweenUnbindAndProbeIsRepaired) {
  fake_lab here{"page-machine"};
  here.kernel->refuse("drivers_probe", EIO);
  here.kernel->refuse("nouveau/bind", EIO); // so that the roll-back fails too, as in a crash
  ASSERT_FALSE(here.devices->bind(here.at(gtx).id).has_value());
  ASSERT_EQ(here.driver(gtx), "");
  here.kernel->refuse("drivers_probe", 0);
  here.kernel->refuse("nouveau/bind", 0);
  here.kernel->write(here.kernel->files(gtx).path("driver_override"), "vfio-pci");
  here.start();
  ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value());
  ASSERT_TRUE(here.devices->unbind(here.at(gtx).id).has_value());
  EXPECT_EQ(here.driver(gtx), "nouveau");
}

TEST(VfioBind, AFunctionThatIsOnVfioPciAlreadyIsLeftThere) {
  fake_lab here{"page-machine"};
  for (const auto* one : {gtx, gtx_sound}) {
    const auto files = here.kernel->files(one);
    here.kernel->write(files.path("driver_override"), "vfio-pci");
    here.kernel->write(files.path("driver") / "unbind", one);
    here.kernel->write(here.sysfs() / "bus/pci/drivers_probe", one);
  }
  const auto before = here.kernel->writes().size();
  ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value());
  EXPECT_EQ(here.kernel->writes().size(), before);
  ASSERT_TRUE(here.devices->unbind(here.at(gtx).id).has_value());
  EXPECT_EQ(here.driver(gtx), "vfio-pci") << "as it was found";
}

TEST(VfioBind, APartialFailureIsRolledBack) {
  fake_lab here{"page-machine"};
  here.kernel->refuse(std::string{gtx_sound} + "/driver/unbind", EBUSY);
  const auto failed = here.devices->bind(here.at(gtx).id);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, errc::bind_failed);
  EXPECT_THAT(failed.error().message, HasSubstr("EBUSY"));
  EXPECT_THAT(failed.error().message,
              HasSubstr("now 0000:41:00.0 is on nouveau, 0000:41:00.1 is on snd_hda_intel"));
  EXPECT_EQ(here.driver(gtx), "nouveau");
  EXPECT_EQ(here.kernel->files(gtx_sound).driver_override(), "");
}

TEST(VfioBind, WhatCannotBeRolledBackIsSaid) {
  fake_lab here{"page-machine"};
  here.kernel->refuse(std::string{gtx_sound} + "/driver/unbind", EBUSY);
  here.kernel->refuse("nouveau/bind", ENODEV);
  const auto failed = here.devices->bind(here.at(gtx).id);
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message, HasSubstr("not taken back: 0000:41:00.0"));
  EXPECT_THAT(failed.error().message, HasSubstr("now 0000:41:00.0 has no driver"));
}

TEST(VfioBind, AStuckUnbindIsUnknownAndNamesTheProcess) {
  fake_lab here{"page-machine"};
  here.limits.unbind = std::chrono::milliseconds{300};
  here.start();
  const auto device = here.at(gtx);
  here.kernel->stall(std::string{gtx} + "/driver/unbind");
  fs::create_directories(here.kernel->files(gtx).path("drm/card0"));
  std::ofstream{here.kernel->files(gtx).path("drm/card0/uevent")}
      << "MAJOR=226\nDEVNAME=dri/card0\n";
  std::thread opener{[&] { // between the look and the write: the race that makes it stick
    while (here.kernel->writes().size() < 2)
      std::this_thread::yield();
    here.hold(4242, "Xorg", "/dev/dri/card0");
  }};
  const auto stuck = here.devices->bind(device.id);
  opener.join();
  ASSERT_FALSE(stuck.has_value());
  EXPECT_EQ(stuck.error().code, errc::outcome_unknown);
  EXPECT_THAT(stuck.error().message, HasSubstr("writing to unbind"));
  EXPECT_THAT(stuck.error().message, HasSubstr("process 4242 (Xorg) has /dev/dri/card0 open"));
  EXPECT_THAT(stuck.error().message, HasSubstr("0000:41:00.1 is on snd_hda_intel"));
  const auto unseen = here.devices->verify(device.id);
  ASSERT_FALSE(unseen.has_value());
  EXPECT_THAT(unseen.error().message,
              HasSubstr("earlier `writing to unbind` (it is held: process 4242 (Xorg) has "
                        "/dev/dri/card0 open)"));
  here.let_go(4242);
  const auto still = here.devices->bind(device.id);
  ASSERT_FALSE(still.has_value());
  EXPECT_EQ(still.error().code, errc::outcome_unknown) << "the kernel is not asked twice";
  const auto writes = here.kernel->writes();
  EXPECT_EQ(std::count(writes.begin(), writes.end(),
                       "bus/pci/devices/0000:41:00.0/driver/unbind=0000:41:00.0"),
            1);
  here.kernel->release();
  while (!here.devices->bind(device.id))
    std::this_thread::yield();
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
  EXPECT_EQ(here.driver(gtx_sound), "vfio-pci");
}

TEST(VfioBind, WithoutAProcessTheUsersOfTheModuleAreNamed) {
  fake_lab here{"page-machine"};
  here.limits.unbind = std::chrono::milliseconds{50};
  here.start();
  here.kernel->stall(std::string{gtx} + "/driver/unbind");
  const auto module = here.sysfs() / "bus/pci/drivers/nouveau/module";
  fs::create_directories(module);
  std::ofstream{module / "refcnt"} << "3\n";
  const auto stuck = here.devices->bind(here.at(gtx).id);
  ASSERT_FALSE(stuck.has_value());
  EXPECT_THAT(stuck.error().message, HasSubstr("the module of nouveau has 3 users"));
  here.kernel->release();
  while (!here.devices->bind(here.at(gtx).id))
    std::this_thread::yield();
}

TEST(VfioBind, ADeviceThatTheHostUsesIsNotTornAway) {
  fake_lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto place = here.procfs() / "driver/nvidia/gpus" / to_string(device.address);
  fs::create_directories(place);
  std::ofstream{place / "information"} << "Model: \t L40S\nDevice Minor: \t 2\n";
  here.hold(99, "nvidia-persiste", "/dev/nvidia2");
  const auto refused = here.devices->bind(device.id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::bind_failed);
  EXPECT_THAT(refused.error().message,
              HasSubstr("process 99 (nvidia-persiste) has /dev/nvidia2 open"));
  EXPECT_THAT(here.kernel->writes(), IsEmpty());
}

TEST(VfioBind, AnotherCardAtTheAddressIsNotTouched) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  std::ofstream{here.kernel->files(gtx_sound).path("device")} << "0x1234\n";
  const auto refused = here.devices->bind(device.id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("0000:41:00.1 is 10de:1234 now"));
  EXPECT_FALSE(here.devices->reset(device.id, {}).has_value());
  EXPECT_TRUE(here.devices->unbind(device.id).has_value()) << "nothing of it is ours";
  EXPECT_THAT(here.kernel->writes(), IsEmpty());
}

TEST(VfioBind, ADeviceThatIsGoneIsLost) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  fs::remove(here.kernel->files(gtx).path());
  const auto bound = here.devices->bind(device.id);
  const auto seen = here.devices->verify(device.id);
  ASSERT_FALSE(bound.has_value());
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(bound.error().code, errc::device_lost);
  EXPECT_EQ(seen.error().code, errc::device_lost);
}

TEST(VfioBind, AMissingDriverIsNamed) {
  fake_lab here{"page-machine"};
  here.kernel->remove_driver("vfio-pci");
  const auto refused = here.devices->bind(here.at(gtx).id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("modprobe vfio-pci"));
  here.kernel->add_driver("vfio-pci");
  ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value());
  here.kernel->remove_driver("nouveau");
  const auto back = here.devices->unbind(here.at(gtx).id);
  ASSERT_FALSE(back.has_value());
  EXPECT_THAT(back.error().message, HasSubstr("its driver nouveau is not loaded any more"));
  here.kernel->add_driver("nouveau");
  ASSERT_TRUE(here.devices->unbind(here.at(gtx).id).has_value());
  EXPECT_EQ(here.driver(gtx), "nouveau");
}

TEST(VfioDevices, UnknownAndUnusableDevicesAreRefused) {
  fake_lab here{"page-machine"};
  const model::device_id unknown{model::uuid::from_random(7, 7)};
  EXPECT_EQ(here.devices->bind(unknown).error().code, errc::not_found);
  EXPECT_EQ(here.devices->unbind(unknown).error().code, errc::not_found);
  EXPECT_EQ(here.devices->reset(unknown, {}).error().code, errc::not_found);
  EXPECT_EQ(here.devices->verify(unknown).error().code, errc::not_found);
  auto found = here.inventory;
  found.front().unusable_reason = "the host's boot display";
  ASSERT_TRUE(here.devices->update(found).has_value());
  EXPECT_EQ(here.devices->bind(found.front().id).error().code, errc::group_not_viable);
  EXPECT_EQ(here.devices->reset(found.front().id, {}).error().code, errc::group_not_viable);
  EXPECT_THAT(here.kernel->writes(), IsEmpty());
}

TEST(VfioDevices, ADeviceOfARunningServerIsNotTouched) {
  fake_lab here{"l40s-4"};
  const auto device = here.inventory.front();
  here.clean(device);
  const auto before = here.kernel->writes().size();
  here.hold(500, "qemu-system-x86", "/dev/vfio/" + std::to_string(device.iommu_group));
  EXPECT_FALSE(here.devices->verify(device.id)->group_released);
  for (const auto& refused : {here.devices->reset(device.id, {}), here.devices->unbind(device.id),
                              here.devices->reset(device.id, "rescan")}) {
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr("process 500 (qemu-system-x86)"));
  }
  EXPECT_TRUE(here.devices->bind(device.id).has_value()) << "it is bound already";
  EXPECT_EQ(here.kernel->writes().size(), before);
  here.let_go(500);
  here.clean(device);
}

TEST(VfioDevices, DifferentDevicesDoNotWaitForEachOther) {
  fake_lab here{"l40s-4"};
  const auto slow = here.inventory.at(0);
  const auto other = here.inventory.at(1);
  here.clean(slow);
  here.kernel->stall(to_string(slow.address) + "/reset");
  std::thread waiting{[&] { EXPECT_TRUE(here.devices->reset(slow.id, "flr").has_value()); }};
  here.clean(other);
  here.scan();
  here.kernel->release();
  waiting.join();
  EXPECT_TRUE(here.devices->verify(slow.id)->complete());
}

} // namespace
} // namespace berth::hostbackend::host_linux
