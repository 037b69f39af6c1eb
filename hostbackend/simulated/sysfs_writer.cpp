#include "hostbackend/simulated/sysfs_writer.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "model/text.hpp"

namespace berth::hostbackend::simulated {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

std::string hex(std::uint64_t value, int digits) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%0*llx", digits, static_cast<unsigned long long>(value));
  return text.data();
}

std::string speed_text(std::uint8_t generation) {
  static constexpr std::array<const char*, 7> speeds{
      "Unknown",        "2.5 GT/s PCIe",  "5.0 GT/s PCIe", "8.0 GT/s PCIe",
      "16.0 GT/s PCIe", "32.0 GT/s PCIe", "64.0 GT/s PCIe"};
  return speeds.at(std::min<std::size_t>(generation, speeds.size() - 1));
}

struct bar {
  std::uint64_t start = 0;
  std::uint64_t size = 0;
  bool wide = false; ///< 64 bits, takes the next register too
};

class sysfs_writer {
public:
  sysfs_writer(const machine& what, fs::path top) : machine_{what}, top_{std::move(top)} {}

  /// Throws fs::filesystem_error or std::ios_base::failure.
  void write() {
    for (const auto& one : machine_.functions)
      paths_[one.address] =
          one.parent ? paths_.at(*one.parent) / to_string(one.address)
                     : fs::path{"devices"} /
                           ("pci" + hex(one.address.domain, 4) + ":" + hex(one.address.bus, 2)) /
                           to_string(one.address);
    for (const auto& one : machine_.functions)
      write_function(one);
    write_names();
  }

private:
  void put(const fs::path& path, const std::string& text) {
    std::ofstream file;
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file.open(top_ / path, std::ios::binary);
    file << text;
    file.close();
  }
  void line(const fs::path& path, const std::string& text) { put(path, text + "\n"); }
  /// A relative link from one place of the tree to another.
  void link(const fs::path& from, const fs::path& to) {
    fs::create_directories(top_ / from.parent_path());
    fs::create_symlink(to.lexically_relative(from.parent_path()), top_ / from);
  }

  void write_function(const function_facts& one) {
    const auto address = to_string(one.address);
    const auto& at = paths_.at(one.address);
    fs::create_directories(top_ / at);
    const auto bars = place_bars(one);
    line(at / "vendor", "0x" + hex(one.id.vendor, 4));
    line(at / "device", "0x" + hex(one.id.device, 4));
    line(at / "subsystem_vendor", "0x" + hex(one.id.vendor, 4));
    line(at / "subsystem_device", "0x0000");
    line(at / "class", "0x" + hex(one.class_code, 6));
    line(at / "revision", "0xa1");
    line(at / "irq", "0");
    line(at / "numa_node", std::to_string(one.numa_node));
    put(at / "config", config_space(one, bars));
    put(at / "resource", resources(bars));
    if (one.link.generation > 0) {
      line(at / "current_link_speed", speed_text(one.link.generation));
      line(at / "max_link_speed", speed_text(one.link.generation));
      line(at / "current_link_width", std::to_string(one.link.width));
      line(at / "max_link_width", std::to_string(one.link.width));
    }
    std::string methods;
    for (const auto& method : one.reset_methods)
      methods += (methods.empty() ? "" : " ") + method;
    if (!methods.empty())
      line(at / "reset_method", methods);
    if (one.class_code >> 16U == 0x03)
      line(at / "boot_vga", one.boot_vga ? "1" : "0");
    constexpr std::string_view before = "network interface ";
    if (one.in_use.starts_with(before)) {
      const auto name =
          one.in_use.substr(before.size(), one.in_use.find(' ', before.size()) - before.size());
      fs::create_directories(top_ / at / "net" / name);
      line(at / "net" / name / "operstate", "up");
      link(fs::path{"class/net"} / name, at / "net" / name);
    }
    link(fs::path{"bus/pci/devices"} / address, at);
    if (!one.driver.empty()) {
      const auto driver = fs::path{"bus/pci/drivers"} / one.driver;
      fs::create_directories(top_ / driver);
      link(at / "driver", driver);
      link(driver / address, at);
    }
    if (one.iommu_group >= 0) {
      const auto group = fs::path{"kernel/iommu_groups"} / std::to_string(one.iommu_group);
      fs::create_directories(top_ / group);
      link(at / "iommu_group", group);
      link(group / "devices" / address, at);
    }
  }

  std::vector<bar> place_bars(const function_facts& one) {
    std::vector<bar> bars;
    const bool wide = one.bar_sizes.size() <= 3;
    for (const auto size : one.bar_sizes) {
      next_address_ = (next_address_ + size - 1) / size * size;
      bars.push_back({.start = next_address_, .size = size, .wide = wide});
      next_address_ += size;
    }
    return bars;
  }

  static std::string resources(const std::vector<bar>& bars) {
    constexpr std::uint64_t memory = 0x200;
    constexpr std::uint64_t wide_prefetch = 0x14220c;
    const std::string none = "0x" + hex(0, 16) + " 0x" + hex(0, 16) + " 0x" + hex(0, 16) + "\n";
    std::string text;
    int lines = 0;
    for (const auto& one : bars) {
      text += "0x" + hex(one.start, 16) + " 0x" + hex(one.start + one.size - 1, 16) + " 0x" +
              hex(memory | (one.wide ? wide_prefetch : 0x40000), 16) + "\n";
      ++lines;
      if (one.wide) {
        text += none;
        ++lines;
      }
    }
    for (; lines < 13; ++lines)
      text += none;
    return text;
  }

  /// The standard header and a PCI Express capability, 256 bytes.
  std::string config_space(const function_facts& one, const std::vector<bar>& bars) const {
    std::string bytes(256, '\0');
    const auto set = [&bytes](std::size_t at, std::uint64_t value, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i)
        bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xffU);
    };
    set(0x00, one.id.vendor, 2);
    set(0x02, one.id.device, 2);
    set(0x04, 0x0006, 2); // memory and bus master on
    set(0x06, 0x0010, 2); // has capabilities
    set(0x08, 0xa1, 1);
    set(0x09, one.class_code, 3);
    const bool bridge = one.kind != port_kind::endpoint;
    set(0x0e, bridge ? 0x01 : 0x00, 1);
    set(0x34, 0x40, 1);
    if (bridge) {
      const auto [least, most] = buses_below(one.address);
      set(0x18, one.address.bus, 1);
      set(0x19, least, 1);
      set(0x1a, most, 1);
    } else {
      std::size_t at = 0x10;
      for (const auto& bar : bars) {
        set(at, bar.start | (bar.wide ? 0xcU : 0x0U), bar.wide ? 8 : 4);
        at += bar.wide ? 8 : 4;
      }
    }
    static constexpr std::array<unsigned, 5> port_types{0x0, 0x4, 0x5, 0x6, 0x7};
    set(0x40, 0x10, 2); // the PCI Express capability, the last
    set(0x42, 0x2U | port_types.at(static_cast<std::size_t>(one.kind)) << 4U, 2);
    const auto link = static_cast<std::uint64_t>(one.link.generation) |
                      static_cast<std::uint64_t>(one.link.width) << 4U;
    set(0x4c, link, 4);
    set(0x52, link, 2);
    return bytes;
  }

  /// Secondary and subordinate bus; 0 below a bridge with nothing behind it.
  [[nodiscard]] std::pair<std::uint8_t, std::uint8_t>
  buses_below(const model::pci_address& bridge) const {
    std::uint8_t secondary = 0;
    std::uint8_t last = 0;
    for (const auto& one : machine_.functions)
      if (one.parent == bridge) {
        secondary = one.address.bus;
        last = std::max({last, one.address.bus, buses_below(one.address).second});
      }
    return {secondary, last};
  }

  void write_names() {
    std::map<std::uint16_t, std::pair<std::string, std::map<std::uint16_t, std::string>>> vendors;
    for (const auto& card : machine_.cards)
      for (const auto& function : card.functions) {
        auto& vendor = vendors[function.id.vendor];
        vendor.first = card.vendor;
        vendor.second.emplace(function.id.device, card.model);
      }
    std::string text =
        "# Names of the fake machine's devices, in the format of the PCI ID repository\n";
    for (const auto& [id, vendor] : vendors) {
      text += hex(id, 4) + "  " + vendor.first + "\n";
      for (const auto& [device, name] : vendor.second)
        text += "\t" + hex(device, 4) + "  [" + name + "]\n";
    }
    put("pci.ids", text);
  }

  const machine& machine_;
  fs::path top_;
  std::map<model::pci_address, fs::path> paths_;
  std::uint64_t next_address_ = std::uint64_t{1} << 41U;
};

/// Names that become parts of paths; a machine file's are checked when it is read, too.
model::result<void> check_names(const machine& what) {
  for (const auto& one : what.functions)
    if (!one.driver.empty() && !model::is_name(one.driver, 64))
      return fail(errc::invalid_argument, "`" + one.driver + "` is no driver's name");
  return {};
}

} // namespace

model::result<void> write_sysfs(const machine& what, const fs::path& directory) {
  if (auto good = check_names(what); !good)
    return good;
  try {
    fs::create_directories(directory);
    if (!fs::is_empty(directory))
      return fail(errc::not_empty, directory.string() + " is not empty: give a new directory");
    sysfs_writer{what, directory}.write();
    return {};
  } catch (const fs::filesystem_error& bad) {
    return fail(errc::store_failed, std::string{"cannot write the fake tree: "} + bad.what());
  } catch (const std::ios_base::failure& bad) {
    return fail(errc::store_failed,
                "cannot write the fake tree below " + directory.string() + ": " + bad.what());
  }
}

} // namespace berth::hostbackend::simulated
