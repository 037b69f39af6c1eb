#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/device_changes.hpp"
#include "hostbackend/linux/device_watch.hpp"
#include "hostbackend/linux/udev_source.hpp"
#include "hostbackend/pci_facts.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using model::errc;
using model::fail;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

model::device_info device(const char* address, const char* kind = "10de:2330") {
  model::device_info one;
  one.address = model::pci_address::parse(address).value();
  one.vendor_device = model::vendor_device_id::parse(kind).value();
  one.id = derive_device_id(derive_host_id("h"), one.vendor_device, one.address);
  return one;
}

const auto a = device("41:00.0");
const auto b = device("42:00.0");
const auto other_kind = device("43:00.0", "1002:740f");

TEST(CompareDevices, NothingHappenedNothingSaid) {
  EXPECT_THAT(compare_devices({{}}, {{}}), IsEmpty());
  EXPECT_THAT(compare_devices({{a, b}}, {{a, b}}), IsEmpty());
}

TEST(CompareDevices, VanishedAndAppeared) {
  const auto events = compare_devices({{a, b}}, {{b, other_kind}});
  EXPECT_THAT(
      events,
      ElementsAre(backend_event{device_vanished{
                      a.id, "10de:2330 at 0000:41:00.0 is no longer there or no longer offered"}},
                  backend_event{device_appeared{other_kind.id}}));
}

TEST(CompareDevices, AMovedDeviceNamesBothAddresses) {
  const auto c = device("44:00.0");
  const auto events = compare_devices({{a, b}}, {{c}});
  ASSERT_EQ(events.size(), 3U);
  const auto first = std::get<device_vanished>(events[0]);
  EXPECT_EQ(first.device, a.id);
  EXPECT_THAT(first.reason, HasSubstr("0000:41:00.0"));
  EXPECT_THAT(first.reason, HasSubstr("one appeared at 0000:44:00.0"));
  const auto second = std::get<device_vanished>(events[1]);
  EXPECT_EQ(second.device, b.id);
  EXPECT_THAT(second.reason, ::testing::Not(HasSubstr("appeared"))) << "one new, one moved";
  EXPECT_EQ(events[2], backend_event{device_appeared{c.id}});
}

TEST(CompareDevices, ADeviceThatFellOffTheBusSaysSo) {
  const auto events = compare_devices({{a}}, {{}, {a.address}});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_THAT(std::get<device_vanished>(events[0]).reason,
              HasSubstr("0000:41:00.0 fell off the bus"));
}

TEST(CompareDevices, AnotherKindInTheSameSlotIsAnotherDevice) {
  const auto swapped = device("41:00.0", "10de:20b0");
  const auto events = compare_devices({{a}}, {{swapped}});
  EXPECT_EQ(events.size(), 2U);
  EXPECT_NE(a.id, swapped.id);
}

TEST(CompareDevices, ChangedFactsAreLookedAtAgain) {
  auto changed = a;
  changed.unusable_reason = "IOMMU group 7 also holds 0000:41:00.1";
  EXPECT_THAT(compare_devices({{a, b}}, {{changed, b}}),
              ElementsAre(backend_event{device_appeared{a.id}}));
}

/// Hints given by the test.
class fake_source : public change_source {
public:
  void hint(model::result<bool> what) {
    const std::scoped_lock hold{guard_};
    hints_.push_back(std::move(what));
    changed_.notify_all();
  }
  model::result<bool> wait(model::duration limit) override {
    std::unique_lock hold{guard_};
    changed_.wait_for(hold, limit, [this] { return woken_ || !hints_.empty(); });
    woken_ = false;
    model::result<bool> all = !hints_.empty();
    for (auto& one : hints_)
      if (!one)
        all = std::move(one);
    hints_.clear();
    return all;
  }
  void wake() override {
    const std::scoped_lock hold{guard_};
    woken_ = true;
    changed_.notify_all();
  }

private:
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<model::result<bool>> hints_;
  bool woken_ = false;
};

/// A machine whose devices the test sets, and what a watch said of them.
class fake_machine {
public:
  void set(model::result<device_snapshot> now) {
    const std::scoped_lock hold{guard_};
    now_ = std::move(now);
  }
  model::result<device_snapshot> look() {
    std::unique_lock hold{guard_};
    ++looks_;
    changed_.notify_all();
    changed_.wait(hold, [this] { return !stuck_; });
    return now_;
  }
  void stick(bool whether) {
    const std::scoped_lock hold{guard_};
    stuck_ = whether;
    changed_.notify_all();
  }
  void say(std::string what) {
    const std::scoped_lock hold{guard_};
    said_.push_back(std::move(what));
    changed_.notify_all();
  }
  /// What was said so far, once it is at least `count` lines; waits a minute at most.
  std::vector<std::string> said(std::size_t count) {
    std::unique_lock hold{guard_};
    changed_.wait_for(hold, std::chrono::minutes{1}, [&] { return said_.size() >= count; });
    return said_;
  }
  bool looked(int times) {
    std::unique_lock hold{guard_};
    return changed_.wait_for(hold, std::chrono::minutes{1}, [&] { return looks_ >= times; });
  }

  std::set<model::pci_address> away() {
    const std::scoped_lock hold{guard_};
    return away_;
  }
  void take_away(std::set<model::pci_address> functions) {
    const std::scoped_lock hold{guard_};
    away_ = std::move(functions);
  }

private:
  std::mutex guard_;
  std::condition_variable changed_;
  model::result<device_snapshot> now_;
  std::set<model::pci_address> away_;
  std::vector<std::string> said_;
  int looks_ = 0;
  bool stuck_ = false;
};

std::string text_of(const backend_event& event) {
  if (const auto* gone = std::get_if<device_vanished>(&event))
    return "vanished " + to_string(gone->device);
  return "appeared " + to_string(std::get<device_appeared>(event).device);
}

class DeviceWatch : public ::testing::Test {
protected:
  void start(device_snapshot baseline) {
    auto made = std::make_unique<fake_source>();
    source = made.get();
    watch = std::make_unique<device_watch>(
        limits, std::move(baseline),
        device_watch::parts{
            .look = [machine = machine] { return machine->look(); },
            .away = [machine = machine] { return [machine] { return machine->away(); }; },
            .source = std::move(made),
            .on_event = [machine = machine](const auto& event) { machine->say(text_of(event)); },
            .on_problem = [machine = machine](const auto& why) { machine->say(why.message); }});
  }

  watch_limits limits{.settle = std::chrono::milliseconds{1},
                      .period = std::chrono::hours{1},
                      .look = std::chrono::minutes{1}};
  std::shared_ptr<fake_machine> machine = std::make_shared<fake_machine>();
  fake_source* source = nullptr;
  std::unique_ptr<device_watch> watch;
};

TEST_F(DeviceWatch, WhatHappenedBetweenTheScanAndTheWatchIsReported) {
  machine->set(device_snapshot{{b}});
  start({{a}});
  EXPECT_THAT(machine->said(2),
              ElementsAre("vanished " + to_string(a.id), "appeared " + to_string(b.id)));
}

TEST_F(DeviceWatch, AHintLeadsToALookAndEachChangeIsToldOnce) {
  machine->set(device_snapshot{{a}});
  start({{a}});
  ASSERT_TRUE(machine->looked(1));
  machine->set(device_snapshot{{a, b}});
  source->hint(true);
  EXPECT_THAT(machine->said(1), ElementsAre("appeared " + to_string(b.id)));
  source->hint(true);
  ASSERT_TRUE(machine->looked(3));
  machine->set(device_snapshot{{b}});
  source->hint(true);
  EXPECT_THAT(machine->said(2),
              ElementsAre("appeared " + to_string(b.id), "vanished " + to_string(a.id)));
}

TEST_F(DeviceWatch, WithoutHintsThePeriodFindsIt) {
  limits.period = std::chrono::milliseconds{1};
  machine->set(device_snapshot{{a}});
  start({{a}});
  ASSERT_TRUE(machine->looked(3));
  machine->set(device_snapshot{{}});
  EXPECT_THAT(machine->said(1), ElementsAre("vanished " + to_string(a.id)));
}

TEST_F(DeviceWatch, WhatAResetHasOffTheBusIsNoNewsUnlessItStaysAway) {
  machine->set(device_snapshot{{a, b}});
  start({{a, b}});
  ASSERT_TRUE(machine->looked(1));
  machine->take_away({a.address});
  machine->set(device_snapshot{{}});
  source->hint(true);
  EXPECT_THAT(machine->said(1), ElementsAre("vanished " + to_string(b.id)));
  machine->take_away({});
  source->hint(true);
  EXPECT_THAT(machine->said(2),
              ElementsAre("vanished " + to_string(b.id), "vanished " + to_string(a.id)));
}

TEST_F(DeviceWatch, LostHintsAreSaidAndLookedAfter) {
  machine->set(device_snapshot{{a}});
  start({{a}});
  ASSERT_TRUE(machine->looked(1));
  machine->set(device_snapshot{{}});
  source->hint(fail(errc::outcome_unknown, "overflow"));
  EXPECT_THAT(machine->said(2), ElementsAre("vanished " + to_string(a.id), "overflow"));
}

TEST_F(DeviceWatch, AFailedLookTakesNoDeviceAwayAndIsToldOnce) {
  limits.period = std::chrono::milliseconds{1};
  machine->set(fail(errc::not_found, "no sysfs"));
  start({{a}});
  ASSERT_TRUE(machine->looked(4));
  EXPECT_THAT(machine->said(1), ElementsAre("no sysfs"));
  machine->set(device_snapshot{{}});
  EXPECT_THAT(machine->said(2), ElementsAre("no sysfs", "vanished " + to_string(a.id)));
}

TEST_F(DeviceWatch, ALookThatDoesNotEndIsNeverDoubled) {
  limits.period = std::chrono::milliseconds{1};
  limits.look = std::chrono::milliseconds{1};
  machine->set(device_snapshot{{}});
  machine->stick(true);
  start({{a}});
  const auto said = machine->said(2);
  ASSERT_GE(said.size(), 2U);
  EXPECT_THAT(said[0], HasSubstr("does not end"));
  EXPECT_THAT(said[1], HasSubstr("has not ended yet"));
  machine->stick(false);
  ASSERT_TRUE(machine->looked(2)) << "it looks again once the first has ended";
  watch.reset();
}

TEST(UdevSource, OpensWaitsAndIsWoken) {
  auto source = make_udev_source();
  if (!source)
    GTEST_SKIP() << source.error().message;
  (*source)->wake();
  const auto hint = (*source)->wait(std::chrono::hours{1});
  EXPECT_TRUE(hint.has_value()) << hint.error().message;
}

} // namespace
} // namespace berth::hostbackend::host_linux
