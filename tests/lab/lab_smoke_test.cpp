// Inside the lab VM: the scanner finds what the topology file says, and the lab does what it
// claims.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hostbackend/allocation_units.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "tests/lab/lab.hpp"
#include "tests/lab/topology.hpp"

namespace berth::lab {
namespace {

using hostbackend::function_facts;
using model::device_info;
using model::pci_address;

bool is_gpu(const lab_function& function) {
  function_facts facts;
  facts.id = function.id;
  facts.class_code = function.class_code;
  return hostbackend::is_gpu(facts);
}

const lab_function* gpu_of(const lab_device& device) {
  const auto& all = device.functions;
  const auto found =
      std::find_if(all.begin(), all.end(), [](const auto& one) { return is_gpu(one); });
  return found == all.end() ? nullptr : &*found;
}

model::result<std::vector<device_info>> scan() {
  const auto functions = hostbackend::host_linux::scan_functions("/sys");
  if (!functions)
    return tl::unexpected<model::failure>{functions.error()};
  return hostbackend::survey(*functions, {},
                             [](const function_facts&) { return hostbackend::device_names{}; });
}

class lab_machine : public ::testing::Test {
protected:
  void SetUp() override {
    BERTH_SKIP_OUTSIDE_THE_LAB();
    auto read = this_topology();
    ASSERT_TRUE(read) << read.error().message;
    topology = std::move(*read);
    auto asked = addresses(true);
    ASSERT_TRUE(asked) << asked.error().message;
    at = std::move(*asked);
  }

  /// The devices that share a group with this one, by the topology, itself included.
  std::vector<const lab_device*> group_of(const lab_device& device) const {
    std::vector<const lab_device*> group;
    for (const auto& one : topology.devices)
      if (!one.absent && (&one == &device || (topology.iommu && !device.group_place.empty() &&
                                              one.group_place == device.group_place)))
        group.push_back(&one);
    return group;
  }

  /// The VM has no display of its own: the kernel takes the topology's one VGA controller for it.
  bool has_the_boot_display(const lab_device& device) const {
    for (const auto* one : group_of(device))
      for (const auto& function : one->functions)
        if (function.class_code == 0x030000)
          return true;
    return false;
  }

  /// What goes along with a GPU: the rest of its card, and with the group's first GPU the cards
  /// without one.
  std::set<std::string> companions_of(const lab_device& device) const {
    std::set<std::string> names;
    for (const auto& one : device.functions)
      if (&one != gpu_of(device))
        names.insert(one.name);
    const auto group = group_of(device);
    pci_address first = at.at(device.name());
    for (const auto* one : group)
      if (gpu_of(*one) != nullptr)
        first = std::min(first, at.at(one->name()));
    if (first == at.at(device.name()))
      for (const auto* one : group)
        if (gpu_of(*one) == nullptr)
          for (const auto& function : one->functions)
            names.insert(function.name);
    return names;
  }

  void expect_as_written(const lab_device& device, const device_info& found) const {
    SCOPED_TRACE(device.name());
    EXPECT_EQ(found.vendor_device, gpu_of(device)->id);
    EXPECT_EQ(found.class_code, gpu_of(device)->class_code);
    EXPECT_EQ(found.numa_node, device.numa_node);
    EXPECT_EQ(found.pcie_root, to_string(at.at(device.root_port)));
    EXPECT_EQ(found.pcie_switch,
              device.inner_switch.empty() ? "" : to_string(at.at(device.inner_switch)));
    EXPECT_EQ(found.iommu_group >= 0, topology.iommu);
    if (!topology.iommu)
      EXPECT_TRUE(found.unusable_reason.starts_with("no IOMMU group")) << found.unusable_reason;
    else if (has_the_boot_display(device))
      EXPECT_NE(found.unusable_reason.find("boot display"), std::string::npos)
          << found.unusable_reason;
    else
      EXPECT_EQ(found.unusable_reason, "");
    std::set<std::string> companions;
    for (const auto& companion : found.companions)
      companions.insert(to_string(companion.address));
    std::set<std::string> expected;
    for (const auto& name : companions_of(device))
      expected.insert(to_string(at.at(name)));
    EXPECT_EQ(companions, expected);
  }

  lab_topology topology;
  std::map<std::string, pci_address> at;
};

TEST_F(lab_machine, ScannerFindsWhatTheTopologySays) {
  const auto found = scan();
  ASSERT_TRUE(found) << found.error().message;
  std::map<pci_address, device_info> by_address;
  for (const auto& one : *found)
    by_address.emplace(one.address, one);
  std::size_t gpus = 0;
  for (const auto& device : topology.devices) {
    if (device.absent || gpu_of(device) == nullptr)
      continue;
    ++gpus;
    const auto one = by_address.find(at.at(gpu_of(device)->name));
    ASSERT_NE(one, by_address.end()) << device.name() << " was not found";
    expect_as_written(device, one->second);
  }
  EXPECT_GT(gpus, 0U);
  EXPECT_EQ(found->size(), gpus) << "the scanner found devices that the topology does not have";
}

TEST_F(lab_machine, GroupsAndUnitsAreThoseOfTheTopology) {
  const auto found = scan();
  ASSERT_TRUE(found) << found.error().message;
  std::map<pci_address, device_info> by_address;
  for (const auto& one : *found)
    by_address.emplace(one.address, one);
  for (const auto& device : topology.devices) {
    if (device.absent || gpu_of(device) == nullptr)
      continue;
    const auto& mine = by_address.at(at.at(gpu_of(device)->name));
    std::size_t gpus_in_group = 0;
    for (const auto* other : group_of(device))
      if (gpu_of(*other) != nullptr) {
        ++gpus_in_group;
        const auto& theirs = by_address.at(at.at(gpu_of(*other)->name));
        EXPECT_EQ(mine.iommu_group, theirs.iommu_group)
            << device.name() << " and " << other->name();
        EXPECT_EQ(mine.allocation_unit, theirs.allocation_unit)
            << device.name() << " and " << other->name();
      }
    EXPECT_EQ(mine.allocation_unit.empty(), gpus_in_group == 1) << device.name();
  }
}

} // namespace
} // namespace berth::lab
