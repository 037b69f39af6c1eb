#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/allocation_units.hpp"
#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/linux/vfio_devices.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/sysfs_writer.hpp"
#include "tests/hostbackend/fake_kernel.hpp"
#include "tests/hostbackend/temporary_directory.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::fake_kernel;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::temporary_directory;

std::vector<model::device_info> devices_below(const fs::path& sysfs) {
  auto devices = survey(scan_functions(sysfs).value(), {}, [](const auto& one) {
    return device_names{"vendor", "Device " + to_string(one.id).substr(5)};
  });
  for (auto& one : devices)
    one.id = derive_device_id(derive_host_id("lab"), one.vendor_device, one.address);
  return devices;
}

/// Remembers whose bus was reset.
class fake_bus final : public bus_resetter {
public:
  model::result<void> reset_bus_of(const std::set<model::pci_address>& functions) override {
    resets.push_back(functions);
    return answer;
  }
  model::result<void> answer{};
  std::vector<std::set<model::pci_address>> resets;
};

/// A machine's tree with a fake kernel behind it.
class lab {
public:
  explicit lab(const std::string& machine) {
    const auto kind =
        simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + machine + ".yaml").value();
    if (const auto written = simulated::write_sysfs(*kind, sysfs()); !written)
      throw std::runtime_error{written.error().message};
    fs::create_directories(procfs());
    kernel = std::make_shared<fake_kernel>(sysfs());
    start();
  }
  [[nodiscard]] fs::path sysfs() const { return directory_ / "sys"; }
  [[nodiscard]] fs::path procfs() const { return directory_ / "proc"; }
  [[nodiscard]] fs::path state_file() const { return directory_ / "devices"; }

  /// A (new) life of the agent.
  void start() {
    device_tools tools;
    tools.sysfs = sysfs();
    tools.procfs = procfs();
    tools.limits = limits;
    tools.kernel = kernel;
    tools.bus = bus;
    devices = vfio_devices::open({.state_file = state_file(), .reset_order = rules}, tools).value();
    scan();
  }
  void scan() { inventory = devices->update(devices_below(sysfs())).value(); }
  [[nodiscard]] model::device_info at(const std::string& address) const {
    for (const auto& one : inventory)
      if (to_string(one.address) == address)
        return one;
    throw std::runtime_error{"no device " + address};
  }
  [[nodiscard]] std::string driver(const std::string& address) const {
    return kernel->files(address).driver();
  }
  /// A process that has `file` open.
  void hold(int process, const std::string& program, const std::string& file) const {
    const auto place = procfs() / std::to_string(process);
    fs::create_directories(place / "fd");
    std::ofstream{place / "comm"} << program << "\n";
    fs::create_symlink(file, place / "fd/7");
  }
  void let_go(int process) const { fs::remove_all(procfs() / std::to_string(process)); }
  void clean(const model::device_info& device) const {
    ASSERT_TRUE(devices->bind(device.id).has_value());
    ASSERT_TRUE(devices->reset(device.id, {}).has_value());
    ASSERT_TRUE(devices->verify(device.id)->complete()) << devices->verify(device.id)->text();
  }

private:
  temporary_directory directory_;

public:
  step_limits limits;
  std::vector<reset_rule> rules;
  std::shared_ptr<fake_kernel> kernel;
  std::shared_ptr<fake_bus> bus = std::make_shared<fake_bus>();
  std::unique_ptr<vfio_devices> devices;
  std::vector<model::device_info> inventory;
};

// A GTX 1050 Ti with its sound function, on nouveau and snd_hda_intel.
constexpr const char* gtx = "0000:41:00.0";
constexpr const char* gtx_sound = "0000:41:00.1";

TEST(VfioBind, BindsEveryFunctionAndGivesEachItsDriverBack) {
  lab here{"page-machine"};
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
  lab here{"page-machine"};
  here.clean(here.at(gtx));
  ASSERT_TRUE(here.devices->unbind(here.at(gtx).id).has_value());
  for (const auto& write : here.kernel->writes())
    EXPECT_TRUE(write.find("0000:41:00.") != std::string::npos ||
                write.find("0000:40:02.0/pci_bus/0000:41") != std::string::npos)
        << write;
}

TEST(VfioBind, RemembersOnDiskBeforeItChangesAnything) {
  lab here{"page-machine"};
  fs::create_directory(here.state_file().string() + ".new"); // cannot be written to
  const auto refused = here.devices->bind(here.at(gtx).id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::store_failed);
  EXPECT_THAT(here.kernel->writes(), IsEmpty());
  EXPECT_EQ(here.driver(gtx), "nouveau");
}

TEST(VfioBind, TheOriginalDriversSurviveACrashOfTheAgent) {
  lab here{"page-machine"};
  ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value());
  here.start();
  ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value());
  here.start();
  ASSERT_TRUE(here.devices->unbind(here.at(gtx).id).has_value());
  EXPECT_EQ(here.driver(gtx), "nouveau");
  EXPECT_EQ(here.driver(gtx_sound), "snd_hda_intel");
}

TEST(VfioBind, ACrashBetweenUnbindAndProbeIsRepaired) {
  lab here{"page-machine"};
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
  lab here{"page-machine"};
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
  lab here{"page-machine"};
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
  lab here{"page-machine"};
  here.kernel->refuse(std::string{gtx_sound} + "/driver/unbind", EBUSY);
  here.kernel->refuse("nouveau/bind", ENODEV);
  const auto failed = here.devices->bind(here.at(gtx).id);
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message, HasSubstr("not taken back: 0000:41:00.0"));
  EXPECT_THAT(failed.error().message, HasSubstr("now 0000:41:00.0 has no driver"));
}

TEST(VfioBind, AStuckUnbindIsUnknownAndNamesTheProcess) {
  lab here{"page-machine"};
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
  lab here{"page-machine"};
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
  lab here{"l40s-4"};
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
  lab here{"page-machine"};
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
  lab here{"page-machine"};
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
  lab here{"page-machine"};
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
  lab here{"page-machine"};
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
  lab here{"l40s-4"};
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

TEST(DeviceReset, EveryOfferedMethodIsUsedAndTheListPutBack) {
  lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto address = to_string(device.address);
  EXPECT_THAT(device.reset_methods, ElementsAre("flr", "bus", "rescan"));
  here.clean(device);
  for (const auto& method : device.reset_methods) {
    const auto done = here.devices->reset(device.id, method);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    EXPECT_EQ(here.devices->verify(device.id)->reset_method, method);
    EXPECT_THAT(here.kernel->files(address).reset_methods(), ElementsAre("flr", "bus"));
  }
  EXPECT_THAT(here.kernel->resets(),
              ElementsAre(address + " flr", address + " flr", address + " bus"));
  const auto refused = here.devices->reset(device.id, "pm");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::reset_failed);
  EXPECT_THAT(refused.error().message, HasSubstr("it has: flr, bus, rescan"));
}

TEST(DeviceReset, TheBusOfACardOfTwoFunctionsIsResetOnceThroughVfio) {
  lab here{"page-machine"};
  const auto device = here.at(gtx);
  EXPECT_THAT(device.reset_methods, ElementsAre("bus", "rescan"));
  EXPECT_THAT(offered_resets(here.sysfs(), device, {"pm"}, {}), ElementsAre("pm", "bus", "rescan"))
      << "also where the kernel does not list it";
  here.clean(device);
  EXPECT_THAT(here.bus->resets,
              ElementsAre(std::set{device.address, device.companions.at(0).address}));
  EXPECT_THAT(here.kernel->resets(), IsEmpty());
  here.bus->answer = model::fail(errc::reset_failed, "no");
  EXPECT_EQ(here.devices->reset(device.id, "bus").error().message, "no");
}

TEST(DeviceReset, ASharedBusIsNotReset) {
  lab here{"page-machine"};
  const auto stranger = here.sysfs() / "bus/pci/devices/0000:41:1f.0";
  fs::create_directory_symlink(fs::canonical(here.kernel->files("0000:02:00.0").path()), stranger);
  here.scan();
  EXPECT_THAT(here.at(gtx).reset_methods, Not(Contains("bus")));
}

TEST(DeviceReset, AStrangerInTheSlotForbidsRescan) {
  lab here{"page-machine"};
  auto device = here.at(gtx);
  device.companions.clear();
  EXPECT_THAT(offered_resets(here.sysfs(), device, {"flr", "bus"}, {}), ElementsAre("flr"));
  EXPECT_THAT(offered_resets(here.sysfs() / "nowhere", device, {"flr", "bus"}, {}),
              ElementsAre("flr"))
      << "what cannot be read is not safe";
}

TEST(DeviceReset, RescanFindsTheFunctionsAgainAndBindsThem) {
  lab here{"page-machine"};
  const auto device = here.at(gtx);
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  const auto done = here.devices->reset(device.id, "rescan");
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
  EXPECT_EQ(here.driver(gtx_sound), "vfio-pci");
  EXPECT_TRUE(here.devices->verify(device.id)->complete());
  EXPECT_THAT(here.devices->rescanned(), IsEmpty());
  ASSERT_TRUE(here.devices->unbind(device.id).has_value());
  EXPECT_EQ(here.driver(gtx), "nouveau");
}

TEST(DeviceReset, AFunctionThatWasRemovedComesBackWhenTheNextCannotBe) {
  lab here{"page-machine"};
  const auto device = here.at(gtx);
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  here.kernel->refuse(std::string{gtx} + "/remove", EIO); // its sound function went first
  const auto failed = here.devices->reset(device.id, "rescan");
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message, HasSubstr("EIO"));
  EXPECT_EQ(here.driver(gtx_sound), "vfio-pci");
  EXPECT_TRUE(here.devices->verify(device.id)->vfio_bound);
}

TEST(DeviceReset, ADeadDeviceIsNeitherAskedNorRemoved) {
  lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto address = to_string(device.address);
  here.clean(device);
  const auto alive = here.kernel->config(address);
  const auto before = here.kernel->writes().size();
  here.kernel->set_config(address, std::string(256, '\xff'));
  const auto seen = here.devices->verify(device.id);
  ASSERT_TRUE(seen.has_value());
  EXPECT_FALSE(seen->config_readable);
  EXPECT_FALSE(seen->identity_matches);
  for (const auto* method : {"flr", "rescan"}) {
    const auto failed = here.devices->reset(device.id, method);
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code, errc::reset_failed);
    EXPECT_THAT(failed.error().message, HasSubstr("all ones"));
  }
  EXPECT_EQ(here.kernel->writes().size(), before);
  EXPECT_TRUE(here.devices->reset(device.id, "bus").has_value()) << "the bridge does that";
  here.kernel->set_config(address, alive);
  here.clean(device);
}

TEST(DeviceReset, TheKernelsAnswerIsInTheMessage) {
  lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto address = to_string(device.address);
  here.clean(device);
  for (const auto& [error, text] :
       {std::pair{ENOTTY, "ENOTTY"}, {EAGAIN, "EAGAIN"}, {EIO, "EIO"}}) {
    here.kernel->refuse(address + "/reset", error);
    const auto failed = here.devices->reset(device.id, "flr");
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code, errc::reset_failed);
    EXPECT_THAT(failed.error().message, HasSubstr(text));
    EXPECT_THAT(here.kernel->files(address).reset_methods(), ElementsAre("flr", "bus"));
  }
}

TEST(DeviceReset, AListThatClaimsTooMuchIsPutBackAsFarAsItIsTrue) {
  lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto address = to_string(device.address);
  here.kernel->offer_only(address, {"flr"});
  here.clean(device);
  EXPECT_THAT(here.kernel->files(address).reset_methods(), ElementsAre("flr"));
}

TEST(DeviceReset, AnOverdueResetIsUnknownAndPutsItsListBackLater) {
  lab here{"l40s-4"};
  here.limits.reset = std::chrono::milliseconds{50};
  here.start();
  const auto device = here.inventory.front();
  const auto address = to_string(device.address);
  here.clean(device);
  here.kernel->stall(address + "/reset");
  const auto unknown = here.devices->reset(device.id, "flr");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, errc::outcome_unknown);
  EXPECT_EQ(here.devices->verify(device.id).error().code, errc::outcome_unknown);
  here.kernel->release();
  while (!here.devices->verify(device.id))
    std::this_thread::yield();
  EXPECT_THAT(here.kernel->files(address).reset_methods(), ElementsAre("flr", "bus"));
  here.clean(device);
}

TEST(DeviceReset, AListThatACrashLeftNarrowIsPutBack) {
  lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto files = here.kernel->files(to_string(device.address));
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  here.kernel->write(files.path("reset_method"), "bus");
  here.start();
  EXPECT_THAT(here.at(to_string(device.address)).reset_methods,
              ElementsAre("flr", "bus", "rescan"));
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  EXPECT_THAT(files.reset_methods(), ElementsAre("flr", "bus"));
}

TEST(ResetRules, TheFirstThatMatchesFiltersAndOrders) {
  lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto methods = [&](std::vector<reset_rule> rules) {
    return offered_resets(here.sysfs(), device, {"flr", "pm", "bus"}, rules);
  };
  EXPECT_THAT(methods({}), ElementsAre("flr", "pm", "bus", "rescan"));
  EXPECT_THAT(methods({{"10de:26B9", "", {"bus", "flr"}}}), ElementsAre("bus", "flr"));
  EXPECT_THAT(methods({{"1002:*", "", {"pm"}}, {"10de:*", "", {"rescan", "acpi", "bus"}}}),
              ElementsAre("rescan", "bus"));
  EXPECT_THAT(methods({{"*", "h100", {"pm"}}, {"*", "", {"bus"}}}), ElementsAre("bus"));
  here.rules = {{"*", "", {"bus"}}};
  here.start();
  EXPECT_THAT(here.inventory.front().reset_methods, ElementsAre("bus"));
}

TEST(ResetRules, AreCheckedBeforeUse) {
  EXPECT_TRUE(
      check_reset_rules(
          {{"10de:2330", "", {"flr"}}, {"10de:*", "H100", {"bus", "rescan"}}, {"*", "", {"pm"}}})
          .has_value());
  const std::vector<std::pair<reset_rule, std::string>> bad{
      {{"nvidia", "", {"flr"}}, "`nvidia` is none of"},
      {{"10de", "", {"flr"}}, "`10de` is none of"},
      {{"*", "", {}}, "names no method"},
      {{"*", "", {"frl"}}, "did you mean `flr`?"},
      {{"*", "", {"flr", "flr"}}, "names `flr` twice"},
  };
  for (const auto& [rule, message] : bad) {
    const auto checked = check_reset_rules({{"*", "", {"flr"}}, rule});
    ASSERT_FALSE(checked.has_value());
    EXPECT_THAT(checked.error().message, StartsWith("reset rule 2"));
    EXPECT_THAT(checked.error().message, HasSubstr(message));
  }
  const temporary_directory directory;
  EXPECT_FALSE(vfio_devices::open({directory / "devices", {{"x", "", {"flr"}}}}).has_value());
}

TEST(DeviceCheck, EvidenceIsIncompleteWhileAFunctionIsNotOnVfioPci) {
  lab here{"page-machine"};
  const auto device = here.at(gtx);
  here.clean(device);
  here.kernel->write(here.kernel->files(gtx_sound).path("driver") / "unbind", gtx_sound);
  EXPECT_FALSE(here.devices->verify(device.id)->vfio_bound);
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  EXPECT_TRUE(here.devices->verify(device.id)->vfio_bound);
}

TEST(DeviceCheck, IdentityIsReadFromTheDeviceItself) {
  lab here{"page-machine"};
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
  lab here{"page-machine"};
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
  lab here{"l40s-4"};
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
  lab here{"page-machine"};
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
  lab here{"l40s-4"};
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

TEST(VfioDevices, DifferentDevicesDoNotWaitForEachOther) {
  lab here{"l40s-4"};
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
