#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hostbackend/allocation_units.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/linux/vfio_devices.hpp"
#include "hostbackend/pci_facts.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/sysfs_writer.hpp"
#include "tests/hostbackend/fake_kernel.hpp"
#include "tests/hostbackend/temporary_directory.hpp"

namespace berth::hostbackend::testing {

inline std::vector<model::device_info> devices_below(const std::filesystem::path& sysfs,
                                                     const survey_options& offers = {}) {
  auto devices = survey(host_linux::scan_functions(sysfs).value(), offers, [](const auto& one) {
    return device_names{"vendor", "Device " + to_string(one.id).substr(5)};
  });
  for (auto& one : devices)
    one.id = derive_device_id(derive_host_id("lab"), one.vendor_device, one.address);
  return devices;
}

/// Remembers whose bus was reset.
class fake_bus final : public host_linux::bus_resetter {
public:
  model::result<void> reset_bus_of(const std::set<model::pci_address>& functions) override {
    resets.push_back(functions);
    return answer;
  }
  model::result<void> answer{};
  std::vector<std::set<model::pci_address>> resets;
};

/// A machine's tree with a fake kernel behind it.
class fake_lab {
public:
  explicit fake_lab(const std::string& machine, survey_options offered = {})
      : offers{std::move(offered)} {
    const auto kind =
        simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + machine + ".yaml").value();
    if (const auto written = simulated::write_sysfs(*kind, sysfs()); !written)
      throw std::runtime_error{written.error().message};
    std::filesystem::create_directories(procfs());
    kernel = std::make_shared<fake_kernel>(sysfs());
    start();
  }
  [[nodiscard]] std::filesystem::path sysfs() const { return directory_ / "sys"; }
  [[nodiscard]] std::filesystem::path procfs() const { return directory_ / "proc"; }
  [[nodiscard]] std::filesystem::path state_file() const { return directory_ / "devices"; }

  [[nodiscard]] host_linux::device_tools tools() const {
    host_linux::device_tools some;
    some.sysfs = sysfs();
    some.procfs = procfs();
    some.limits = limits;
    some.kernel = kernel;
    some.bus = bus;
    return some;
  }
  /// A (new) life of the agent.
  void start() {
    stop();
    devices =
        host_linux::vfio_devices::open({.state_file = state_file(), .reset_order = rules}, tools())
            .value();
    scan();
  }
  void stop() { devices = nullptr; }
  void scan() { inventory = devices->update(devices_below(sysfs(), offers)).value(); }
  [[nodiscard]] model::device_info at(const std::string& address) const {
    for (const auto& one : inventory)
      if (to_string(one.address) == address)
        return one;
    throw std::runtime_error{"no device " + address};
  }
  [[nodiscard]] std::string driver(const std::string& address) const {
    return kernel->files(address).driver();
  }
  /// A process that has `file` open.
  void hold(int process, const std::string& program, const std::string& file) const {
    const auto place = procfs() / std::to_string(process);
    std::filesystem::create_directories(place / "fd");
    std::ofstream{place / "comm"} << program << "\n";
    std::filesystem::create_symlink(file, place / "fd/7");
  }
  void let_go(int process) const {
    std::filesystem::remove_all(procfs() / std::to_string(process));
  }
  void clean(const model::device_info& device) const {
    ASSERT_TRUE(devices->bind(device.id).has_value());
    ASSERT_TRUE(devices->reset(device.id, {}).has_value());
    ASSERT_TRUE(devices->verify(device.id)->complete()) << devices->verify(device.id)->text();
  }

private:
  temporary_directory directory_;

public:
  host_linux::step_limits limits;
  std::vector<host_linux::reset_rule> rules;
  survey_options offers; ///< what the agent's configuration offers
  std::shared_ptr<fake_kernel> kernel;
  std::shared_ptr<fake_bus> bus = std::make_shared<fake_bus>();
  std::unique_ptr<host_linux::vfio_devices> devices;
  std::vector<model::device_info> inventory;
};

// A GTX 1050 Ti with its sound function, on nouveau and snd_hda_intel.
inline constexpr const char* gtx = "0000:41:00.0";
inline constexpr const char* gtx_sound = "0000:41:00.1";

} // namespace berth::hostbackend::testing
