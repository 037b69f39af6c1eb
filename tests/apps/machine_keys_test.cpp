#include "apps/machine_keys.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/config.hpp"

namespace berth::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MachineKeys, OffersAreIdsAndClasses) {
  const auto offers = parse_offers("15b3:1021, 0108 ,10DE:22A3");
  ASSERT_TRUE(offers) << offers.error().message;
  EXPECT_THAT(offers->ids, ElementsAre(model::vendor_device_id{0x15b3, 0x1021},
                                       model::vendor_device_id{0x10de, 0x22a3}));
  EXPECT_THAT(offers->classes, ElementsAre(0x0108));
  EXPECT_EQ(parse_offers(" "), offered_devices{});
}

TEST(MachineKeys, ResetsKeepTheirOrder) {
  const auto orders = parse_resets("10de:2330 = bus+rescan, 10de:*=flr, *=pm+bus");
  ASSERT_TRUE(orders) << orders.error().message;
  EXPECT_THAT(*orders,
              ElementsAre(reset_order{"10de:2330", {"bus", "rescan"}},
                          reset_order{"10de:*", {"flr"}}, reset_order{"*", {"pm", "bus"}}));
}

TEST(MachineKeys, NetworksAreBridgesOrLibvirts) {
  const auto networks = parse_networks("net0=bridge:br0, nat=network:default");
  ASSERT_TRUE(networks) << networks.error().message;
  EXPECT_THAT(*networks, ElementsAre(named_network{"net0", true, "br0"},
                                     named_network{"nat", false, "default"}));
}

TEST(MachineKeys, AMistakeIsNamedWithWhatWouldBeRight) {
  for (const auto* text : {"15b3:10211", "108", "GPU", ",0108", "0108;0200", "15b3:*"}) {
    const auto offers = parse_offers(text);
    ASSERT_FALSE(offers) << text;
    EXPECT_THAT(offers.error().message, HasSubstr("devices.offer: \"")) << text;
  }
  for (const auto* text : {"10de:2330", "=bus", "10de=bus", "*=", "*=bus+", "*=+bus", "10de:*"}) {
    const auto orders = parse_resets(text);
    ASSERT_FALSE(orders) << text;
    EXPECT_THAT(orders.error().message, HasSubstr("DEVICES=METHOD+METHOD")) << text;
  }
  for (const auto* text : {"br0", "net0=br0", "=bridge:br0", "net0=bridge:", "net0=vlan:7",
                           "net0=bridge:a b", "net0=bridge:<x>", "a=bridge:b,a=bridge:c"}) {
    const auto networks = parse_networks(text);
    ASSERT_FALSE(networks) << text;
    EXPECT_THAT(networks.error().message, HasSubstr("net0=bridge:br0")) << text;
  }
}

TEST(MachineKeys, AreCheckedWithTheConfiguration) {
  for (const auto* text :
       {"devices:\n  offer: GPU\n", "devices:\n  resets: flr\n", "servers:\n  networks: br0\n"}) {
    const auto config = parse_host_config(text, "host.yaml");
    ASSERT_FALSE(config) << text;
    EXPECT_THAT(config.error().message, HasSubstr("host.yaml: ")) << text;
  }
}

} // namespace
} // namespace berth::apps
