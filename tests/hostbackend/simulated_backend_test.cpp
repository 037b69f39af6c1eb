#include "hostbackend/simulated/simulated_backend.hpp"

#include <malloc.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hostbackend/host_backend_contract.hpp"
#include "tests/hostbackend/manual_timer.hpp"

namespace berth::hostbackend {
namespace testing {

std::unique_ptr<contract_host> make_simulated() {
  class simulated_contract_host : public contract_host {
  public:
    host_backend& backend() override { return backend_; }
    void settle() override { timer_.run_all(); }

  private:
    manual_timer timer_;
    simulated::simulated_backend backend_{
        simulated::make_host(
            "contract", simulated::load_machine(BERTH_SOURCE_DIR "/machines/l40s-4.yaml").value()),
        settings(), timer_, model::random{1}};
    static std::shared_ptr<const simulated::simulated_settings> settings() {
      simulated::simulated_settings what;
      what.hot_plug = true;
      return std::make_shared<simulated::simulated_settings>(std::move(what));
    }
  };
  return std::make_unique<simulated_contract_host>();
}

INSTANTIATE_TEST_SUITE_P(Simulated, HostBackendContract, ::testing::Values(make_simulated));

} // namespace testing

namespace simulated {
namespace {

using testing::manual_timer;
using outcome = model::result<operation_result>;
using ::testing::HasSubstr;

class SimulatedBackend : public ::testing::Test {
protected:
  explicit SimulatedBackend(simulated_settings settings = {})
      : backend_{
            make_host("sim", load_machine(BERTH_SOURCE_DIR "/machines/page-machine.yaml").value()),
            std::make_shared<simulated_settings>(std::move(settings)), timer_, model::random{42}} {
    backend_.on_event([this](backend_event event) { events_.push_back(std::move(event)); });
  }
  std::optional<outcome> perform(operation what, bool run = true) {
    auto slot = std::make_shared<std::optional<outcome>>();
    backend_.perform(std::move(what), [slot](outcome answer) { *slot = std::move(answer); });
    if (run)
      timer_.run_all();
    last_ = slot;
    return *slot;
  }
  model::device_id device(std::size_t index) { return device_id_of(backend_.host(), index); }

  manual_timer timer_;
  simulated_backend backend_;
  std::vector<backend_event> events_;
  std::shared_ptr<std::optional<outcome>> last_;
};

TEST_F(SimulatedBackend, TakesTime) {
  perform(reset_device{device(0), {}}, false);
  timer_.advance(std::chrono::milliseconds{999});
  EXPECT_FALSE(last_->has_value());
  timer_.run_all();
  EXPECT_TRUE(last_->has_value());
  EXPECT_GT(timer_.now(), std::chrono::seconds{1});
}

TEST_F(SimulatedBackend, TheSameDiceGiveTheSameTimes) {
  manual_timer other_timer;
  simulated_backend other{backend_.host(), std::make_shared<simulated_settings>(), other_timer,
                          model::random{42}};
  for (int i = 0; i < 20; ++i) {
    perform(discover{});
    other.perform(discover{}, [](const outcome&) {});
    other_timer.run_all();
    ASSERT_EQ(timer_.now(), other_timer.now());
  }
}

TEST_F(SimulatedBackend, AFaultStrikesAsOftenAsToldAndOnlyItsMethod) {
  backend_.inject({.operation = "reset_device", .method = "pm", .times = 1});
  ASSERT_TRUE(perform(reset_device{device(0), "bus"})->has_value());
  const auto struck = *perform(reset_device{device(0), "pm"});
  ASSERT_FALSE(struck.has_value());
  EXPECT_EQ(struck.error().code, model::errc::reset_failed);
  EXPECT_TRUE(perform(reset_device{device(0), "pm"})->has_value());
}

TEST_F(SimulatedBackend, AStuckOperationAnswersWhenFaultsAreCleared) {
  backend_.inject({.operation = "bind_device", .kind = fault_kind::stuck});
  EXPECT_FALSE(perform(bind_device{device(0)}).has_value());
  const auto stuck = last_;
  EXPECT_TRUE(perform(bind_device{device(0)}).has_value() == false);
  backend_.clear_faults();
  EXPECT_FALSE(stuck->has_value()) << "not inside the call";
  timer_.run_all();
  ASSERT_TRUE(stuck->has_value());
  EXPECT_EQ((*stuck)->error().code, model::errc::outcome_unknown);
  EXPECT_TRUE(perform(bind_device{device(0)})->has_value());
}

TEST_F(SimulatedBackend, AnUnreadableDeviceRecoversByAnotherReset) {
  backend_.inject({.operation = "reset_device", .kind = fault_kind::unreadable, .method = "pm"});
  perform(bind_device{device(0)});
  perform(reset_device{device(0), "pm"});
  auto seen = std::get<device_evidence>(perform(verify_device{device(0)})->value());
  EXPECT_FALSE(seen.config_readable);
  perform(reset_device{device(0), "bus"});
  seen = std::get<device_evidence>(perform(verify_device{device(0)})->value());
  EXPECT_TRUE(seen.complete()) << seen.text();
}

TEST_F(SimulatedBackend, ADeviceThatFallsOffTheBusIsLostAndCanComeBack) {
  backend_.inject({.operation = "reset_device", .kind = fault_kind::off_bus, .times = 1});
  const auto lost = *perform(reset_device{device(0), {}});
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code, model::errc::device_lost);
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(std::get<device_vanished>(events_[0]).device, device(0));
  EXPECT_EQ(std::get<model::host_info>(perform(discover{})->value()).devices.size(), 1U);
  backend_.return_device(device(0));
  EXPECT_EQ(std::get<device_appeared>(events_[1]).device, device(0));
  EXPECT_EQ(std::get<model::host_info>(perform(discover{})->value()).devices.size(), 2U);
}

TEST_F(SimulatedBackend, EvidenceIsIncompleteWhileUnbound) {
  perform(bind_device{device(0)});
  perform(reset_device{device(0), {}});
  EXPECT_TRUE(std::get<device_evidence>(perform(verify_device{device(0)})->value()).complete());
  backend_.power_cycle();
  const auto seen = std::get<device_evidence>(perform(verify_device{device(0)})->value());
  EXPECT_FALSE(seen.complete());
  EXPECT_FALSE(seen.vfio_bound);
}

TEST_F(SimulatedBackend, AnUnknownOutcomeMayOrMayNotHaveHappened) {
  backend_.inject({.operation = "bind_device", .kind = fault_kind::unknown});
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(perform(bind_device{device(0)})->error().code, model::errc::outcome_unknown);
    done +=
        std::get<device_evidence>(perform(verify_device{device(0)})->value()).vfio_bound ? 1 : 0;
    backend_.power_cycle(); // unbinds
  }
  EXPECT_GT(done, 20);
  EXPECT_LT(done, 80);
}

TEST_F(SimulatedBackend, ASlowOperationIsSlow) {
  backend_.inject({.operation = "reset_device", .kind = fault_kind::slow, .factor = 100});
  perform(reset_device{device(0), {}});
  EXPECT_GT(timer_.now(), std::chrono::seconds{100});
}

TEST_F(SimulatedBackend, ACrashedGuestIsReportedAndLetsGo) {
  model::desired_server server;
  server.id = {model::uuid::from_random(1, 1)};
  perform(define_server{server});
  perform(start_server{server});
  backend_.crash_server(server.id, "killed by signal 11");
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(std::get<server_exited>(events_[0]).reason, "killed by signal 11");
}

TEST_F(SimulatedBackend, DestroyingItDropsWhatIsUnderWay) {
  bool answered = false;
  manual_timer timer;
  {
    simulated_backend mortal{backend_.host(), std::make_shared<simulated_settings>(), timer,
                             model::random{1}};
    mortal.perform(discover{}, [&answered](const outcome&) { answered = true; });
  }
  timer.run_all();
  EXPECT_FALSE(answered);
}

/// What glibc has handed out; 0 under a sanitizer's allocator.
std::size_t bytes_in_use() {
  return mallinfo2().uordblks + mallinfo2().hblkhd;
}

TEST(SimulatedHosts, AThousandOfEightGpusFitInAFewKibibytesEach) {
  constexpr std::size_t hosts = 1000;
  manual_timer timer;
  const auto kind = load_machine(BERTH_SOURCE_DIR "/machines/dgx-a100.yaml").value();
  const auto settings = std::make_shared<simulated_settings>();
  const auto before = bytes_in_use();
  std::vector<std::unique_ptr<simulated_backend>> fleet;
  for (std::size_t i = 0; i < hosts; ++i)
    fleet.push_back(std::make_unique<simulated_backend>(make_host("h" + std::to_string(i), kind),
                                                        settings, timer, model::random{i}));
  const auto each = (bytes_in_use() - before) / hosts;
  RecordProperty("bytes_per_host", static_cast<int>(each));
  std::printf("a simulated host of 8 GPUs takes %zu bytes\n", each);
  EXPECT_LT(each, 4096U);
}

TEST(FaultPlan, IsReadFromYamlAndAppliesToItsHostOnly) {
  const auto plan = parse_fault_plan("faults:\n"
                                     "  - {on: bind_device, kind: fail, host: one}\n"
                                     "  - {on: reset_device, kind: slow, factor: 3, times: 2,\n"
                                     "     device: \"41:00.0\", method: flr, probability: 0.5}\n",
                                     "plan.yaml");
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  ASSERT_EQ(plan->size(), 2U);
  EXPECT_EQ((*plan)[1].device, model::pci_address::parse("0000:41:00.0"));
  const auto kind = load_machine(BERTH_SOURCE_DIR "/machines/desktop.yaml").value();
  const auto settings = std::make_shared<simulated_settings>();
  settings->faults = *plan;
  for (const auto& [name, works] : {std::pair{"one", false}, std::pair{"two", true}}) {
    manual_timer timer;
    const auto host = make_host(name, kind);
    simulated_backend backend{host, settings, timer, model::random{1}};
    std::size_t usable = 0;
    while (!kind->devices.at(usable).unusable_reason.empty())
      ++usable;
    std::optional<outcome> answer;
    backend.perform(bind_device{device_id_of(host, usable)},
                    [&answer](outcome got) { answer = std::move(got); });
    timer.run_all();
    EXPECT_EQ(answer->has_value(), works);
  }
}

TEST(FaultPlan, NamesTheLineAndTheNearestKey) {
  const auto plan = parse_fault_plan("faults:\n  - on: bind_device\n    kid: fail\n", "plan.yaml");
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, model::errc::unknown_field);
  EXPECT_THAT(plan.error().message, HasSubstr("plan.yaml:3: "));
  EXPECT_THAT(plan.error().message, HasSubstr("did you mean `kind`?"));
}

} // namespace
} // namespace simulated
} // namespace berth::hostbackend
