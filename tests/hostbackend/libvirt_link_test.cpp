#include "hostbackend/linux/libvirt_link.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/hostbackend/private_libvirtd.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using ::testing::ElementsAre;

// libvirt's own driver of made-up domains stands for a libvirtd.
TEST(LibvirtLink, GivesUpAConnectionThatCannotBeObservedAndMakesAnother) {
  std::atomic<int> attempts = 0;
  std::mutex guard;
  std::vector<std::string> lost;
  {
    libvirt_link link{{.uri = "test:///default",
                       .call_limit = std::chrono::seconds{30},
                       .retry_interval = std::chrono::milliseconds{1}},
                      {.connected = [&](const connection_handle&) -> model::result<void> {
                         if (++attempts < 3)
                           return model::fail(model::errc::outcome_unknown,
                                              "attempt " + std::to_string(attempts));
                         return {};
                       },
                       .lost =
                           [&](const std::string& why) {
                             const std::scoped_lock hold{guard};
                             lost.push_back(why);
                           },
                       .lifecycle = [](const std::string&, int, int) {},
                       .device_added = [](const std::string&, const std::string&) {},
                       .device_removed = [](const std::string&, const std::string&) {}}};
    EXPECT_TRUE(testing::eventually([&] { return attempts == 3; }));
    EXPECT_TRUE(link.connection() != nullptr);
  }
  EXPECT_EQ(attempts, 3) << "the third is kept";
  EXPECT_THAT(lost, ElementsAre("attempt 1", "attempt 2"));
}

} // namespace
} // namespace berth::hostbackend::host_linux
