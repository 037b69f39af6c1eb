#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/metered_backend.hpp"

namespace berth::actors {
namespace {

using testing::HasSubstr;

/// Answers at once: with what it was told to, and fails when it was told to.
class scripted_backend final : public hostbackend::host_backend {
public:
  void perform(hostbackend::operation what, completion done) override {
    if (broken)
      return done(model::fail(model::errc::busy, "no"));
    if (std::holds_alternative<model::host_operations::discover>(what))
      return done(scanned);
    done(std::monostate{});
  }
  void on_event(std::function<void(hostbackend::backend_event)> listener) override {
    tell = std::move(listener);
  }

  bool broken = false;
  model::host_info scanned;
  std::function<void(hostbackend::backend_event)> tell;
};

class MeteredBackendTest : public ::testing::Test {
protected:
  void SetUp() override {
    model::device_info found;
    found.id = gpu_;
    found.model = "A100";
    found.reset_methods = {"flr", "bus"};
    inner_->scanned.devices = {found};
  }
  void perform(hostbackend::operation what) {
    int answers = 0;
    metered_->perform(std::move(what), [&](const auto&) { ++answers; });
    EXPECT_EQ(answers, 1);
  }
  std::string scrape() const {
    metrics::text_writer out;
    live_.collect(out);
    return out.take();
  }

  const model::device_id gpu_{model::uuid::from_random(0, 1)};
  metrics::registry live_{metrics::process::host};
  std::shared_ptr<scripted_backend> inner_ = std::make_shared<scripted_backend>();
  std::shared_ptr<hostbackend::host_backend> metered_ =
      make_metered_backend(inner_, "gpu-1", live_, [] { return model::timestamp{}; });
};

TEST_F(MeteredBackendTest, CountsResetsThatSucceededByModelAndMethod) {
  perform(model::host_operations::discover{});
  perform(hostbackend::reset_device{gpu_, ""});
  perform(hostbackend::reset_device{gpu_, "bus"});
  perform(hostbackend::reset_device{gpu_, "bus"});
  inner_->broken = true;
  perform(hostbackend::reset_device{gpu_, "flr"});
  const auto text = scrape();
  EXPECT_THAT(text, HasSubstr("berth_device_resets_total{model=\"A100\",method=\"flr\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_device_resets_total{model=\"A100\",method=\"bus\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("berth_device_operations_total{operation=\"reset\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("berth_device_operations_in_progress{operation=\"reset\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_device_operation_failures_total{operation=\"reset\""));
}

TEST_F(MeteredBackendTest, CountsWhatDevicesDoByThemselvesAndPassesItOn) {
  int heard = 0;
  metered_->on_event([&](const auto&) { ++heard; });
  const std::string events = "berth_device_health_events_total{host=\"gpu-1\",kind=";
  EXPECT_THAT(scrape(), HasSubstr(events + "\"vanished\"} 0\n"));
  inner_->tell(model::host_operations::device_vanished{gpu_, "surprise"});
  inner_->tell(model::host_operations::server_exited{});
  EXPECT_EQ(heard, 2);
  const auto text = scrape();
  EXPECT_THAT(text, HasSubstr(events + "\"vanished\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(events + "\"appeared\"} 0\n"));
}

} // namespace
} // namespace berth::actors
