#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/host_backend.hpp"

namespace berth::hostbackend::testing {

/// A backend under test with the means to let it work. It has at least one usable device.
class contract_host {
public:
  virtual ~contract_host() = default;
  virtual host_backend& backend() = 0;
  /// Lets everything under way come to its end, guests that boot or do what they were asked
  /// included.
  virtual void settle() = 0;
};

/// What every host_backend promises. Instantiate with a factory:
///   INSTANTIATE_TEST_SUITE_P(Simulated, HostBackendContract, ::testing::Values(make_simulated));
class HostBackendContract : public ::testing::TestWithParam<std::unique_ptr<contract_host> (*)()> {
protected:
  using outcome = model::result<operation_result>;

  void SetUp() override {
    host_ = GetParam()();
    if (host_ == nullptr)
      GTEST_SKIP() << "there is no such host here";
    host_->backend().on_event([this](backend_event event) { events_.push_back(std::move(event)); });
  }

  /// Performs, settles, and checks that exactly one answer came, and not before settling began.
  outcome perform(operation what) {
    int answers = 0;
    bool inside = true;
    outcome result = std::monostate{};
    host_->backend().perform(std::move(what), [&](outcome answer) {
      EXPECT_FALSE(inside) << "answered inside perform()";
      ++answers;
      result = std::move(answer);
    });
    inside = false;
    host_->settle();
    EXPECT_EQ(answers, 1);
    return result;
  }
  /// Performs twice: every operation is idempotent.
  outcome twice(const operation& what) {
    const auto first = perform(what);
    const auto second = perform(what);
    EXPECT_EQ(first.has_value(), second.has_value());
    return second;
  }
  model::host_info inventory() {
    auto result = perform(discover{});
    if (!result)
      throw std::runtime_error{result.error().message};
    return std::get<model::host_info>(*result);
  }
  model::device_info a_device() {
    for (const auto& one : inventory().devices)
      if (one.unusable_reason.empty() && !one.reset_methods.empty())
        return one;
    throw std::runtime_error{"the machine has no usable device"};
  }
  /// One that a running server can take.
  model::device_info a_single_function() {
    for (const auto& one : inventory().devices)
      if (one.unusable_reason.empty() && !one.reset_methods.empty() && one.companions.empty())
        return one;
    throw std::runtime_error{"the machine has no usable device of one function"};
  }
  device_evidence evidence(const model::device_id& device) {
    auto result = perform(verify_device{device});
    return result ? std::get<device_evidence>(*result) : device_evidence{};
  }
  std::optional<listed_server> listed(const model::server_id& server) {
    const auto all = perform(list_servers{});
    EXPECT_TRUE(all.has_value());
    for (const auto& one : std::get<server_listing>(*all).servers)
      if (one.server == server)
        return one;
    return std::nullopt;
  }
  static model::desired_server server_with(std::vector<model::device_id> devices,
                                           std::uint64_t number = 1) {
    model::desired_server server;
    server.id = {model::uuid::from_random(9, number)};
    server.spec.edit([&](auto& spec) { spec.name = "contract-" + std::to_string(number); });
    server.desired_power = model::power::on;
    for (const auto& one : devices)
      server.attachments.push_back({.device = one, .epoch = 1});
    return server;
  }
  void make_clean(const model::device_id& device) {
    ASSERT_TRUE(perform(bind_device{device}).has_value());
    ASSERT_TRUE(perform(reset_device{device, {}}).has_value());
  }

  static std::vector<std::string> described(const std::vector<backend_event>& events) {
    std::vector<std::string> lines;
    for (const auto& event : events)
      if (const auto* gone = std::get_if<device_vanished>(&event))
        lines.push_back("vanished: " + to_string(gone->device) + " " + gone->reason);
      else if (const auto* there = std::get_if<device_appeared>(&event))
        lines.push_back("appeared: " + to_string(there->device));
      else if (const auto* exited = std::get_if<server_exited>(&event))
        lines.push_back("exited: " + to_string(exited->server) + " " + exited->reason);
      else if (const auto* left = std::get_if<device_left>(&event))
        lines.push_back("left: " + to_string(left->device));
    return lines;
  }

  std::unique_ptr<contract_host> host_;
  std::vector<backend_event> events_;
};

TEST_P(HostBackendContract, DiscoverGivesTheSameInventoryEveryTime) {
  const auto first = inventory();
  EXPECT_EQ(first, inventory());
  EXPECT_FALSE(first.id.is_nil());
  EXPECT_TRUE(std::is_sorted(first.devices.begin(), first.devices.end(),
                             [](const auto& a, const auto& b) { return a.address < b.address; }));
}

TEST_P(HostBackendContract, ACleanDeviceHasCompleteEvidence) {
  const auto device = a_device();
  ASSERT_TRUE(twice(bind_device{device.id}).has_value());
  ASSERT_TRUE(twice(reset_device{device.id, {}}).has_value());
  const auto seen = evidence(device.id);
  EXPECT_TRUE(seen.complete()) << seen.text();
  EXPECT_EQ(seen.reset_method, device.reset_methods.front());
  EXPECT_EQ(evidence(device.id), seen) << "looking changes nothing";
}

TEST_P(HostBackendContract, ResetsByTheNamedMethodAndNoOther) {
  const auto device = a_device();
  make_clean(device.id);
  for (const auto& method : device.reset_methods) {
    ASSERT_TRUE(perform(reset_device{device.id, method}).has_value()) << method;
    EXPECT_EQ(evidence(device.id).reset_method, method);
  }
  const auto refused = perform(reset_device{device.id, "no-such-method"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, model::errc::reset_failed);
}

TEST_P(HostBackendContract, AnUnknownDeviceIsRefused) {
  const model::device_id unknown{model::uuid::from_random(7, 7)};
  for (const operation& what : {operation{bind_device{unknown}}, operation{verify_device{unknown}},
                                operation{reset_device{unknown, {}}}})
    EXPECT_FALSE(perform(what).has_value()) << operation_name(what);
}

TEST_P(HostBackendContract, AServerLivesFromDefineToUndefine) {
  const auto device = a_device();
  make_clean(device.id);
  const auto server = server_with({device.id});
  ASSERT_TRUE(twice(define_server{server}).has_value());
  ASSERT_TRUE(listed(server.id).has_value());
  EXPECT_FALSE(listed(server.id)->running);
  ASSERT_TRUE(twice(start_server{server}).has_value());
  EXPECT_TRUE(listed(server.id)->running);
  EXPECT_THAT(listed(server.id)->devices, ::testing::ElementsAre(device.id));
  EXPECT_FALSE(evidence(device.id).group_released);
  ASSERT_TRUE(twice(stop_server{server.id, true}).has_value());
  EXPECT_FALSE(listed(server.id)->running);
  EXPECT_TRUE(evidence(device.id).group_released);
  ASSERT_TRUE(twice(undefine_server{server.id}).has_value());
  EXPECT_FALSE(listed(server.id).has_value());
  EXPECT_THAT(described(events_), ::testing::IsEmpty()) << "nothing happened that nobody asked for";
}

TEST_P(HostBackendContract, AGracefulStopEndsInAnEvent) {
  const auto server = server_with({});
  ASSERT_TRUE(perform(define_server{server}).has_value());
  ASSERT_TRUE(perform(start_server{server}).has_value());
  ASSERT_TRUE(perform(stop_server{server.id, false}).has_value());
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(std::get<server_exited>(events_[0]).server, server.id);
  EXPECT_FALSE(listed(server.id)->running);
}

TEST_P(HostBackendContract, ADeviceOfARunningServerIsNotTouched) {
  const auto device = a_device();
  make_clean(device.id);
  const auto server = server_with({device.id});
  const auto rival = server_with({device.id}, 2);
  ASSERT_TRUE(perform(define_server{server}).has_value());
  ASSERT_TRUE(perform(define_server{rival}).has_value());
  ASSERT_TRUE(perform(start_server{server}).has_value());
  EXPECT_FALSE(perform(start_server{rival}).has_value()) << "one device, one running server";
  EXPECT_FALSE(perform(reset_device{device.id, {}}).has_value());
  EXPECT_FALSE(perform(undefine_server{server.id}).has_value());
  EXPECT_TRUE(listed(server.id)->running);
}

TEST_P(HostBackendContract, ARunningServerTakesADeviceAndGivesItBack) {
  if (!inventory().hot_plug)
    GTEST_SKIP() << "this host plugs nothing into running servers";
  const auto device = a_single_function();
  make_clean(device.id);
  auto server = server_with({});
  ASSERT_TRUE(perform(define_server{server}).has_value());
  EXPECT_TRUE(perform(unplug_device{server.id, device.id}).has_value()) << "it does not have it";
  server.attachments.push_back({.device = device.id, .epoch = 1});
  EXPECT_FALSE(perform(plug_device{server, device.id}).has_value()) << "it is off";
  ASSERT_TRUE(perform(start_server{server}).has_value());
  ASSERT_TRUE(twice(plug_device{server, device.id}).has_value());
  EXPECT_THAT(listed(server.id)->devices, ::testing::ElementsAre(device.id));
  EXPECT_FALSE(evidence(device.id).group_released);
  EXPECT_FALSE(perform(reset_device{device.id, {}}).has_value()) << "a guest has it";
  ASSERT_TRUE(perform(unplug_device{server.id, device.id}).has_value());
  EXPECT_THAT(described(events_), ::testing::ElementsAre("left: " + to_string(device.id)));
  EXPECT_THAT(listed(server.id)->devices, ::testing::IsEmpty());
  EXPECT_TRUE(evidence(device.id).group_released);
  EXPECT_TRUE(perform(unplug_device{server.id, device.id}).has_value()) << "it is gone already";
  EXPECT_TRUE(listed(server.id)->running);
}

TEST_P(HostBackendContract, AnUndefinedServerDoesNotStart) {
  const auto server = server_with({});
  const auto refused = perform(start_server{server});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, model::errc::hypervisor_failed);
  EXPECT_TRUE(perform(stop_server{server.id, true}).has_value()) << "it is off already";
  EXPECT_TRUE(perform(undefine_server{server.id}).has_value()) << "it is gone already";
}

TEST_P(HostBackendContract, EveryOperationUnderWayIsAnsweredOnce) {
  const auto device = a_device();
  std::vector<int> answers(40, 0);
  for (auto& count : answers)
    host_->backend().perform(verify_device{device.id}, [&count](const auto&) { ++count; });
  host_->settle();
  EXPECT_THAT(answers, ::testing::Each(1));
}

} // namespace berth::hostbackend::testing
