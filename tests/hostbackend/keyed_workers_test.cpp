#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/keyed_workers.hpp"

namespace berth::hostbackend::host_linux {
namespace {

TEST(KeyedWorkers, KeepTheOrderOfOneKey) {
  std::vector<int> order; // touched by one job at a time, as is claimed
  std::promise<void> last;
  keyed_workers workers{4};
  for (int i = 0; i < 1000; ++i)
    workers.run("device", [&order, i] { order.push_back(i); });
  workers.run("device", [&last] { last.set_value(); });
  last.get_future().wait();
  ASSERT_EQ(order.size(), 1000U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(KeyedWorkers, OneStuckKeyDoesNotHoldUpAnother) {
  std::promise<void> gate;
  std::promise<void> passed;
  keyed_workers workers{2};
  workers.run("stuck", [opened = gate.get_future().share()] { opened.wait(); });
  workers.run("stuck", [] {});
  workers.run("other", [&passed] { passed.set_value(); });
  passed.get_future().wait();
  gate.set_value();
}

TEST(KeyedWorkers, NeverRunMoreThanTheirThreads) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> left = 200;
  std::promise<void> done;
  keyed_workers workers{3};
  for (int i = 0; i < 200; ++i)
    workers.run("key-" + std::to_string(i), [&] {
      const int now = ++running;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      --running;
      if (--left == 0)
        done.set_value();
    });
  done.get_future().wait();
  EXPECT_LE(most, 3);
}

TEST(KeyedWorkers, EndWithTheirRunningJobsDoneAndTheOthersDropped) {
  std::promise<void> started;
  std::promise<void> gate;
  std::atomic<bool> finished = false;
  const auto token = std::make_shared<int>(1);
  std::optional<keyed_workers> workers{std::in_place, 1U};
  workers->run("a", [&, opened = gate.get_future().share()] {
    started.set_value();
    opened.wait();
    finished = true;
  });
  for (int i = 0; i < 100; ++i)
    workers->run("b", [token] {});
  started.get_future().wait();
  auto ending = std::async(std::launch::async, [&workers] { workers.reset(); });
  gate.set_value();
  ending.wait();
  EXPECT_TRUE(finished);
  EXPECT_EQ(token.use_count(), 1) << "nothing is left behind";
}

} // namespace
} // namespace berth::hostbackend::host_linux
