#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/foreign_domains.hpp"
#include "hostbackend/pci_facts.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

model::pci_address at(const std::string& text) {
  return model::pci_address::parse(text).value();
}

model::device_info device(const std::string& address, int group,
                          const std::vector<std::string>& companions = {}) {
  model::device_info made;
  made.address = at(address);
  made.vendor_device = {0x10de, 0x2330};
  made.id = derive_device_id(derive_host_id("lab"), made.vendor_device, made.address);
  made.iommu_group = group;
  for (const auto& one : companions)
    made.companions.push_back({.address = at(one), .id = {}, .class_code = 0});
  return made;
}

TEST(ForeignDomains, WhatTheyHoldIsUnusableWithItsGroupAndNothingElseIs) {
  std::vector<model::device_info> devices{device("23:00.0", 19), device("24:00.0", 20, {"24:00.1"}),
                                          device("25:01.0", 21), device("25:02.0", 21),
                                          device("26:00.0", -1)};
  devices[0].unusable_reason = "is the host's boot display";
  mark_foreign({{at("23:00.0"), "theirs"}, {at("24:00.1"), "theirs"}, {at("25:02.0"), "other"}},
               devices);
  EXPECT_EQ(devices[0].unusable_reason, "is the host's boot display");
  EXPECT_THAT(devices[1].unusable_reason, HasSubstr("the domain theirs, which is not berth's"));
  EXPECT_THAT(devices[2].unusable_reason, HasSubstr("the domain other, which is not berth's"));
  EXPECT_THAT(devices[3].unusable_reason, HasSubstr("the domain other, which is not berth's"));
  EXPECT_EQ(devices[4].unusable_reason, "");
}

TEST(ForeignDomains, OnlyDevicesWhoseHolderChangedAreNews) {
  const std::vector<model::device_info> devices{device("23:00.0", 19), device("24:00.0", 20),
                                                device("25:01.0", 21)};
  const foreign_holds before{{at("23:00.0"), "theirs"}, {at("24:00.0"), "theirs"}};
  const foreign_holds after{{at("24:00.0"), "theirs"}, {at("25:01.0"), "other"}};
  EXPECT_THAT(differently_held(devices, before, after), ElementsAre(devices[0].id, devices[2].id));
  EXPECT_THAT(differently_held(devices, after, after), IsEmpty());
}

} // namespace
} // namespace berth::hostbackend::host_linux
