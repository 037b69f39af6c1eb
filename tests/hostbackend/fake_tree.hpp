#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "hostbackend/linux/sysfs_reader.hpp"
#include "tests/hostbackend/temporary_directory.hpp"

namespace berth::hostbackend {

using testing::temporary_directory;

/// Sysfs and procfs of a small machine, written file by file.
class fake_tree {
public:
  [[nodiscard]] std::filesystem::path sys() const { return directory_ / "sys"; }
  [[nodiscard]] std::filesystem::path proc() const { return directory_ / "proc"; }
  [[nodiscard]] host_linux::host_roots roots() const { return {.sysfs = sys(), .procfs = proc()}; }
  [[nodiscard]] const temporary_directory& top() const { return directory_; }

  /// Paths are relative to the top: `sys/class/...`.
  void put(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories((directory_ / file).parent_path());
    std::ofstream{directory_ / file, std::ios::binary} << text;
  }
  void make(const std::filesystem::path& directory) {
    std::filesystem::create_directories(directory_ / directory);
  }
  /// A relative link from one place of the tree to another.
  void link(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::create_directories((directory_ / from).parent_path());
    std::filesystem::create_symlink(to.lexically_relative(from.parent_path()), directory_ / from);
  }

  /// A function; `place` is its directory below sys/devices, ending in its address.
  void function(const std::filesystem::path& place, const std::string& ids,
                const std::string& class_code, int group = -1) {
    const auto at = std::filesystem::path{"sys/devices"} / place;
    put(at / "vendor", "0x" + ids.substr(0, 4) + "\n");
    put(at / "device", "0x" + ids.substr(5) + "\n");
    put(at / "class", "0x" + class_code + "\n");
    put(at / "config", std::string(256, '\0'));
    link(std::filesystem::path{"sys/bus/pci/devices"} / at.filename(), at);
    if (group >= 0) {
      make("sys/kernel/iommu_groups/" + std::to_string(group));
      link(at / "iommu_group", "sys/kernel/iommu_groups/" + std::to_string(group));
    }
  }
  void driver(const std::filesystem::path& place, const std::string& name) {
    make("sys/bus/pci/drivers/" + name);
    link(std::filesystem::path{"sys/devices"} / place / "driver", "sys/bus/pci/drivers/" + name);
  }
  /// What scan_host() needs besides functions.
  void machine() {
    put("sys/devices/system/cpu/online", "0-15,32-47\n");
    put("sys/devices/system/node/online", "0-1\n");
    put("sys/class/dmi/id/sys_vendor", "ACME\n");
    put("sys/class/dmi/id/product_name", "GPU Server 2\n");
    put("proc/meminfo", "MemTotal:       65536000 kB\nMemFree:        1 kB\n");
    put("proc/self/mountinfo", "");
    put("proc/net/route", "Iface\tDestination\tGateway\n");
    put("pci.ids", "10de  NVIDIA Corporation\n\t2330  GH100 [H100 SXM5 80GB]\n"
                   "8086  Intel Corporation\n\t225c  Xeon Phi coprocessor SE10/7120 series\n");
  }

private:
  temporary_directory directory_;
};

} // namespace berth::hostbackend
