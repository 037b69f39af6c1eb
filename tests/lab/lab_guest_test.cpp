// Inside the lab VM: a guest with a passed-through device sees it, and plugging reaches the kernel
// and libvirt. Needs the topology dgx-mini.topo.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/lab/lab.hpp"

namespace berth::lab {
namespace {

bool present(const model::pci_address& address) {
  return std::filesystem::exists("/sys/bus/pci/devices/" + to_string(address));
}

class lab_guest : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    if (!inside())
      return;
    libvirt = std::make_unique<libvirt_daemon>();
    const auto started = libvirt->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  static void TearDownTestSuite() { libvirt.reset(); }

  void SetUp() override {
    BERTH_SKIP_OUTSIDE_THE_LAB();
    auto asked = addresses(true);
    ASSERT_TRUE(asked) << asked.error().message;
    at = std::move(*asked);
  }
  void TearDown() override {
    if (inside())
      static_cast<void>(virsh({"destroy", "guest"}));
  }

  void start_guest(const std::vector<model::pci_address>& devices) {
    const auto disk = guest_disk("guest");
    ASSERT_TRUE(disk) << disk.error().message;
    std::ofstream{"/tmp/guest.xml"} << guest_xml({.name = "guest", .devices = devices}, *disk);
    const auto created = virsh({"create", "/tmp/guest.xml"}, 120);
    ASSERT_EQ(created.status, 0) << created.output;
    ASSERT_TRUE(console.said("GUEST ready", 120)) << console.text();
  }
  bool guest_lists(const std::string& id) const {
    const auto devices = console.list();
    return devices && std::any_of(devices->begin(), devices->end(), [&](const auto& line) {
             return line.find(id) != std::string::npos;
           });
  }

  static inline std::unique_ptr<libvirt_daemon> libvirt;
  guest_console console{console_socket("guest"), console_log("guest")};
  std::map<std::string, model::pci_address> at;
};

TEST_F(lab_guest, SeesItsDevicesAndObeysThePowerButton) {
  ASSERT_NO_FATAL_FAILURE(start_guest({at.at("gpu0"), at.at("gpu0a"), at.at("edu0")}));
  EXPECT_TRUE(guest_lists(" 10de:2330 class 030200")) << console.text();
  ASSERT_TRUE(console.send('d'));
  EXPECT_TRUE(console.said("GUEST edu-end"));
  EXPECT_NE(console.text().find("dma=ok"), std::string::npos) << console.text();
  const auto asked = virsh({"shutdown", "guest"});
  ASSERT_EQ(asked.status, 0) << asked.output;
  EXPECT_TRUE(eventually([] {
    return virsh({"domstate", "guest"}).status != 0;
  })) << console.text();
}

TEST_F(lab_guest, LosesADeviceThatIsPulledOutAndLives) {
  ASSERT_NO_FATAL_FAILURE(start_guest({at.at("gpu3")}));
  EXPECT_TRUE(guest_lists(" 1002:740f class 038000")) << console.text();
  const auto pulled = surprise("gpu3");
  ASSERT_TRUE(pulled) << pulled.error().message;
  EXPECT_TRUE(eventually([&] { return !present(at.at("gpu3")); }));
  EXPECT_TRUE(eventually([] {
    return virsh({"dumpxml", "guest"}).output.find("<hostdev") == std::string::npos;
  }));
  EXPECT_EQ(virsh({"domstate", "guest"}).output.substr(0, 7), "running");
  const auto plugged = plug("gpu3");
  ASSERT_TRUE(plugged) << plugged.error().message;
  EXPECT_TRUE(eventually([&] { return present(at.at("gpu3")); }));
}

TEST_F(lab_guest, AnEmptySlotTakesACardAndGivesItBack) {
  ASSERT_FALSE(present(at.at("gpu2")));
  const auto plugged = plug("gpu2");
  ASSERT_TRUE(plugged) << plugged.error().message;
  EXPECT_TRUE(eventually([&] { return present(at.at("gpu2")); }));
  const auto asked = unplug("gpu2");
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_TRUE(eventually([&] { return !present(at.at("gpu2")); }));
}

TEST_F(lab_guest, ADeadCardReadsAllOnesUntilItIsAlive) {
  const auto vendor = [&] {
    return run({"setpci", "-s", to_string(at.at("gpu1")), "VENDOR_ID"}).output;
  };
  ASSERT_EQ(vendor(), "10de\n");
  ASSERT_TRUE(dead("gpu1"));
  EXPECT_EQ(vendor(), "ffff\n");
  ASSERT_TRUE(alive("gpu1"));
  EXPECT_EQ(vendor(), "10de\n");
}

} // namespace
} // namespace berth::lab
