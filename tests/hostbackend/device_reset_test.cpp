#include <cerrno>
#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/pci_function_files.hpp"
#include "tests/hostbackend/fake_lab.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::fake_lab;
using testing::gtx;
using testing::gtx_sound;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::temporary_directory;

TEST(DeviceReset, EveryOfferedMethodIsUsedAndTheListPutBack) {
  fake_lab here{"l40s-4"};
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
  fake_lab here{"page-machine"};
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
  fake_lab here{"page-machine"};
  const auto stranger = here.sysfs() / "bus/pci/devices/0000:41:1f.0";
  fs::create_directory_symlink(fs::canonical(here.kernel->files("0000:02:00.0").path()), stranger);
  here.scan();
  EXPECT_THAT(here.at(gtx).reset_methods, Not(Contains("bus")));
}

TEST(DeviceReset, AStrangerInTheSlotForbidsRescan) {
  fake_lab here{"page-machine"};
  auto device = here.at(gtx);
  device.companions.clear();
  EXPECT_THAT(offered_resets(here.sysfs(), device, {"flr", "bus"}, {}), ElementsAre("flr"));
  EXPECT_THAT(offered_resets(here.sysfs() / "nowhere", device, {"flr", "bus"}, {}),
              ElementsAre("flr"))
      << "what cannot be read is not safe";
}

TEST(DeviceReset, RescanFindsTheFunctionsAgainAndBindsThem) {
  fake_lab here{"page-machine"};
  const auto device = here.at(gtx);
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  const auto done = here.devices->reset(device.id, "rescan");
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
  EXPECT_EQ(here.driver(gtx_sound), "vfio-pci");
  EXPECT_TRUE(here.devices->verify(device.id)->complete());
  EXPECT_THAT(here.devices->rescanned(0),
              ElementsAre(device.address, device.companions.front().address))
      << "for a look that began before it";
  EXPECT_THAT(here.devices->rescanned(here.devices->rescans_ended()), IsEmpty());
  ASSERT_TRUE(here.devices->unbind(device.id).has_value());
  EXPECT_EQ(here.driver(gtx), "nouveau");
}

TEST(DeviceReset, AScanInTheMiddleOfARescanMissesNothing) {
  fake_lab here{"page-machine"};
  const auto before = here.inventory;
  const auto device = here.at(gtx);
  ASSERT_TRUE(here.devices->bind(device.id).has_value());
  here.kernel->stall("/rescan");
  std::thread resetting{[&] { EXPECT_TRUE(here.devices->reset(device.id, "rescan").has_value()); }};
  while (fs::exists(here.kernel->files(gtx).path()))
    std::this_thread::yield();
  const auto away = here.devices->rescanned(here.devices->rescans_ended());
  EXPECT_THAT(away, ElementsAre(device.address, device.companions.front().address));
  const auto found = testing::devices_below(here.sysfs());
  EXPECT_LT(found.size(), before.size());
  const auto known = here.devices->update(found, away);
  here.kernel->release();
  resetting.join();
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(*known, before);
  EXPECT_TRUE(here.devices->verify(device.id)->complete());
}

TEST(DeviceReset, AFunctionThatWasRemovedComesBackWhenTheNextCannotBe) {
  fake_lab here{"page-machine"};
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
  fake_lab here{"l40s-4"};
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
  fake_lab here{"l40s-4"};
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
  fake_lab here{"l40s-4"};
  const auto device = here.inventory.front();
  const auto address = to_string(device.address);
  here.kernel->offer_only(address, {"flr"});
  here.clean(device);
  EXPECT_THAT(here.kernel->files(address).reset_methods(), ElementsAre("flr"));
}

TEST(DeviceReset, AnOverdueResetIsUnknownAndPutsItsListBackLater) {
  fake_lab here{"l40s-4"};
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
  fake_lab here{"l40s-4"};
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
  fake_lab here{"l40s-4"};
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

} // namespace
} // namespace berth::hostbackend::host_linux
