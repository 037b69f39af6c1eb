#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/cluster_metrics.hpp"
#include "control/cluster.hpp"

namespace berth::actors {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr model::timestamp start{seconds{1'000}};

template <class Id> Id id_of(std::uint64_t n) {
  return Id{model::uuid::from_random(0, n)};
}

model::host_record host(std::uint64_t n) {
  model::host_record made;
  made.id = id_of<model::host_id>(n);
  made.name = "gpu-" + std::to_string(n);
  made.created = n;
  return made;
}

model::device_record device(const model::host_record& on) {
  model::device_record made;
  made.info.id = id_of<model::device_id>(1);
  made.info.model = "A100";
  made.host = on.id;
  made.state = model::device_state::in_use;
  made.owner = id_of<model::server_id>(1);
  return made;
}

model::snapshot_server claimant(std::uint64_t n, const model::host_record& on,
                                const model::device_record& of) {
  model::server_record made;
  made.id = id_of<model::server_id>(n);
  made.created = n;
  made.spec.edit([n](model::server_spec& spec) {
    spec.name = "claimant-" + std::to_string(n);
    spec.project = "ml";
  });
  made.status = model::server_status::running;
  made.host = on.id;
  made.attachments = {{of.info.id, n, model::dev_type::gpu_hpc}};
  return {std::move(made), 1};
}

/// What a scrape reads.
class ClusterMetricsTest : public ::testing::Test {
protected:
  static control::cluster core_of(std::vector<model::snapshot_item> items) {
    return {{}, control::cluster_state::from_items(std::move(items)).value(), model::random{1}};
  }
  std::string scrape() const {
    metrics::text_writer out;
    live_.collect(out);
    metrics::collect(*slot_.get(), out);
    return out.take();
  }

  metrics::registry live_{metrics::process::controller};
  metrics::snapshot_slot slot_;
  cluster_metrics observer_{live_, slot_, {}};
};

/// The device's owner is one of them: only the servers' own lists tell of the other.
TEST_F(ClusterMetricsTest, TwoServersThatListOneDeviceAreTwoSeries) {
  const auto here = host(1);
  const auto there = host(2);
  const auto contested = device(here);
  auto core = core_of({model::snapshot_meta{9, 1}, here, there, contested,
                       claimant(1, here, contested), claimant(2, there, contested)});
  observer_.looked(start, core);
  const auto snapshot = slot_.get();
  ASSERT_EQ(snapshot->allocations.size(), 2U);
  EXPECT_EQ(snapshot->allocations[0].device_id, snapshot->allocations[1].device_id);
  EXPECT_NE(snapshot->allocations[0].server_id, snapshot->allocations[1].server_id);
}

TEST_F(ClusterMetricsTest, CountsEveryServerOnceWithDevicesOrWithout) {
  const auto here = host(1);
  const auto owned = device(here);
  model::snapshot_server idle;
  idle.server.id = id_of<model::server_id>(3);
  idle.server.created = 3;
  idle.server.spec.edit([](model::server_spec& spec) { spec.name = "idle"; });
  idle.server.status = model::server_status::sched_fail;
  idle.server.created_at = start - seconds{60};
  auto core = core_of({model::snapshot_meta{9, 1}, here, owned, claimant(1, here, owned), idle});
  observer_.looked(start, core);
  const auto text = scrape();
  EXPECT_THAT(text, HasSubstr("berth_servers{state=\"running\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_servers{state=\"sched_fail\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_requests_pending{reason=\"does_not_fit\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_requests_pending{reason=\"waiting\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_oldest_pending_request_timestamp_seconds 940\n"));
}

TEST_F(ClusterMetricsTest, ServersThatWaitArePendingUntilTheyHaveAPlace) {
  model::snapshot_server waiting;
  waiting.server.id = id_of<model::server_id>(3);
  waiting.server.created = 3;
  waiting.server.spec.edit([](model::server_spec& spec) {
    spec.name = "waiting";
    spec.wait_for_capacity = seconds{3600};
  });
  waiting.server.status = model::server_status::scheduling;
  waiting.server.created_at = start - seconds{100};
  auto refused = waiting;
  refused.server.id = id_of<model::server_id>(4);
  refused.server.created = 4;
  refused.server.spec.edit([](model::server_spec& spec) { spec.name = "refused"; });
  refused.server.status = model::server_status::sched_fail;
  refused.server.created_at = start - seconds{60};
  auto core = core_of({model::snapshot_meta{9, 1}, waiting, refused});
  observer_.looked(start, core);
  const auto text = scrape();
  EXPECT_THAT(text, HasSubstr("berth_requests_pending{reason=\"scheduling\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_requests_pending{reason=\"waiting\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_requests_pending{reason=\"does_not_fit\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_oldest_pending_request_timestamp_seconds 900\n"));
}

TEST_F(ClusterMetricsTest, WaitingIsNoFailureAndItsEndIsMeasured) {
  control::placement_settled waits{1, 2, false, "devices", {}, true};
  observer_.settled(waits);
  observer_.settled({4, 1, true, {}, seconds{90}, false});
  metrics::text_writer out;
  live_.collect(out);
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("berth_scheduling_attempts_total 3\n"));
  EXPECT_THAT(text, HasSubstr("berth_scheduling_failures_total{reason=\"does_not_fit\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_scheduling_filter_rejections_total{filter=\"devices\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_request_wait_seconds_sum{gpus=\"4\"} 90\n"));
}

TEST_F(ClusterMetricsTest, SumsTheTimeThatDevicesAreHeld) {
  const auto here = host(1);
  const auto owned = device(here);
  auto core = core_of({model::snapshot_meta{9, 1}, here, owned, claimant(1, here, owned)});
  const std::string series = "berth_device_allocated_seconds_total{project=\"ml\",model=\"A100\"} ";
  observer_.looked(start, core);
  EXPECT_THAT(scrape(), HasSubstr(series + "0\n"));
  observer_.looked(start + seconds{10}, core);
  EXPECT_THAT(scrape(), HasSubstr(series + "10\n"));
  observer_.looked(start + seconds{5}, core); // a clock that went back takes nothing away
  EXPECT_THAT(scrape(), HasSubstr(series + "10\n"));
}

TEST_F(ClusterMetricsTest, ShowsTheLatestCountOfTheCapacity) {
  auto core = core_of({model::snapshot_meta{9, 1}, host(1)});
  observer_.looked(start, core);
  EXPECT_THAT(scrape(), Not(HasSubstr("berth_placeable_servers{")));
  scheduler::capacity_report report;
  report.shapes = {{{"A100", 4, scheduler::togetherness::fabric}, 7}};
  report.models = {{"A100", {30, 1, 2, 3, 4}, 0.5}};
  observer_.counted(report);
  observer_.looked(start + seconds{1}, core);
  const auto text = scrape();
  EXPECT_THAT(text, HasSubstr("berth_placeable_servers{model=\"A100\",gpus=\"4\","
                              "topology=\"fabric\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("berth_stranded_devices{model=\"A100\",reason=\"unit\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_stranded_devices{model=\"A100\",reason=\"cpu\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("berth_stranded_devices{model=\"A100\",reason=\"memory\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("berth_stranded_devices{model=\"A100\",reason=\"storage\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("berth_fragmentation_ratio{model=\"A100\"} 0.5\n"));
}

TEST_F(ClusterMetricsTest, TellsWhenAnInventoryCameAndNothingBeforeThat) {
  auto core = core_of({model::snapshot_meta{9, 1}, host(1)});
  observer_.looked(start, core);
  EXPECT_THAT(scrape(), Not(HasSubstr("berth_inventory_last_success_timestamp_seconds{")));
  (void)core.start(start);
  model::host_info info;
  info.id = host(1).id;
  info.name = host(1).name;
  (void)core.step(start + seconds{1},
                  control::link_opened{control::link_id{1}, model::incarnation_id{}, info});
  (void)core.step(
      start + seconds{7},
      control::host_said{control::link_id{1}, model::link_heartbeat{}, start + seconds{6}});
  observer_.looked(start + seconds{8}, core);
  const auto text = scrape();
  EXPECT_THAT(text,
              HasSubstr("berth_inventory_last_success_timestamp_seconds{host=\"gpu-1\"} 1001\n"));
  EXPECT_THAT(text, HasSubstr("berth_agent_last_seen_timestamp_seconds{host=\"gpu-1\"} 1006\n"));
}

} // namespace
} // namespace berth::actors
