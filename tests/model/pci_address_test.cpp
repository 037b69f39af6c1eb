#include "model/pci_address.hpp"

#include <gtest/gtest.h>

namespace berth::model {
namespace {

TEST(PciAddress, ParsesBothForms) {
  EXPECT_EQ(pci_address::parse("0000:41:00.0"), (pci_address{0, 0x41, 0, 0}));
  EXPECT_EQ(pci_address::parse("41:00.0"), (pci_address{0, 0x41, 0, 0}));
  EXPECT_EQ(pci_address::parse("0001:AF:1f.7"), (pci_address{1, 0xaf, 31, 7}));
}

TEST(PciAddress, TakesWideDomains) {
  const auto vmd = pci_address::parse("10000:01:00.0");
  ASSERT_TRUE(vmd.has_value());
  EXPECT_EQ(vmd->domain, 0x10000U);
  EXPECT_EQ(to_string(*vmd), "10000:01:00.0");
  EXPECT_EQ(short_string(*vmd), "10000:01:00.0");
  EXPECT_EQ(pci_address::parse("ffffffff:ff:1f.7"), (pci_address{0xffffffff, 0xff, 31, 7}));
}

TEST(PciAddress, PrintsLongAndShort) {
  const pci_address address{0, 0x41, 0x0a, 3};
  EXPECT_EQ(to_string(address), "0000:41:0a.3");
  EXPECT_EQ(short_string(address), "41:0a.3");
  EXPECT_EQ(short_string({2, 1, 0, 0}), "0002:01:00.0");
}

TEST(PciAddress, RefusesGarbage) {
  for (const auto* text : {"",
                           "41",
                           "41:00",
                           "41:00.",
                           "41:00.8",
                           "41:20.0",
                           "4g:00.0",
                           "41:00.0 ",
                           " 41:00.0",
                           ":41:00.0",
                           "000:41:00.0",
                           "000000000:41:00.0",
                           "0000-41:00.0",
                           "0000:41-00.0",
                           "0000:41:00,0",
                           "+000:41:00.0",
                           "0x41:00.0",
                           "-1:00.0",
                           "0000:+1:00.0",
                           "0000:41:00.00"}) {
    EXPECT_FALSE(pci_address::parse(text).has_value()) << text;
  }
}

TEST(PciAddress, OrdersByDomainThenBus) {
  EXPECT_LT(*pci_address::parse("0000:ff:1f.7"), *pci_address::parse("0001:00:00.0"));
  EXPECT_LT(*pci_address::parse("05:00.0"), *pci_address::parse("41:00.0"));
}

TEST(VendorDeviceId, RoundTripsAndRefuses) {
  EXPECT_EQ(vendor_device_id::parse("10DE:1c82"), (vendor_device_id{0x10de, 0x1c82}));
  EXPECT_EQ(to_string(vendor_device_id{0x10de, 0x0659}), "10de:0659");
  for (const auto* text : {"", "10de", "10de:1c8", "10de:1c822", "10de-1c82", "10dg:1c82"}) {
    EXPECT_FALSE(vendor_device_id::parse(text).has_value()) << text;
  }
}

} // namespace
} // namespace berth::model
