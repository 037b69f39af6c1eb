#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/device_release.hpp"
#include "tests/hostbackend/fake_lab.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using ::testing::ElementsAre;
using testing::fake_lab;
using testing::gtx;
using testing::gtx_sound;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

model::pci_address at(const std::string& text) {
  return model::pci_address::parse(text).value();
}

/// An agent took the card, and its configuration does not offer it any more.
class Unoffered : public ::testing::Test {
protected:
  void take() { ASSERT_TRUE(here.devices->bind(here.at(gtx).id).has_value()); }
  /// A new life of the agent, with GPUs offered or not.
  void start(bool offered) {
    here.offers.disable_gpu = !offered;
    here.start();
  }
  std::vector<std::string> give_back(const function_users& users = {}) {
    return here.devices->give_back_unoffered(users);
  }
  [[nodiscard]] std::string remembered() const {
    std::ifstream in{here.state_file()};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  void expect_as_before() const {
    EXPECT_EQ(here.driver(gtx), "nouveau");
    EXPECT_EQ(here.driver(gtx_sound), "snd_hda_intel");
    for (const auto* one : {gtx, gtx_sound})
      EXPECT_EQ(here.kernel->files(one).driver_override(), "");
  }
  [[nodiscard]] std::size_t writes() const { return here.kernel->writes().size(); }

  fake_lab here{"page-machine"};
};

TEST_F(Unoffered, GoesBackToItsDriversAndIsForgotten) {
  take();
  start(false);
  EXPECT_TRUE(here.devices->has_unoffered());
  EXPECT_THAT(give_back(), ElementsAre("device 0000:41:00.0, which is not offered, was given back: "
                                       "0000:41:00.0 is on nouveau, 0000:41:00.1 is on "
                                       "snd_hda_intel"));
  expect_as_before();
  EXPECT_THAT(remembered(), Not(HasSubstr("function")));
  EXPECT_THAT(remembered(), HasSubstr("baseline 0000:41:00.0")) << "should it be offered again";
  EXPECT_FALSE(here.devices->has_unoffered());
  const auto before = writes();
  EXPECT_THAT(give_back(), IsEmpty());
  EXPECT_EQ(writes(), before);
  start(true);
  here.clean(here.at(gtx));
}

TEST_F(Unoffered, NotWhileItIsOffered) {
  take();
  start(true);
  EXPECT_FALSE(here.devices->has_unoffered());
  const auto before = writes();
  EXPECT_THAT(give_back(), IsEmpty());
  EXPECT_EQ(writes(), before);
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
}

TEST_F(Unoffered, NothingBeforeTheFirstInventory) {
  take();
  here.stop();
  here.devices =
      vfio_devices::open({.state_file = here.state_file(), .reset_order = {}}, here.tools())
          .value();
  EXPECT_FALSE(here.devices->has_unoffered());
  EXPECT_THAT(give_back(), IsEmpty());
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
}

TEST_F(Unoffered, OnlyWhatWasTakenIsTouched) {
  take();
  start(false);
  const auto before = writes();
  (void)give_back();
  const auto all = here.kernel->writes();
  for (auto write = all.begin() + static_cast<std::ptrdiff_t>(before); write != all.end(); ++write)
    EXPECT_THAT(*write, HasSubstr("0000:41:00.")) << "not the GPU at 05:00.0, which was never ours";
}

TEST_F(Unoffered, ACrashAnywhereInTakingIsUndone) {
  std::size_t steps = 0;
  for (bool whole = false; !whole; ++steps) {
    SCOPED_TRACE(steps);
    start(true);
    here.kernel->die_after(steps);
    whole = here.devices->bind(here.at(gtx).id).has_value();
    here.kernel->live();
    start(false);
    ASSERT_EQ(give_back().size(), 1U);
    expect_as_before();
    EXPECT_THAT(remembered(), Not(HasSubstr("function")));
  }
  EXPECT_GE(steps, 6U) << "three writes for each of two functions";
}

TEST_F(Unoffered, ACrashAnywhereInGivingBackIsRepaired) {
  std::size_t steps = 0;
  for (bool whole = false; !whole; ++steps) {
    SCOPED_TRACE(steps);
    start(true);
    take();
    start(false);
    here.kernel->die_after(steps);
    (void)give_back();
    here.kernel->live();
    whole = !here.devices->has_unoffered();
    EXPECT_EQ(whole, remembered().find("function") == std::string::npos);
    start(false);
    EXPECT_EQ(give_back().size(), whole ? 0U : 1U);
    expect_as_before();
    EXPECT_THAT(remembered(), Not(HasSubstr("function")));
  }
  EXPECT_GE(steps, 6U) << "three writes for each of two functions";
}

TEST_F(Unoffered, ResetMethodsThatACrashLeftNarrowedComeBack) {
  fake_lab l40s{"l40s-4"};
  const auto device = l40s.inventory.front();
  const auto methods = l40s.kernel->files(to_string(device.address)).reset_methods();
  ASSERT_GT(methods.size(), 1U);
  ASSERT_TRUE(l40s.devices->bind(device.id).has_value());
  const auto file = l40s.kernel->files(to_string(device.address)).path("reset_method");
  ASSERT_FALSE(l40s.kernel->write(file, methods.back()));
  l40s.offers.disable_gpu = true;
  l40s.start();
  EXPECT_EQ(l40s.devices->give_back_unoffered({}).size(), 1U);
  EXPECT_EQ(l40s.kernel->files(to_string(device.address)).reset_methods(), methods);
  EXPECT_EQ(l40s.driver(to_string(device.address)), "nvidia");
}

TEST_F(Unoffered, AnOverrideThatTheOperatorHadSetComesBack) {
  here.kernel->write(here.kernel->files(gtx).path("driver_override"), "nouveau");
  take();
  start(false);
  EXPECT_EQ(give_back().size(), 1U);
  EXPECT_EQ(here.kernel->files(gtx).driver_override(), "nouveau");
  EXPECT_EQ(here.driver(gtx), "nouveau");
}

TEST_F(Unoffered, AProcessThatHoldsTheGroupKeepsIt) {
  take();
  const auto group = here.at(gtx).iommu_group;
  start(false);
  here.hold(500, "qemu-system-x86", "/dev/vfio/" + std::to_string(group));
  const auto before = writes();
  for (int i = 0; i < 2; ++i)
    EXPECT_THAT(give_back(), ElementsAre(HasSubstr("was not given back yet: 0000:41:00.0 is in use:"
                                                   " process 500 (qemu-system-x86)")));
  EXPECT_EQ(writes(), before);
  here.let_go(500);
  EXPECT_THAT(give_back(), ElementsAre(HasSubstr("was given back")));
  expect_as_before();
}

TEST_F(Unoffered, AServerThatIsDefinedWithAnyFunctionKeepsIt) {
  take();
  start(false);
  const auto before = writes();
  EXPECT_THAT(give_back({{at(gtx_sound), "berth-db"}}),
              ElementsAre(HasSubstr("libvirt's domain berth-db is defined with 0000:41:00.1")));
  EXPECT_EQ(writes(), before);
  EXPECT_THAT(give_back({{at("0000:05:00.0"), "berth-other"}}),
              ElementsAre(HasSubstr("was given back")));
}

TEST_F(Unoffered, AFailureIsSaidAndTriedAgain) {
  take();
  start(false);
  here.kernel->refuse("nouveau/bind", ENODEV);
  EXPECT_THAT(give_back(), ElementsAre(HasSubstr("now 0000:41:00.0 has no driver")));
  EXPECT_TRUE(here.devices->has_unoffered());
  here.kernel->refuse("nouveau/bind", 0);
  EXPECT_THAT(give_back(), ElementsAre(HasSubstr("was given back")));
  expect_as_before();
}

TEST_F(Unoffered, ACardThatIsAwayIsNotReleasedAndWorksWhenItIsBack) {
  take();
  const auto bridge = here.sysfs() / "bus/pci/devices/0000:40:02.0/pci_bus/0000:41";
  for (const auto* one : {gtx_sound, gtx})
    ASSERT_FALSE(here.kernel->write(here.kernel->files(one).path("remove"), "1"));
  const auto before = remembered();
  start(true); // offered or not, it is not in the inventory
  EXPECT_THAT(give_back(), IsEmpty());
  EXPECT_EQ(remembered(), before) << "its record stays";
  ASSERT_FALSE(here.kernel->write(bridge / "rescan", "1"));
  here.scan();
  EXPECT_THAT(give_back(), IsEmpty());
  here.clean(here.at(gtx));
  start(false);
  EXPECT_EQ(give_back().size(), 1U);
  expect_as_before();
}

TEST_F(Unoffered, ACardThatFellOffTheBusIsNotReleased) {
  take();
  const auto alive = here.kernel->config(gtx);
  here.kernel->set_config(gtx, std::string(alive.size(), '\xff'));
  const auto before = writes();
  start(true);
  EXPECT_TRUE(here.devices->has_unoffered());
  EXPECT_THAT(give_back(), IsEmpty());
  EXPECT_EQ(writes(), before);
  EXPECT_FALSE(here.devices->has_unoffered()) << "it is asked about no more";
  here.kernel->set_config(gtx, alive);
  here.scan();
  here.clean(here.at(gtx));
}

TEST_F(Unoffered, AnotherCardInItsPlaceIsNotTouched) {
  take();
  start(false);
  std::ofstream{here.kernel->files(gtx).path("device")} << "0x1234\n";
  const auto before = writes();
  EXPECT_THAT(give_back(), ElementsAre(HasSubstr("0000:41:00.0 is 10de:1234 now, not 10de:1c82")));
  EXPECT_EQ(writes(), before);
  EXPECT_THAT(remembered(), HasSubstr("function 0000:41:00.0 10de:1c82 nouveau"));
}

TEST_F(Unoffered, ADriverThatAnOperatorChoseMeanwhileStays) {
  take();
  here.kernel->add_driver("nvidia");
  for (const auto& [file, text] : std::vector<std::pair<fs::path, std::string>>{
           {here.kernel->files(gtx).path("driver_override"), "nvidia"},
           {here.kernel->files(gtx).path("driver") / "unbind", gtx},
           {here.sysfs() / "bus/pci/drivers_probe", gtx}})
    ASSERT_FALSE(here.kernel->write(file, text));
  start(false);
  EXPECT_THAT(give_back(), ElementsAre(HasSubstr("0000:41:00.0 is on nvidia, 0000:41:00.1 is on "
                                                 "snd_hda_intel")));
  EXPECT_EQ(here.kernel->files(gtx).driver_override(), "nvidia");
  EXPECT_EQ(here.driver(gtx), "nvidia");
}

TEST_F(Unoffered, TheBootDisplayIsWhenItMayNotBeUsedAnyMore) {
  here.stop();
  std::ofstream{here.kernel->files(gtx).path("boot_vga")} << "1\n";
  const auto open = [this](bool use) {
    here.stop();
    here.devices =
        vfio_devices::open(
            {.state_file = here.state_file(), .reset_order = {}, .use_boot_vga = use}, here.tools())
            .value();
    here.offers.use_boot_vga = use;
    here.scan();
  };
  open(true);
  take();
  open(true);
  EXPECT_FALSE(here.devices->has_unoffered());
  open(false);
  ASSERT_NE(here.at(gtx).unusable_reason, "");
  EXPECT_EQ(give_back().size(), 1U);
  expect_as_before();
}

TEST(TakenDevices, AreAllFunctionsOfASlotFromABaselineToTheNext) {
  EXPECT_THAT(taken_devices({}), IsEmpty());
  remembered_devices what;
  for (const auto* one : {"0000:05:00.0", "0000:41:00.0", "0000:41:00.1", "0000:41:00.4",
                          "0000:41:00.5", "0000:42:00.0", "0001:42:00.1"})
    what.functions.emplace(at(one), kept_function{});
  for (const auto* one : {"0000:41:00.0", "0000:41:00.4"}) // of which the second is virtual
    what.baselines.emplace(at(one), device_baseline{});
  std::vector<std::vector<std::string>> found;
  for (const auto& device : taken_devices(what)) {
    found.emplace_back();
    for (const auto& one : device)
      found.back().push_back(to_string(one.address));
  }
  EXPECT_THAT(found,
              ElementsAre(ElementsAre("0000:05:00.0"), ElementsAre("0000:41:00.0", "0000:41:00.1"),
                          ElementsAre("0000:41:00.4", "0000:41:00.5"), ElementsAre("0000:42:00.0"),
                          ElementsAre("0001:42:00.1")));
}

} // namespace
} // namespace berth::hostbackend::host_linux
