#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/host_doctor.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/sysfs_writer.hpp"

namespace berth::apps {
namespace {

namespace fs = std::filesystem;
namespace simulated = hostbackend::simulated;
using namespace hostbackend::host_linux;
using ::testing::HasSubstr;
using ::testing::Not;

/// A written machine that lacks nothing; a test breaks one thing of it.
class Doctor : public ::testing::Test {
protected:
  Doctor() {
    auto pattern = (fs::temp_directory_path() / "berth-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error{"no temporary directory"};
    root_ = pattern;
  }
  ~Doctor() override {
    if (socket_ >= 0)
      close(socket_);
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream{root_ / path, std::ios::binary} << text;
  }
  /// The functions' drivers are taken off, so that each GPU is free to give.
  void write_machine(const char* table = "DMAR", const char* maker = "GenuineIntel",
                     const std::function<void(simulated::machine&)>& change = {}) {
    auto machine = *simulated::generic_machine(2, "T4").value();
    for (auto& one : machine.functions)
      if (hostbackend::is_gpu(one)) {
        one.driver.clear();
        one.boot_vga = false;
      }
    if (change)
      change(machine);
    const auto written = simulated::write_sysfs(machine, root_ / "sys");
    if (!written)
      throw std::runtime_error{written.error().message};
    put("proc/cpuinfo", std::string{"vendor_id\t: "} + maker + "\nflags\t\t: fpu vmx svm\n");
    put("proc/cmdline", "quiet intel_iommu=on iommu=pt rdblacklist=nouveau nouveau.modeset=0\n");
    put("proc/interrupts", "  24:  0  0  IR-PCI-MSI 524288-edge nvme0q0\n");
    put("proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
    put("proc/meminfo", "MemTotal:       65536 kB\n");
    put(std::string{"sys/firmware/acpi/tables/"} + table, "");
    for (const auto* module : {"vfio", "vfio_iommu_type1", "vfio_pci", "vfio_virqfd"})
      fs::create_directories(root_ / "sys/module" / module);
    fs::create_directories(root_ / "sys/kernel/mm/hugepages");
    put("etc/modules-load.d/berth.conf", "vfio\nvfio_iommu_type1\nvfio-pci\n");
    put("etc/berth/host.yaml", "disable_gpu: false\n");
    for (const auto* path : {"dev/kvm", "dev/vfio/vfio", "usr/bin/qemu-system-x86_64",
                             "usr/share/OVMF/OVMF_CODE_4M.fd"})
      put(path, "");
    fs::permissions(root_ / "dev/vfio/vfio", fs::perms{0666});
    listen_as_libvirt();
  }
  void listen_as_libvirt() {
    fs::create_directories(root_ / "run/libvirt");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = (root_ / "run/libvirt/libvirt-sock").string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(socket_, SOMAXCONN) != 0) // nobody accepts: every look stays in the queue
      throw std::runtime_error{"cannot listen on " + path};
  }

  [[nodiscard]] int doctor(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--root", root_.string()});
    std::ostringstream out;
    std::ostringstream err;
    const int status = run_host_doctor(arguments, out, err);
    text_ = out.str() + err.str();
    return status;
  }
  /// The finding's verdict as the JSON has it.
  [[nodiscard]] std::string verdict(const std::string& check) {
    (void)doctor({"--json"});
    const auto page = nlohmann::json::parse(text_);
    for (const auto& one : page.at("checks"))
      if (one.at("check") == check)
        return one.at("verdict");
    return "no such check";
  }

  fs::path root_;
  std::string text_;

private:
  int socket_ = -1;
};

TEST_F(Doctor, AnIntelMachineThatLacksNothing) {
  write_machine();
  EXPECT_EQ(doctor(), 0) << text_;
  EXPECT_THAT(text_, HasSubstr("GPUs can be passed through.\n"));
  EXPECT_EQ(doctor({"--print-grub"}), 0);
  EXPECT_EQ(text_, "# nothing is missing on the kernel's command line\n");
}

TEST_F(Doctor, TheRealProgramEndsWithTheSameStatus) {
  write_machine();
  const auto run = [this](const std::string& more) {
    const auto command = std::string{BERTH_BINARY_DIR "/bin/berth-host doctor --root "} +
                         root_.string() + " " + more + " >/dev/null 2>&1";
    return WEXITSTATUS(std::system(command.c_str()));
  };
  EXPECT_EQ(run(""), 0);
  EXPECT_EQ(run("--nonsense"), 2);
  put("etc/berth/host.yaml", "disable_gpu: true\n");
  EXPECT_EQ(run("--json"), 1);
  put("etc/berth/host.yaml", "disable_gpu: false\n");
  fs::remove(root_ / "proc/interrupts");
  EXPECT_EQ(run(""), 3);
}

TEST_F(Doctor, IntelWithoutTheArgumentIsToldWhichToAdd) {
  write_machine();
  fs::remove_all(root_ / "sys/kernel/iommu_groups");
  fs::create_directories(root_ / "sys/kernel/iommu_groups");
  put("proc/cmdline", "quiet\n");
  EXPECT_EQ(verdict("iommu_kernel"), "problem");
  EXPECT_EQ(verdict("iommu_groups"), "problem");
  EXPECT_EQ(doctor({"--print-grub"}), 0);
  EXPECT_THAT(text_, ::testing::StartsWith(
                         "intel_iommu=on iommu=pt rdblacklist=nouveau nouveau.modeset=0\n"));
}

TEST_F(Doctor, AmdNeedsNoArgument) {
  write_machine("IVRS", "AuthenticAMD");
  put("proc/cmdline", "iommu=pt nouveau.modeset=0\n");
  EXPECT_EQ(doctor(), 0) << text_;
  EXPECT_EQ(verdict("iommu_kernel"), "ok");
}

TEST_F(Doctor, NoIommuInTheFirmware) {
  write_machine("FACP");
  fs::remove_all(root_ / "sys/kernel/iommu_groups");
  fs::create_directories(root_ / "sys/kernel/iommu_groups");
  EXPECT_EQ(verdict("iommu_firmware"), "problem");
  EXPECT_THAT(text_, HasSubstr("VT-d"));
}

TEST_F(Doctor, InterruptsThatAreNotRemapped) {
  write_machine();
  put("proc/interrupts", "  24:  0  0  PCI-MSI 524288-edge nvme0q0\n");
  EXPECT_EQ(verdict("interrupt_remapping"), "problem");
  put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
  EXPECT_EQ(verdict("interrupt_remapping"), "warning");
}

TEST_F(Doctor, NouveauOnAGpu) {
  write_machine("DMAR", "GenuineIntel", [](auto& machine) {
    for (auto& one : machine.functions)
      if (hostbackend::is_gpu(one))
        one.driver = "nouveau";
  });
  put("proc/cmdline", "intel_iommu=on iommu=pt\n");
  EXPECT_EQ(verdict("nouveau"), "problem");
  EXPECT_EQ(verdict("gpu"), "problem");
  put("lib/modprobe.d/berth.conf", "blacklist \\\n nouveau\n");
  EXPECT_EQ(verdict("nouveau"), "ok");
}

TEST_F(Doctor, TheNvidiaDriverIsAWarning) {
  write_machine("DMAR", "GenuineIntel", [](auto& machine) {
    for (auto& one : machine.functions)
      if (hostbackend::is_gpu(one))
        one.driver = "nvidia";
  });
  EXPECT_EQ(verdict("gpu"), "warning");
  EXPECT_EQ(doctor(), 0);
}

TEST_F(Doctor, AGroupWithAForeignCard) {
  write_machine("DMAR", "GenuineIntel", [](auto& machine) {
    hostbackend::function_facts nic;
    for (const auto& one : machine.functions)
      if (hostbackend::is_gpu(one))
        nic = one;
    nic.address.bus = 0xee;
    nic.parent.reset();
    nic.id = {0x8086, 0x1533};
    nic.class_code = 0x020000;
    nic.driver = "igb";
    machine.functions.push_back(nic);
  });
  EXPECT_EQ(doctor(), 1);
  EXPECT_THAT(text_, HasSubstr("ee:00.0 (Ethernet controller, driver igb)"));
  EXPECT_THAT(text_, HasSubstr("/driver/unbind"));
}

TEST_F(Doctor, EachMissingPieceIsNamed) {
  write_machine();
  fs::remove(root_ / "usr/share/OVMF/OVMF_CODE_4M.fd");
  fs::remove(root_ / "dev/vfio/vfio");
  fs::remove_all(root_ / "sys/module/vfio_pci");
  fs::remove(root_ / "run/libvirt/libvirt-sock");
  for (const auto* check : {"uefi_firmware", "vfio_device_node", "vfio_modules", "libvirt"})
    EXPECT_EQ(verdict(check), "problem") << check;
}

TEST_F(Doctor, WhatCannotBeReadIsNeverFine) {
  EXPECT_EQ(verdict("iommu_groups"), "unknown");
  EXPECT_EQ(verdict("iommu_kernel"), "unknown");
  EXPECT_EQ(verdict("gpus"), "unknown");
  EXPECT_EQ(verdict("interrupt_remapping"), "unknown");
  EXPECT_EQ(doctor({"--print-grub"}), 3);
}

TEST_F(Doctor, HostileContent) {
  write_machine();
  put("proc/cmdline", "iommu=off\x1b[2J \xff\xfe \"never closed" + std::string(1000, '"'));
  (void)doctor();
  EXPECT_THAT(text_, Not(HasSubstr("\x1b")));
  (void)doctor({"--json"});
  EXPECT_TRUE(nlohmann::json::accept(text_));
  put("proc/cmdline", std::string(1U << 20U, 'x'));
  EXPECT_EQ(verdict("iommu_mode"), "unknown");
  fs::create_directories(root_ / "etc/modprobe.d");
  fs::create_symlink("loop.conf", root_ / "etc/modprobe.d/loop.conf");
  EXPECT_EQ(verdict("nouveau"), "unknown");
}

/// Ways in which a file can be other than expected.
struct damage {
  const char* name;
  std::function<void(const fs::path&)> make;
};

std::vector<damage> damages() {
  const auto write = [](std::string text) {
    return [text = std::move(text)](const fs::path& path) {
      std::ofstream{path, std::ios::binary} << text;
    };
  };
  return {
      {"missing", [](const fs::path&) {}},
      {"empty", write("")},
      {"binary", write(std::string{"\0\x7f"
                                   "ELF\xff\xfe\x1b]0;x\x07\n\xc0\x80",
                                   18} +
                       std::string(3'000, '\xff'))},
      {"words", write("on off -1 999999999999999999999 = == \"\n\n: :\t\t\n")},
      {"huge",
       [](const fs::path& path) {
         std::ofstream{path};
         fs::resize_file(path, 40U << 20U);
       }},
      {"directory", [](const fs::path& path) { fs::create_directory(path); }},
      {"dangling", [](const fs::path& path) { fs::create_symlink("nowhere", path); }},
      {"loop", [](const fs::path& path) { fs::create_symlink(path.filename(), path); }},
      {"pipe", [](const fs::path& path) { ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); }},
  };
}

/// Whatever stands in its place: an answer, valid JSON, no control characters.
TEST_F(Doctor, AnyFileMayBeAnything) {
  write_machine();
  put("run/libvirtd.pid", "7\n");
  put("proc/7/status", "CapEff:\t000001ffffffffff\n");
  put("proc/7/limits", "Max locked memory         67108864   67108864   bytes\n");
  put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "4\n");
  put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "4\n");
  put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
  put("lib/modules/6.1.0-28-amd64/modules.dep", "kernel/drivers/vfio/vfio.ko: \n");
  put("lib/modules/6.1.0-28-amd64/modules.builtin", "kernel/fs/fuse/fuse.ko\n");
  put("etc/modprobe.d/berth.conf", "blacklist nouveau\n");
  put("usr/share/misc/pci.ids", "10de  NVIDIA Corporation\n");
  ASSERT_EQ(doctor(), 0) << text_;
  for (const auto& file :
       std::vector<fs::path>{"proc/cpuinfo",
                             "proc/cmdline",
                             "proc/interrupts",
                             "proc/meminfo",
                             "proc/sys/kernel/osrelease",
                             "proc/7/status",
                             "proc/7/limits",
                             "run/libvirtd.pid",
                             "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
                             "sys/kernel/mm/hugepages",
                             "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
                             "sys/module",
                             "sys/firmware/acpi/tables",
                             "sys/kernel/iommu_groups",
                             "sys/bus/pci/devices",
                             "lib/modules/6.1.0-28-amd64/modules.dep",
                             "lib/modules/6.1.0-28-amd64/modules.builtin",
                             "etc/modprobe.d/berth.conf",
                             "etc/modprobe.d",
                             "etc/modules-load.d/berth.conf",
                             "etc/berth/host.yaml",
                             "usr/share/misc/pci.ids",
                             "dev/vfio/vfio",
                             "dev/kvm",
                             "run/libvirt/libvirt-sock"}) {
    const auto aside = root_ / "aside";
    fs::rename(root_ / file, aside);
    for (const auto& damage : damages()) {
      SCOPED_TRACE(file.string() + " is " + damage.name);
      damage.make(root_ / file);
      const int status = doctor();
      EXPECT_THAT((std::vector{0, 1, 3}), ::testing::Contains(status));
      for (const char c : text_)
        ASSERT_TRUE(c == '\n' || (c >= 0x20 && c <= 0x7e));
      EXPECT_EQ(doctor({"--json"}), status);
      EXPECT_TRUE(nlohmann::json::accept(text_));
      fs::remove_all(root_ / file);
    }
    fs::rename(aside, root_ / file);
  }
  EXPECT_EQ(doctor(), 0) << text_;
}

TEST_F(Doctor, FilesThatMayNotBeRead) {
  write_machine();
  fs::permissions(root_, fs::perms{0755});
  for (const auto* file : {"proc/cmdline", "proc/interrupts", "etc/berth/host.yaml",
                           "run/libvirt/libvirt-sock", "dev/vfio"})
    fs::permissions(root_ / file, fs::perms::none);
  const auto self = geteuid();
  ASSERT_EQ(seteuid(self == 0 ? 65'534 : self), 0); // root may read everything, nobody may not
  const int status = doctor();
  for (const auto* check : {"iommu_mode", "interrupt_remapping", "settings", "disable_gpu",
                            "libvirt", "vfio_device_node"})
    EXPECT_EQ(verdict(check), "unknown") << check;
  ASSERT_EQ(seteuid(self), 0);
  EXPECT_EQ(status, 3);
  fs::permissions(root_ / "dev/vfio", fs::perms::owner_all);
}

} // namespace
} // namespace berth::apps
