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

std::string source(const std::string& attributes) {
  return "<source><address " + attributes + "/></source>";
}

const std::string of_libvirt =
    "<domain type='kvm' id='3'><name>theirs</name><devices>"
    "<controller type='pci' index='1' model='pcie-root-port'>"
    "<address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/></controller>"
    "<hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/>" +
    source("domain='0x0000' bus='0x61' slot='0x1f' function='0x7'") +
    "<alias name='hostdev0'/>"
    "<address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/></hostdev>"
    "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='4'/></source></hostdev>"
    "<interface type='hostdev'>" +
    source("type='pci' domain='0x10000' bus='0x23' slot='0x00' function='0x1'") +
    "</interface></devices></domain>";

TEST(ForeignDomains, TheFunctionsOfTheHostAreReadNotThoseOfTheGuest) {
  EXPECT_THAT(passed_functions(of_libvirt), ElementsAre(at("0000:61:1f.7"), at("10000:23:00.1")));
}

TEST(ForeignDomains, WhatIsNoAddressIsLeftOut) {
  for (const std::string attributes :
       {"", "domain='0' bus='0x100' slot='0' function='0'",
        "domain='0' bus='1' slot='32' function='0'", "domain='0' bus='1' slot='0' function='8'",
        "bus='1' slot='0' function='0'", "domain='-1' bus='1' slot='0' function='0'",
        "domain='0' bus='x' slot='0' function=''"})
    EXPECT_THAT(passed_functions("<domain><devices><hostdev>" + source(attributes) +
                                 "</hostdev></devices></domain>"),
                IsEmpty())
        << attributes;
  for (const std::string text : {"", "no xml", "<devices/>", "<domain/>",
                                 "<domain><hostdev><source><address domain='0' bus='1' slot='0' "
                                 "function='0'/></source></hostdev></domain>"})
    EXPECT_THAT(passed_functions(text), IsEmpty()) << text;
  for (std::size_t size = 0; size < of_libvirt.size(); ++size)
    EXPECT_THAT(passed_functions(of_libvirt.substr(0, size)), IsEmpty()) << "cut after " << size;
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
