#include "sim/replay/log_demand.hpp"

#include <string>

#include <gtest/gtest.h>

#include "model/server.hpp"

namespace berth::sim {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const model::timestamp start{seconds{1'700'000'000}};

/// A log that is written event by event.
class LogDemand : public ::testing::Test {
protected:
  template <class Event> void log(int second, Event event) {
    model::log_record record;
    record.sequence = ++sequence_;
    record.at = start + seconds{second};
    record.what = std::move(event);
    demand_.feed(record);
  }
  static model::server_id id(std::uint64_t number) { return {{1, number}}; }

  void create(int second, std::uint64_t number, const model::server_spec& spec, bool placed) {
    model::server_record server;
    server.id = id(number);
    server.spec = spec;
    server.created_at = start + seconds{second};
    if (placed)
      server.host = model::host_id{{2, 1}};
    log(second, model::server_created{std::move(server), {}});
  }
  static model::server_spec asking(std::int32_t gpus, const std::string& model) {
    model::server_spec spec;
    spec.name = "s";
    spec.vcpus = 4;
    spec.memory_mib = 8192;
    spec.project = "blue";
    spec.devices = {
        {std::nullopt, gpus, {{.model = model, .vendor = {}, .type = {}, .vendor_device = {}}}}};
    return spec;
  }
  demand all() { return std::move(demand_).take(); }

private:
  log_demand demand_;
  model::sequence_number sequence_ = 0;
};

TEST_F(LogDemand, LivesFromThePlaceToTheWishToDelete) {
  log(0, model::controller_started{});
  create(10, 1, asking(2, "H100"), true);
  auto waits = asking(8, "H100");
  waits.wait_for_capacity = hours{2};
  create(20, 2, waits, false);
  log(110, model::server_delete_requested{id(1), {}});
  log(200, model::server_placed{id(2), model::host_id{{2, 1}}, {}, {}});
  log(500, model::server_delete_requested{id(2), {}});
  const auto seen = all();
  EXPECT_EQ(seen.start, start);
  ASSERT_EQ(seen.arrivals.size(), 2U);
  const auto& first = seen.arrivals[0];
  EXPECT_EQ(first.when, seconds{10});
  EXPECT_EQ(first.lifetime, seconds{100});
  EXPECT_EQ(first.patience, seconds{0});
  EXPECT_EQ(first.gpus, 2);
  EXPECT_EQ(first.vcpus, 4U);
  EXPECT_EQ(first.memory_mib, 8192U);
  EXPECT_EQ(seen.names.models.name(first.model), "H100");
  EXPECT_EQ(seen.names.projects.name(first.project), "blue");
  EXPECT_EQ(seen.arrivals[1].lifetime, seconds{300}) << "the wait is none of its life";
  EXPECT_EQ(seen.arrivals[1].patience, hours{2});
}

TEST_F(LogDemand, WishesAreTakenOverAsFarAsAnArrivalHasThem) {
  auto close = asking(4, "H100");
  close.topology.fabric = model::wish::require;
  close.priority = 70;
  create(0, 1, close, true);
  auto tagged = asking(1, "H100");
  tagged.tags.require = {"red"};
  create(1, 2, tagged, true);
  const auto seen = all();
  ASSERT_EQ(seen.arrivals.size(), 2U);
  EXPECT_EQ(seen.arrivals[0].topology.wishes(), close.topology);
  EXPECT_EQ(seen.arrivals[0].priority, 70);
  ASSERT_EQ(seen.report.remarks.size(), 1U);
  EXPECT_EQ(seen.report.remarks[0].find("1 servers asked for certain hosts"), 0U);
}

TEST_F(LogDemand, WhoIsStillThereLivesAsExpectedOrForEver) {
  auto expected = asking(1, "H100");
  expected.lifetime = hours{5};
  create(0, 1, expected, true);
  create(1, 2, asking(1, "H100"), true);
  auto refused = asking(1, "H100");
  create(2, 3, refused, false);
  log(9, model::server_delete_requested{id(3), {}}); // it never had a place
  const auto seen = all();
  EXPECT_EQ(seen.arrivals[0].lifetime, hours{5});
  EXPECT_EQ(seen.arrivals[1].lifetime, endless);
  EXPECT_EQ(seen.arrivals[2].lifetime, endless);
}

TEST_F(LogDemand, WhatASimulationCannotAskForIsLeftOutAndSaid) {
  auto mixed = asking(1, "H100");
  mixed.devices.push_back(asking(1, "L40S").devices[0]);
  create(0, 1, mixed, true);
  auto named = asking(1, "H100");
  named.devices[0].id = model::device_id{{3, 3}};
  create(1, 2, named, true);
  auto card = asking(1, "");
  card.devices[0].alternatives[0].type = model::dev_type::pci;
  create(2, 4, card, true);
  auto choosy = asking(1, "H100");
  choosy.devices[0].alternatives.emplace_back(); // or any
  create(2, 5, choosy, true);
  auto same = asking(1, "H100");
  same.devices.push_back(same.devices[0]); // two wishes of one kind are one
  create(2, 3, same, true);
  const auto seen = all();
  ASSERT_EQ(seen.arrivals.size(), 2U);
  EXPECT_EQ(seen.names.models.name(seen.arrivals[0].model), "");
  EXPECT_EQ(seen.arrivals[1].gpus, 2);
  EXPECT_EQ(seen.report.rows, 5U);
  EXPECT_EQ(seen.report.skipped, 3U);
  ASSERT_EQ(seen.report.reasons.size(), 1U);
  EXPECT_EQ(seen.report.reasons[0].first_lines, (std::vector<std::uint64_t>{1, 2, 3}));
}

} // namespace
} // namespace berth::sim
