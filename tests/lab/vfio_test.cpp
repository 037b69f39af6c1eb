// Runs inside the lab's virtual machine (topology dgx-mini), against a real kernel with emulated
// devices: binding, resetting and checking, and how each goes wrong.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/host_scan.hpp"
#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/vfio_devices.hpp"
#include "tests/lab/lab.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using ::testing::Contains;
using ::testing::HasSubstr;

void shell(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

/// Waits for a state of the machine, at most as long as the kernel waits for a device.
bool eventually(const std::function<bool()>& holds) {
  return lab::eventually(holds, 90);
}

class LabVfio : public ::testing::Test {
protected:
  void SetUp() override {
    BERTH_SKIP_OUTSIDE_THE_LAB();
    shell("modprobe vfio-pci");
    const auto name =
        std::string{"berth-lab-"} + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    state_file_ = fs::temp_directory_path() / name;
    fs::remove(state_file_);
    start();
  }
  void TearDown() override {
    for (const auto& one : inventory_) {
      const auto back = devices_->unbind(one.id);
      EXPECT_TRUE(back.has_value()) << back.error().message;
    }
  }

  /// A new life of the agent, with what is on disk.
  void start(step_limits limits = {}) {
    vfio_options options;
    options.state_file = state_file_;
    device_tools tools;
    tools.limits = limits;
    devices_ = nullptr;
    auto opened = vfio_devices::open(options, tools);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    devices_ = std::move(*opened);
    const auto found = scan_host({.host = derive_host_id("lab"), .host_name = "lab"});
    ASSERT_TRUE(found.has_value()) << found.error().message;
    auto inventory = devices_->update(found->info.devices);
    ASSERT_TRUE(inventory.has_value()) << inventory.error().message;
    inventory_ = std::move(*inventory);
  }
  /// The device that the topology calls `name`.
  model::device_info named(const std::string& name) {
    const auto addresses = lab::addresses().value();
    const auto found = addresses.find(name);
    for (const auto& one : inventory_)
      if (found != addresses.end() && one.address == found->second)
        return one;
    throw std::runtime_error{"the lab has no device " + name};
  }
  static pci_function_files files(const model::pci_address& address) { return {"/sys", address}; }
  void expect_clean(const model::device_info& device) {
    const auto seen = devices_->verify(device.id);
    ASSERT_TRUE(seen.has_value()) << seen.error().message;
    EXPECT_TRUE(seen->complete()) << seen->text();
  }
  /// Bound and reset by its first method.
  void make_clean(const model::device_info& device) {
    shell("udevadm settle"); // its workers look into disks that have just appeared
    const auto bound = devices_->bind(device.id);
    ASSERT_TRUE(bound.has_value()) << bound.error().message;
    const auto reset = devices_->reset(device.id, {});
    ASSERT_TRUE(reset.has_value()) << reset.error().message;
    expect_clean(device);
  }

  fs::path state_file_;
  std::unique_ptr<vfio_devices> devices_;
  std::vector<model::device_info> inventory_;
};

TEST_F(LabVfio, EveryUsableDeviceIsBoundResetByEachMethodAndGivenBack) {
  int usable = 0;
  for (const auto& device : inventory_) {
    if (!device.unusable_reason.empty())
      continue;
    ++usable;
    SCOPED_TRACE(to_string(device.address));
    make_clean(device);
    const auto kernel_methods = files(device.address).reset_methods();
    for (const auto& method : device.reset_methods) {
      const auto done = devices_->reset(device.id, method);
      EXPECT_TRUE(done.has_value()) << method << ": " << done.error().message;
      expect_clean(device);
      if (method != rescan) { // after which the kernel makes its list anew
        EXPECT_EQ(files(device.address).reset_methods(), kernel_methods) << "after " << method;
      }
      std::cout << to_string(device.address) << " " << method << " "
                << (done ? "done" : done.error().message) << "\n";
    }
    ASSERT_TRUE(devices_->unbind(device.id).has_value());
    EXPECT_EQ(files(device.address).driver(), "");
    EXPECT_EQ(files(device.address).driver_override(), "");
    EXPECT_FALSE(devices_->verify(device.id)->vfio_bound);
  }
  EXPECT_GE(usable, 3);
}

TEST_F(LabVfio, AllFunctionsOfACardAreBound) {
  const auto device = named("gpu1");
  ASSERT_FALSE(device.companions.empty());
  make_clean(device);
  for (const auto& one : functions_of(device))
    EXPECT_EQ(files(one.address).driver(), vfio_pci);
}

TEST_F(LabVfio, TheOriginalDriverComesBackAfterACrashOfTheAgent) {
  const auto device = named("gpu1"); // an NVMe drive below its mask
  const auto address = to_string(device.address);
  const auto at = "/sys/bus/pci/devices/" + address;
  shell("modprobe nvme");
  shell("echo nvme > " + at + "/driver_override; echo " + address +
        " > /sys/bus/pci/drivers_probe");
  ASSERT_EQ(files(device.address).driver(), "nvme");
  shell("udevadm settle");
  make_clean(device);
  start();
  ASSERT_TRUE(devices_->bind(device.id).has_value());
  ASSERT_TRUE(devices_->unbind(device.id).has_value());
  EXPECT_EQ(files(device.address).driver(), "nvme");
  EXPECT_EQ(files(device.address).driver_override(), "nvme");
  shell("echo " + address + " > " + at + "/driver/unbind; echo > " + at + "/driver_override");
}

TEST_F(LabVfio, ADeviceThatTheHostUsesIsRefusedWithTheProcessNamed) {
  const auto device = named("gpu1");
  const auto address = to_string(device.address);
  const auto at = "/sys/bus/pci/devices/" + address;
  shell("modprobe nvme");
  shell("echo nvme > " + at + "/driver_override; echo " + address +
        " > /sys/bus/pci/drivers_probe");
  fs::path node;
  ASSERT_TRUE(eventually([&] {
    for (const auto& one : fs::directory_iterator{"/dev"})
      if (one.path().filename().string().starts_with("nvme") && fs::exists(at + "/nvme") &&
          fs::exists(at + "/nvme/" + one.path().filename().string()))
        node = one.path();
    return !node.empty();
  }));
  int open_file = -1;
  ASSERT_TRUE(eventually([&] { // it answers once its queues are set up
    open_file = ::open(node.c_str(), O_RDWR | O_CLOEXEC);
    return open_file >= 0;
  }));
  const auto refused = devices_->bind(device.id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(refused.error().message, HasSubstr(node.string() + " open"));
  EXPECT_EQ(files(device.address).driver(), "nvme");
  ::close(open_file);
  shell("udevadm settle"); // which looks into new disks, too
  make_clean(device);
  ASSERT_TRUE(devices_->unbind(device.id).has_value());
  EXPECT_EQ(files(device.address).driver(), "nvme");
  shell("echo " + address + " > " + at + "/driver/unbind; echo > " + at + "/driver_override");
}

TEST_F(LabVfio, AHeldGroupIsNeitherResetNorUnbound) {
  const auto device = named("gpu0");
  make_clean(device);
  const auto node = "/dev/vfio/" + std::to_string(device.iommu_group);
  int group = -1;
  ASSERT_TRUE(eventually([&] {
    group = ::open(node.c_str(), O_RDWR | O_CLOEXEC);
    return group >= 0;
  }));
  EXPECT_FALSE(devices_->verify(device.id)->group_released);
  for (const auto& refused : {devices_->reset(device.id, {}), devices_->unbind(device.id)}) {
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, HasSubstr("process " + std::to_string(::getpid()) +
                                                   " (lab_vfio_test) has " + node));
  }
  ::close(group);
  ASSERT_TRUE(devices_->reset(device.id, {}).has_value());
  expect_clean(device);
}

TEST_F(LabVfio, ADeadDeviceHasNoEvidenceAndItsResetFailsClearly) {
  const auto device = named("gpu0");
  make_clean(device);
  shell("labctl dead gpu0");
  const auto seen = devices_->verify(device.id);
  ASSERT_TRUE(seen.has_value());
  EXPECT_FALSE(seen->config_readable);
  EXPECT_FALSE(seen->complete());
  for (const auto* method : {"flr", "rescan"}) {
    const auto failed = devices_->reset(device.id, method);
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code, errc::reset_failed);
    EXPECT_THAT(failed.error().message, HasSubstr("all ones"));
  }
  shell("labctl alive gpu0");
  ASSERT_TRUE(devices_->reset(device.id, {}).has_value());
  expect_clean(device);
}

/// Linux saves the registers of the dead function, all ones, and puts them back when it lives
/// again: it answers, with BARs that are nowhere.
TEST_F(LabVfio, ABusResetOfADeadDeviceSpoilsItUntilARescan) {
  const auto device = named("gpu3"); // alone on its bus
  make_clean(device);
  step_limits short_limits;
  short_limits.reset = std::chrono::seconds{1};
  start(short_limits);
  shell("labctl dead gpu3");
  const auto unknown = devices_->reset(device.id, "bus");
  shell("labctl alive gpu3");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, errc::outcome_unknown) << unknown.error().message;
  ASSERT_TRUE(eventually([&] { return devices_->verify(device.id).has_value(); }));
  ASSERT_TRUE(devices_->reset(device.id, "flr").has_value());
  const auto seen = devices_->verify(device.id);
  ASSERT_TRUE(seen.has_value());
  EXPECT_TRUE(seen->identity_matches);
  EXPECT_FALSE(seen->bars_match);
  ASSERT_TRUE(devices_->reset(device.id, "rescan").has_value());
  expect_clean(device);
}

TEST_F(LabVfio, ASlowResetIsUnknownAndLaterFine) {
  const auto device = named("gpu1");
  make_clean(device);
  step_limits short_limits;
  short_limits.reset = std::chrono::milliseconds{500};
  short_limits.look = std::chrono::milliseconds{500};
  start(short_limits);
  const auto kernel_methods = files(device.address).reset_methods();
  shell("labctl slowreset gpu1 4000");
  const auto unknown = devices_->reset(device.id, "flr");
  shell("labctl slowreset gpu1 0");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, errc::outcome_unknown) << unknown.error().message;
  const auto meanwhile = devices_->verify(device.id);
  ASSERT_FALSE(meanwhile.has_value());
  EXPECT_EQ(meanwhile.error().code, errc::outcome_unknown);
  EXPECT_THAT(meanwhile.error().message, HasSubstr("reset by flr"));
  ASSERT_TRUE(eventually([&] { return devices_->verify(device.id).has_value(); }));
  EXPECT_EQ(files(device.address).reset_methods(), kernel_methods);
  ASSERT_TRUE(devices_->reset(device.id, "flr").has_value());
  expect_clean(device);
}

TEST_F(LabVfio, ALinkThatLostLanesIsNoticed) {
  const auto device = named("gpu1");
  shell("labctl link gpu1 5 16 5 16");
  fs::remove(state_file_);
  start();
  make_clean(device);
  shell("labctl link gpu1 5 8 5 16");
  start();
  const auto seen = devices_->verify(device.id);
  ASSERT_TRUE(seen.has_value());
  EXPECT_FALSE(seen->link_matches);
  EXPECT_EQ(named("gpu1").link, (model::pcie_link{5, 16})) << "reported as at baseline";
}

} // namespace
} // namespace berth::hostbackend::host_linux
