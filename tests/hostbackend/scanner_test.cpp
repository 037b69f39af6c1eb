#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"
#include "tests/hostbackend/fake_tree.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* gpu = "pci0000:40/0000:40:01.0/0000:41:00.0";
const fs::path gpu_path = fs::path{"sys/devices"} / gpu;

/// A root port with a GPU below it.
class Scanner : public ::testing::Test {
protected:
  Scanner() {
    tree.function("pci0000:40/0000:40:01.0", "8086:2f02", "060400", 1);
    tree.function(gpu, "10de:2330", "030200", 7);
  }
  void replace(const char* file, const std::string& text) { tree.put(gpu_path / file, text); }
  void remove(const char* file) { fs::remove(tree.top() / (gpu_path / file)); }
  [[nodiscard]] function_facts scanned() const {
    const auto functions = scan_functions(tree.sys());
    if (!functions || functions->size() != 2)
      throw std::runtime_error{"not two functions"};
    return functions->back();
  }

  fake_tree tree;
};

TEST_F(Scanner, ReadsWhatIsThere) {
  replace("numa_node", "1\n");
  replace("max_link_speed", "32.0 GT/s PCIe\n");
  replace("current_link_speed", "2.5 GT/s PCIe\n");
  replace("current_link_width", "16\n");
  replace("reset_method", "flr bus\n");
  replace("sriov_numvfs", "4\n");
  tree.driver(gpu, "nvidia");
  const auto one = scanned();
  EXPECT_EQ(to_string(one.address), "0000:41:00.0");
  EXPECT_EQ(to_string(one.parent.value()), "0000:40:01.0");
  EXPECT_EQ(to_string(one.id), "10de:2330");
  EXPECT_EQ(one.numa_node, 1);
  EXPECT_EQ(one.iommu_group, 7);
  EXPECT_EQ(one.driver, "nvidia");
  EXPECT_EQ(one.link, (model::pcie_link{.generation = 5, .width = 16}));
  EXPECT_THAT(one.reset_methods, ElementsAre("flr", "bus"));
  EXPECT_EQ(one.virtual_functions, 4);
  EXPECT_FALSE(one.off_bus);
  EXPECT_EQ(one.fault, "");
}

TEST_F(Scanner, WhatDoesNotMakeSenseStaysUnknown) {
  for (const char* file : {"numa_node", "current_link_width", "max_link_speed", "sriov_numvfs"})
    replace(file, "many\n");
  replace("resource", "garbage 0x1\n0xzz");
  replace("config", "xyz");
  replace("boot_vga", "11\n");
  tree.make("sys/bus/pci/devices/no-address");
  const auto one = scanned();
  EXPECT_EQ(one.numa_node, -1);
  EXPECT_EQ(one.link, model::pcie_link{});
  EXPECT_EQ(one.virtual_functions, 0);
  EXPECT_THAT(one.bar_sizes, IsEmpty());
  EXPECT_FALSE(one.boot_vga);
  EXPECT_FALSE(one.off_bus);
  EXPECT_EQ(one.fault, "") << "nothing that a decision hangs on";
}

TEST_F(Scanner, NegativeAndHugeNumbersStayUnknown) {
  replace("numa_node", "-7\n");
  replace("current_link_width", "255\n"); // the kernel's answer for a link that is down
  replace("sriov_numvfs", "99999999999999999999\n");
  const auto one = scanned();
  EXPECT_EQ(one.numa_node, -1);
  EXPECT_EQ(one.link.width, 0);
  EXPECT_EQ(one.virtual_functions, 0);
}

TEST_F(Scanner, AFunctionWithoutIdsStaysAMemberOfItsGroup) {
  for (const char* file : {"vendor", "device", "class"}) {
    remove(file);
    const auto one = scanned();
    EXPECT_THAT(one.fault, HasSubstr("cannot be read")) << file;
    EXPECT_EQ(one.iommu_group, 7);
    replace(file, "0x0302\n");
  }
  EXPECT_EQ(scanned().fault, "");
  replace("vendor", "0x10de0\n"); // too long
  EXPECT_THAT(scanned().fault, HasSubstr("cannot be read"));
}

TEST_F(Scanner, AVendorOfAllOnesIsNobody) {
  replace("vendor", "0xffff\n");
  replace("device", "0xffff\n");
  EXPECT_THAT(scanned().fault, HasSubstr("0xffff"));
}

TEST_F(Scanner, AConfigurationSpaceOfAllOnesMeansOffTheBus) {
  replace("config", std::string(256, '\xff'));
  EXPECT_TRUE(scanned().off_bus);
  replace("config", std::string(64, '\xff'));
  EXPECT_TRUE(scanned().off_bus) << "an ordinary user sees 64 bytes";
  replace("config", std::string(4, '\xff') + std::string(60, '\1'));
  EXPECT_FALSE(scanned().off_bus) << "a virtual function has such ids";
  replace("config", std::string(10, '\xff'));
  EXPECT_FALSE(scanned().off_bus) << "a short read says nothing";
}

TEST_F(Scanner, NeitherPipesNorLoopsNorDirectoriesStopIt) {
  for (const char* file : {"vendor", "numa_node"}) {
    const auto path = tree.top() / (gpu_path / file);
    fs::remove(path);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  }
  EXPECT_THAT(scanned().fault, HasSubstr("cannot be read"));
  remove("vendor");
  fs::create_symlink("vendor", tree.top() / (gpu_path / "vendor"));
  EXPECT_THAT(scanned().fault, HasSubstr("cannot be read"));
  remove("vendor");
  tree.make(gpu_path / "vendor");
  EXPECT_THAT(scanned().fault, HasSubstr("cannot be read"));
}

/// Root may read everything; while this lives, we are nobody instead.
class as_nobody {
public:
  as_nobody() : was_root_{geteuid() == 0} { become(65534); }
  ~as_nobody() { become(0); }
  as_nobody(const as_nobody&) = delete;
  as_nobody& operator=(const as_nobody&) = delete;

private:
  void become(uid_t user) const {
    if (was_root_ && seteuid(user) != 0)
      ADD_FAILURE() << "cannot change the user";
  }
  bool was_root_;
};

TEST_F(Scanner, WhatIsForbiddenIsNotTakenForAbsent) {
  fs::permissions(tree.top() / "", fs::perms::all);
  fs::permissions(tree.top() / (gpu_path / "vendor"), fs::perms::none);
  const as_nobody other;
  EXPECT_THAT(scanned().fault, HasSubstr("cannot be read"));
}

TEST_F(Scanner, ALinkThatIsNoneIsAFault) {
  replace("driver", "a file\n");
  EXPECT_THAT(scanned().fault, HasSubstr("cannot read the link"));
  remove("driver");
  remove("iommu_group");
  fs::create_symlink("../seven", tree.top() / (gpu_path / "iommu_group"));
  const auto one = scanned();
  EXPECT_EQ(one.iommu_group, -1);
  EXPECT_THAT(one.fault, HasSubstr("`seven`"));
}

TEST_F(Scanner, AnEntryThatIsNoLinkHasNoKnownPlace) {
  fs::remove(tree.sys() / "bus/pci/devices/0000:41:00.0");
  fs::copy(tree.top() / gpu_path, tree.sys() / "bus/pci/devices/0000:41:00.0",
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  EXPECT_THAT(scanned().fault, HasSubstr("no link into the tree"));
}

TEST_F(Scanner, AnEntryThatPointsIntoItselfIsAFault) {
  const auto entry = tree.sys() / "bus/pci/devices/0000:41:00.0";
  fs::remove(entry);
  fs::create_symlink("0000:41:00.0/0000:41:00.0", entry);
  const auto one = scanned();
  EXPECT_NE(one.fault, "");
  EXPECT_FALSE(one.parent.has_value());
}

TEST_F(Scanner, ATrailingSlashDoesNotMakeAFunctionItsOwnParent) {
  const auto entry = tree.sys() / "bus/pci/devices/0000:41:00.0";
  fs::remove(entry);
  fs::create_symlink("../../../devices/pci0000:40/0000:40:01.0/0000:41:00.0/", entry);
  const auto one = scanned();
  EXPECT_EQ(to_string(one.parent.value()), "0000:40:01.0");
  EXPECT_EQ(one.fault, "");
}

/// The start of a configuration space with one capability.
std::string config_of(std::size_t bytes, char capability, char type) {
  std::string config(bytes, '\0');
  config[0x06] = 0x10;
  config[0x34] = 0x40;
  if (bytes > 0x42) {
    config[0x40] = capability;
    config[0x42] = type;
  }
  return config;
}

class ScannerOfBridges : public ::testing::Test {
protected:
  /// What the second of three bridges, one below the other, is taken for, and the third.
  std::pair<port_kind, port_kind> kinds(const std::string& second, const std::string& third) {
    const std::string at = "pci0000:00/0000:00:01.0";
    fake_tree tree;
    tree.function(at, "8086:2f02", "060400");
    tree.function(at + "/0000:01:00.0", "10b5:8747", "060400");
    tree.function(at + "/0000:01:00.0/0000:02:00.0", "10b5:8747", "060400");
    tree.put("sys/devices/" + at + "/config", config_of(64, 0, 0));
    tree.put("sys/devices/" + at + "/0000:01:00.0/config", second);
    tree.put("sys/devices/" + at + "/0000:01:00.0/0000:02:00.0/config", third);
    const auto all = scan_functions(tree.sys()).value();
    EXPECT_EQ(all.at(0).kind, port_kind::root_port);
    return {all.at(1).kind, all.at(2).kind};
  }
};

TEST_F(ScannerOfBridges, SayWhatTheyAreOrAreGuessedFromTheirPlace) {
  constexpr char express = 0x10;
  const auto unsaid = config_of(64, 0, 0);
  using pair = std::pair<port_kind, port_kind>;
  EXPECT_EQ(kinds(config_of(256, express, 0x52), config_of(256, express, 0x62)),
            pair(port_kind::upstream_port, port_kind::downstream_port));
  EXPECT_EQ(kinds(unsaid, unsaid), pair(port_kind::upstream_port, port_kind::downstream_port));
  EXPECT_EQ(kinds(config_of(256, express, 0x72), unsaid),
            pair(port_kind::bridge, port_kind::bridge))
      << "PCI Express to PCI, and what is below it";
  EXPECT_EQ(kinds(config_of(256, 0x01, 0), unsaid), pair(port_kind::bridge, port_kind::bridge))
      << "without the capability";
}

TEST(ScannerOfNothing, ADirectoryWithoutPciIsAnError) {
  const temporary_directory directory;
  const auto functions = scan_functions(directory / "nothing");
  ASSERT_FALSE(functions.has_value());
  EXPECT_THAT(functions.error().message, HasSubstr("cannot read"));
}

TEST(ConfigurationSpace, ALoopOfCapabilitiesEnds) {
  std::string config(256, '\0');
  config[0x06] = 0x10;
  config[0x34] = 0x40;
  config[0x40] = 0x01;
  config[0x41] = 0x40; // its own successor
  EXPECT_EQ(port_from_config(config), std::nullopt);
  config[0x41] = 0x48;
  config[0x48] = 0x10;
  config[0x4a] = 0x42;
  EXPECT_EQ(port_from_config(config), port_kind::root_port);
  EXPECT_EQ(port_from_config(config.substr(0, 0x4a)), std::nullopt) << "cut off";
  EXPECT_EQ(port_from_config(std::string(256, '\xff')), std::nullopt);
}

TEST(BarSizes, OnlyMemoryCountsAndGarbageEnds) {
  EXPECT_THAT(bar_sizes("0x1000 0x1fff 0x40200\n0xe000 0xe07f 0x40101\n0x0 0x0 0x0\n"
                        "0x10000 0x1ffff 0x14220c\n"),
              ElementsAre(4096U, 65536U));
  EXPECT_THAT(bar_sizes("0x1fff 0x1000 0x200\n"), IsEmpty());
  EXPECT_THAT(bar_sizes("0x1000 0x1fff 0x200\nx 0x0 0x0\n0x0 0xfff 0x200"), ElementsAre(4096U));
}

TEST(CountOfList, CountsRangesAndRefusesGarbage) {
  EXPECT_EQ(count_of_list("0"), 1);
  EXPECT_EQ(count_of_list("0-3,8,10-11"), 7);
  for (const char* bad : {"", "-", "3-1", "0-", "x", "0,,1", "0-4294967295", "-5"})
    EXPECT_EQ(count_of_list(bad), std::nullopt) << bad;
}

} // namespace
} // namespace berth::hostbackend::host_linux
