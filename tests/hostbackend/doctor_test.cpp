// The doctor's checks, facts in and findings out.
#include <algorithm>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/doctor.hpp"
#include "tests/hostbackend/doctor_rows.hpp"

namespace berth::hostbackend::host_linux {

inline void PrintTo(const finding& one, std::ostream* out) {
  *out << one.check << ' ' << one.subject << ' ' << to_string(one.verdict) << ": " << one.seen;
}

namespace {

using namespace berth::hostbackend::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const finding* find(const std::vector<finding>& findings, std::string_view check,
                    std::string_view subject = {}) {
  const auto found = std::find_if(findings.begin(), findings.end(), [&](const finding& one) {
    return one.check == check && (subject.empty() || one.subject == subject);
  });
  return found == findings.end() ? nullptr : &*found;
}

constexpr auto ok = check_verdict::ok;
constexpr auto problem = check_verdict::problem;

std::vector<row> all_rows() {
  auto rows = kernel_rows();
  for (const auto& more : {service_rows(), subject_rows()})
    rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

std::vector<finding> examined(const std::function<void(doctor_facts&)>& change) {
  auto facts = healthy_host();
  change(facts);
  return examine(facts);
}

std::string lines(const finding& one) {
  std::string text;
  for (const auto& line : one.remedy)
    text += line + "\n";
  return text;
}

TEST(DoctorChecks, EachFactLeadsToItsFinding) {
  for (const auto& row : all_rows()) {
    SCOPED_TRACE(std::string{row.check} + ": " + row.name);
    const auto findings = examined(row.change);
    const auto* one = find(findings, row.check, row.subject);
    ASSERT_NE(one, nullptr);
    EXPECT_EQ(to_string(one->verdict), to_string(row.verdict)) << one->seen;
    EXPECT_THAT(one->seen, HasSubstr(row.seen));
    EXPECT_THAT(lines(*one), HasSubstr(row.remedy));
    EXPECT_EQ(one->kernel, (kernel_arguments{row.add, row.remove}));
  }
}

TEST(DoctorChecks, EveryProblemSaysWhatToDoAndWhatIsFineAsksForNothing) {
  std::vector<std::function<void(doctor_facts&)>> changes;
  for (const auto& row : all_rows())
    changes.push_back(row.change);
  for (const auto& host : doctor_hosts())
    changes.push_back(host.change);
  for (const auto& change : changes)
    for (const auto& one : examined(change)) {
      EXPECT_FALSE(one.seen.empty()) << one.check;
      const bool asks = !one.remedy.empty() || !one.kernel.empty();
      EXPECT_TRUE(asks || one.verdict != problem) << one.check << ": " << one.seen;
      EXPECT_FALSE(asks && one.verdict == ok) << one.check << ": " << one.seen;
    }
}

TEST(DoctorChecks, EveryCheckHasARow) {
  for (const auto& one : examined([](auto&) {})) {
    const auto rows = all_rows();
    EXPECT_TRUE(std::any_of(rows.begin(), rows.end(), [&](const row& r) {
      return r.check == one.check && r.verdict != ok;
    })) << one.check;
  }
}

/// What is not known is never fine: without any one of these facts the answer is open, or no.
TEST(DoctorChecks, NoAnswerWithoutTheFacts) {
  const std::vector<std::function<void(doctor_facts&)>> losses{
      [](auto& f) { f.command_line.reset(); },
      [](auto& f) { f.iommu_groups.reset(); },
      [](auto& f) { f.interrupts_remapped.reset(); },
      [](auto& f) { f.modules.reset(); },
      [](auto& f) { f.vfio_node.reset(); },
      [](auto& f) { f.qemu.reset(); },
      [](auto& f) { f.uefi_firmware.reset(); },
      [](auto& f) { f.functions.reset(); },
      [](auto& f) { f.hypervisor->pools["berth"].closed_at.reset(); },
      [](auto& f) {
        f.kvm_node.reset();
        f.cpu.reset();
      },
      blind};
  EXPECT_EQ(diagnose(examined([](auto&) {})), diagnosis::ready);
  for (std::size_t i = 0; i < losses.size(); ++i)
    EXPECT_EQ(diagnose(examined(losses[i])), diagnosis::unknown) << "loss " << i;
}

TEST(DoctorChecks, OneProblemOutweighsWhatIsUnknown) {
  EXPECT_EQ(diagnose(examined([](auto& f) {
              f.functions.reset();
              f.settings.disable_gpu = true;
            })),
            diagnosis::not_ready);
}

TEST(DoctorChecks, OnePoolForBothIsLookedAtOnce) {
  const auto findings = examined([](auto& f) { f.settings.image_pool = f.settings.disk_pool; });
  EXPECT_EQ(std::count_if(findings.begin(), findings.end(),
                          [](const finding& one) { return one.check == "storage_pool"; }),
            1);
}

TEST(DoctorChecks, ArgumentsAreCollectedOnce) {
  const auto wanted = wanted_kernel_arguments(examined(untouched));
  EXPECT_THAT(wanted.add, ElementsAre("intel_iommu=on", "iommu=pt", "rdblacklist=nouveau",
                                      "nouveau.modeset=0"));
  EXPECT_THAT(wanted.remove, IsEmpty());
}

TEST(DoctorFacts, InterruptsOfARemappingMachine) {
  EXPECT_EQ(interrupts_are_remapped("           CPU0       CPU1\n"
                                    "  0:        125          0  IR-IO-APIC   2-edge      timer\n"
                                    " 24:          0          0  DMAR-MSI   0-edge      dmar0\n"
                                    "NMI:          0          0   Non-maskable interrupts\n"),
            true);
  EXPECT_EQ(interrupts_are_remapped("            CPU0\n"
                                    " 130:  5  IR-PCI-MSIX-0000:01:00.0   0-edge  nvme0q0\n"),
            true);
}

TEST(DoctorFacts, InterruptsThatAreNotRemapped) {
  EXPECT_EQ(interrupts_are_remapped("           CPU0       CPU1\n"
                                    "  1:          9          0   IO-APIC   1-edge      IR-remote\n"
                                    " 25:          0          1   PCI-MSI 503-edge      IR-PCI\n"),
            false)
      << "a device's name is no controller";
}

TEST(DoctorFacts, InterruptsThatTellNothing) {
  for (const std::string& text :
       {std::string{}, std::string{"CPU0\nNMI: 0 Non-maskable interrupts\n"},
        std::string{" 24:  0  GICv3  27 Level  arch_timer\n 80: 0 ITS-MSI 1 Edge nvme\n"},
        std::string{"\0\xff IR-PCI-MSI", 14}, std::string(100'000, ':'),
        std::string{"IR-PCI-MSI\n24:\n25: IR\n"}})
    EXPECT_EQ(interrupts_are_remapped(text), std::nullopt) << text.substr(0, 40);
}

TEST(DoctorFacts, RightsOfQemu) {
  EXPECT_TRUE(open_to_qemu({true, 0666, 0, 0}, 06));
  EXPECT_TRUE(open_to_qemu({true, 0660, 0, 104}, 06)) << "a group of its own";
  EXPECT_TRUE(open_to_qemu({true, 0700, 64'055, 0}, 01)) << "an owner of its own";
  EXPECT_FALSE(open_to_qemu({true, 0660, 0, 0}, 06));
  EXPECT_FALSE(open_to_qemu({true, 0664, 0, 0}, 06));
  EXPECT_FALSE(open_to_qemu({true, 0700, 0, 0}, 01));
}

TEST(DoctorFacts, WordsOfACommandLine) {
  EXPECT_THAT(split_command_line("a b=\"c d\"  e\n"), ElementsAre("a", "b=c d", "e"));
  EXPECT_THAT(split_command_line(" \t\n"), IsEmpty());
  EXPECT_THAT(split_command_line("\"never closed x"), ElementsAre("never closed x"));
}

TEST(DoctorFacts, FilesOfModprobe) {
  std::set<std::string> kept_out;
  read_modprobe_file("# blacklist not-this\n"
                     "blacklist nouveau # remark\n"
                     "  blacklist\tnvidia-drm\n"
                     "install radeon /bin/false\n"
                     "install amdgpu modprobe -i amdgpu\n"
                     "options nouveau modeset=0\n"
                     "blacklist \\\n  i915\n"
                     "blacklist\n\xff\xfe\n",
                     kept_out);
  EXPECT_THAT(kept_out, ElementsAre("i915", "nouveau", "nvidia_drm", "radeon"));
}

} // namespace
} // namespace berth::hostbackend::host_linux
