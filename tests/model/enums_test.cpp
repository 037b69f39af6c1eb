#include <gtest/gtest.h>

#include "model/command.hpp"
#include "model/device.hpp"
#include "model/event.hpp"
#include "model/host.hpp"
#include "model/request.hpp"
#include "model/server.hpp"

namespace berth::model {
namespace {

template <class Enum, class Parse> void expect_round_trip(Enum last, Parse parse) {
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    const auto word = to_string(static_cast<Enum>(value));
    EXPECT_FALSE(word.empty());
    EXPECT_NE(word, "invalid");
    ASSERT_TRUE(parse(word).has_value()) << word;
    EXPECT_EQ(static_cast<int>(*parse(word)), value) << word;
  }
  EXPECT_FALSE(parse("").has_value());
  EXPECT_FALSE(parse("nonsense").has_value());
  EXPECT_EQ(to_string(static_cast<Enum>(200)), "invalid");
}

TEST(Topology, EveryWishComesBack) {
  for (const auto numa : {wish::none, wish::prefer, wish::require})
    for (const auto pcie_root : {wish::none, wish::prefer, wish::require})
      for (const auto pcie_switch : {wish::none, wish::prefer, wish::require})
        for (const auto fabric : {wish::none, wish::prefer, wish::require}) {
          const topology_wishes all{numa, pcie_root, pcie_switch, fabric};
          EXPECT_EQ(parse_topology(to_string(all)), all) << to_string(all);
        }
  EXPECT_EQ(to_string(topology_wishes{}), "");
  EXPECT_EQ(to_string(topology_wishes{.numa = wish::require, .fabric = wish::none}),
            "numa=require fabric=none");
  for (const auto* text : {"numa", "=require", "numa=", "numa=most", "cpu=none",
                           "numa=none,fabric=none", "numa=none numa=none", " "})
    EXPECT_FALSE(parse_topology(text)) << text;
}

TEST(Enums, EveryWordComesBack) {
  expect_round_trip(dev_type::pci, parse_dev_type);
  expect_round_trip(device_state::quarantined, parse_device_state);
  expect_round_trip(wish::require, parse_wish);
  expect_round_trip(server_status::unknown, parse_server_status);
  expect_round_trip(firmware::uefi, parse_firmware);
  expect_round_trip(host_status::online, parse_host_status);
  expect_round_trip(server_action::remove, parse_server_action);
}

TEST(Enums, WordsAreThoseOfThePage) {
  EXPECT_EQ(to_string(dev_type::gpu_hpc), "GPU-HPC");
  EXPECT_EQ(to_string(dev_type::gpu_vga), "GPU-VGA");
  EXPECT_EQ(parse_dev_type("gpu-vga"), dev_type::gpu_vga);
  EXPECT_EQ(to_string(device_state::in_use), "in_use");
  EXPECT_EQ(to_string(server_status::sched_fail), "sched_fail");
  EXPECT_EQ(to_string(server_action::remove), "delete");
  EXPECT_EQ(to_string(power::on), "on");
}

TEST(Enums, EventsHaveTheirOwnNames) {
  EXPECT_EQ(event_name(controller_started{}), "controller_started");
  EXPECT_EQ(event_name(server_created{}), "server_created");
  EXPECT_EQ(event_name(device_detached{}), "device_detached");
  EXPECT_EQ(event_name(request_answered{}), "request_answered");
}

TEST(Device, IsOfferableOnlyWhenNothingSpeaksAgainstIt) {
  device_record good;
  good.state = device_state::free;
  EXPECT_TRUE(is_offerable(good));

  auto bad = good;
  bad.enabled = false;
  EXPECT_FALSE(is_offerable(bad)) << "disabled";
  bad = good;
  bad.present = false;
  EXPECT_FALSE(is_offerable(bad)) << "absent";
  bad = good;
  bad.owner = server_id{uuid::from_random(1, 2)};
  EXPECT_FALSE(is_offerable(bad)) << "owned";
  bad = good;
  bad.info.unusable_reason = "boot VGA";
  EXPECT_FALSE(is_offerable(bad)) << "unusable";
  for (int state = 0; state <= static_cast<int>(device_state::quarantined); ++state) {
    bad = good;
    bad.state = static_cast<device_state>(state);
    EXPECT_EQ(is_offerable(bad), bad.state == device_state::free) << to_string(bad.state);
  }
}

} // namespace
} // namespace berth::model
