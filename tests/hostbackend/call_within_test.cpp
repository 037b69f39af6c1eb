#include <chrono>
#include <future>
#include <memory>

#include <gtest/gtest.h>

#include "hostbackend/linux/call_within.hpp"

namespace berth::hostbackend::host_linux {
namespace {

TEST(CallWithin, GivesTheResultOfACallThatReturnsInTime) {
  EXPECT_EQ(call_within<int>(std::chrono::hours{1}, [] { return 7; }), 7);
}

TEST(CallWithin, LeavesACallThatDoesNotReturnAndKeepsWhatItUsesAlive) {
  auto gate = std::make_shared<std::promise<void>>();
  auto done = std::make_shared<std::promise<int>>();
  auto finished = done->get_future();
  const auto outcome =
      call_within<int>(std::chrono::milliseconds{1}, [opened = gate->get_future().share(), done] {
        opened.wait();
        done->set_value(3);
        return 3;
      });
  EXPECT_FALSE(outcome.has_value());
  done.reset();
  gate->set_value();
  EXPECT_EQ(finished.get(), 3);
}

} // namespace
} // namespace berth::hostbackend::host_linux
