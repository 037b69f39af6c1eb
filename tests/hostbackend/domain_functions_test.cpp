#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/domain_functions.hpp"
#include "hostbackend/linux/domain_xml.hpp"
#include "hostbackend/pci_facts.hpp"
#include "hostbackend/simulated/machine.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> functions_in(const std::string& xml) {
  std::vector<std::string> texts;
  const auto functions = passed_functions(xml).value(); // a copy: the result does not outlive this
  for (const auto& address : functions)
    texts.push_back(to_string(address));
  return texts;
}

std::string with(const std::string& devices) {
  return "<domain type='kvm'><name>x</name><devices>" + devices + "</devices></domain>";
}

TEST(DomainFunctions, AreThoseOfOurOwnXml) {
  const auto kind = simulated::load_machine(BERTH_SOURCE_DIR "/machines/page-machine.yaml").value();
  model::desired_server server;
  server.id = {model::uuid::from_random(1, 2)};
  server.spec.edit([](auto& spec) {
    spec.name = "x";
    spec.memory_mib = 64;
  });
  auto device = kind->devices.back();
  device.id = derive_device_id({}, device.vendor_device, device.address);
  server.attachments.push_back({.device = device.id, .epoch = 1});
  EXPECT_THAT(functions_in(domain_xml({}, server, {device}, {}).value()),
              ElementsAre("0000:41:00.0", "0000:41:00.1"));
}

TEST(DomainFunctions, AreReadAsLibvirtAndPeopleWriteThem) {
  EXPECT_THAT(functions_in("<domain/>"), IsEmpty());
  EXPECT_THAT(functions_in(with("<controller type='pci'><address type='pci' domain='0x0000' "
                                "bus='0x01' slot='0x00' function='0x0'/></controller>"
                                "<hostdev type='usb'><source><address bus='1' device='4'/>"
                                "</source></hostdev><hostdev type='mdev'><source>"
                                "<address uuid='x'/></source></hostdev>")),
              IsEmpty());
  EXPECT_THAT(functions_in(with("<disk type='nvme'><source type='pci'><address domain='0x0000' "
                                "bus='0x01' slot='0x00' function='0x0'/></source></disk>"
                                "<interface type='hostdev'><source><address type='pci' "
                                "domain='0x0000' bus='0x23' slot='0x00' function='0x1'/></source>"
                                "</interface>")),
              ElementsAre("0000:01:00.0", "0000:23:00.1"));
  EXPECT_THAT(functions_in(with("<hostdev mode='subsystem' type='pci' managed='yes'><driver/>"
                                "<source><address domain='0x10000' bus='0xe1' slot='0x1f' "
                                "function='0x7'/></source><address type='pci' domain='0x0000' "
                                "bus='0x05' slot='0x00' function='0x0'/></hostdev>"
                                "<hostdev type='pci'><source><address domain='0' bus='65' "
                                "slot='0' function='1'/></source></hostdev>")),
              ElementsAre("0000:41:00.1", "10000:e1:1f.7"));
}

TEST(DomainFunctions, HalfAnAnswerIsNone) {
  const auto hostdev = [](const std::string& address) {
    return with("<hostdev type='pci'><source>" + address + "</source></hostdev>");
  };
  for (const auto& text :
       {std::string{}, std::string{"no xml"}, std::string{"<domain>"}, std::string{"<network/>"},
        with("<hostdev type='pci'/>"), hostdev(""), hostdev("<address/>"),
        hostdev("<address domain='0' bus='256' slot='0' function='0'/>"),
        hostdev("<address domain='0' bus='1' slot='0x20' function='0'/>"),
        hostdev("<address domain='0' bus='1' slot='0' function='8'/>"),
        hostdev("<address domain='0' bus='-1' slot='0' function='0'/>"),
        hostdev("<address domain='0' bus='1 ' slot='0' function='0'/>"),
        hostdev("<address domain='4294967296' bus='1' slot='0' function='0'/>")}) {
    const auto read = passed_functions(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().code, model::errc::invalid_argument);
  }
}

} // namespace
} // namespace berth::hostbackend::host_linux
