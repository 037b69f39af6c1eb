#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/pci_names.hpp"
#include "tests/hostbackend/fake_tree.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string named(const pci_names& names, const char* id) {
  const auto got = names.of(model::vendor_device_id::parse(id).value());
  return got.vendor + "|" + got.model;
}

TEST(PciNames, ModelsAreTheBracketedPartAndGpuVendorsAreShort) {
  fake_tree tree;
  tree.put("pci.ids", "# a comment\n"
                      "10de  NVIDIA Corporation\n"
                      "\t1c82  GP107 [GeForce GTX 1050 Ti]\n"
                      "\t\t1043 8613  a board that is not looked at\n"
                      "\t0001  two [first] and [second]\n"
                      "\t0002  no brackets\n"
                      "\t0003  empty []\n"
                      "15b3  Mellanox Technologies\n"
                      "\t1021  MT2910 Family [ConnectX-7]\n");
  const auto names = pci_names::load(tree.top() / "pci.ids");
  ASSERT_TRUE(names.has_value()) << names.error().message;
  EXPECT_EQ(named(*names, "10de:1c82"), "NVIDIA|GeForce GTX 1050 Ti");
  EXPECT_EQ(named(*names, "10de:0001"), "NVIDIA|first] and [second");
  EXPECT_EQ(named(*names, "10de:0002"), "NVIDIA|no brackets");
  EXPECT_EQ(named(*names, "10de:0003"), "NVIDIA|empty []");
  EXPECT_EQ(named(*names, "15b3:1021"), "Mellanox Technologies|ConnectX-7");
  EXPECT_EQ(named(*names, "10de:26b9"), "NVIDIA|Device 26b9");
  EXPECT_EQ(named(*names, "abcd:0001"), "abcd|Device 0001");
}

TEST(PciNames, ADatabaseThatIsAbsentOrBrokenIsAFailureNotTheEnd) {
  fake_tree tree;
  const auto absent = pci_names::load(tree.top() / "none");
  ASSERT_FALSE(absent.has_value());
  EXPECT_THAT(absent.error().message, HasSubstr("install the package pci.ids"));
  for (const std::string& text : {std::string{"10de NVIDIA\nnonsense here\n"},
                                  std::string{"\tno vendor\n"}, std::string(100'000, 'x')}) {
    tree.put("pci.ids", text);
    const auto broken = pci_names::load(tree.top() / "pci.ids");
    ASSERT_FALSE(broken.has_value()) << text.substr(0, 40);
    EXPECT_THAT(broken.error().message,
                MatchesRegex("libpci refuses the database of PCI ids: .*pci.ids, line [0-9]+"));
  }
  tree.put("pci.ids", "10de  NVIDIA Corporation\n");
  EXPECT_TRUE(pci_names::load(tree.top() / "pci.ids").has_value());
}

} // namespace
} // namespace berth::hostbackend::host_linux
