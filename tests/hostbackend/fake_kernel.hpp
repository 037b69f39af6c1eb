#pragma once

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "hostbackend/linux/kernel_calls.hpp"
#include "hostbackend/linux/pci_function_files.hpp"

namespace berth::hostbackend::testing {

/// Acts on writes below a fake sysfs tree (simulated/sysfs_writer.hpp) as Linux does: binds and
/// unbinds drivers, resets, removes and finds again. A function's host driver is the one that it
/// has at the start. Thread-safe, but for what tests set up before.
class fake_kernel final : public host_linux::sysfs_writer {
public:
  using path = std::filesystem::path;

  explicit fake_kernel(path sysfs) : sysfs_{std::move(sysfs)} {
    add_driver("vfio-pci");
    for (const auto& entry : std::filesystem::directory_iterator{sysfs_ / "bus/pci/devices"}) {
      const auto address = entry.path().filename().string();
      put(entry.path() / "driver_override", "(null)");
      host_drivers_[address] = files(address).driver();
      offered_[address] = files(address).reset_methods();
    }
  }

  void add_driver(const std::string& name) {
    std::filesystem::create_directories(sysfs_ / "bus/pci/drivers" / name);
  }
  void remove_driver(const std::string& name) {
    std::filesystem::remove_all(sysfs_ / "bus/pci/drivers" / name);
  }
  /// Writes to paths that end in `suffix` fail from now on; 0 = no more.
  void refuse(const std::string& suffix, int error) {
    const std::scoped_lock hold{guard_};
    refused_[suffix] = error;
  }
  /// After so many more writes each one fails, as for an agent that was killed then.
  void die_after(std::size_t writes) {
    const std::scoped_lock hold{guard_};
    last_write_ = writes_.size() + writes;
  }
  void live() {
    const std::scoped_lock hold{guard_};
    last_write_.reset();
  }
  /// Writes to paths that end in `suffix` block until release().
  void stall(const std::string& suffix) {
    const std::scoped_lock hold{guard_};
    stalled_ = suffix;
  }
  void release() {
    const std::scoped_lock hold{guard_};
    stalled_.reset();
    released_.notify_all();
  }
  /// What the kernel really offers, where its list says more.
  void offer_only(const std::string& address, std::vector<std::string> methods) {
    offered_[address] = std::move(methods);
  }
  void set_config(const std::string& address, const std::string& bytes) {
    put(files(address).path("config"), bytes);
  }
  [[nodiscard]] std::string config(const std::string& address) const {
    std::ifstream in{files(address).path("config"), std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  [[nodiscard]] host_linux::pci_function_files files(const std::string& address) const {
    return {sysfs_, model::pci_address::parse(address).value()};
  }
  /// Every reset that was done, e.g. `0000:41:00.0 flr`.
  [[nodiscard]] std::vector<std::string> resets() const {
    const std::scoped_lock hold{guard_};
    return resets_;
  }
  /// Every write, as `path below sysfs=text`.
  [[nodiscard]] std::vector<std::string> writes() const {
    const std::scoped_lock hold{guard_};
    return writes_;
  }

  std::error_code write(const path& file, const std::string& text) override {
    std::unique_lock hold{guard_};
    if (last_write_ && writes_.size() >= *last_write_)
      return {EIO, std::generic_category()};
    writes_.push_back(file.lexically_relative(sysfs_).string() + "=" + text);
    released_.wait(hold, [&] { return !stalled_ || !file.string().ends_with(*stalled_); });
    for (const auto& [suffix, error] : refused_)
      if (error != 0 && file.string().ends_with(suffix))
        return {error, std::generic_category()};
    return {act(file, text), std::generic_category()};
  }

private:
  static void put(const path& file, const std::string& text) {
    std::ofstream{file, std::ios::binary} << text;
  }

  int act(const path& file, const std::string& text) {
    const auto name = file.filename().string();
    const auto above = file.parent_path().filename().string();
    if (name == "drivers_probe")
      return probe(text);
    if (name == "bind")
      return bind(text, above);
    if (name == "rescan")
      return rescan(file);
    if (name == "unbind")
      return unbind(text);
    if (!files(above).present())
      return ENOENT;
    if (name == "driver_override")
      return put(file, text == "\n" ? "(null)" : text), 0;
    if (name == "reset_method")
      return choose(above, file, text);
    if (name == "reset")
      return reset(above);
    if (name == "remove")
      return remove(above);
    return ENOENT;
  }

  int probe(const std::string& address) {
    const auto here = files(address);
    if (!here.present())
      return ENODEV;
    const auto override = here.driver_override();
    const auto driver = override.empty() ? host_drivers_[address] : override;
    if (here.driver().empty() && !driver.empty() &&
        std::filesystem::exists(sysfs_ / "bus/pci/drivers" / driver))
      std::filesystem::create_symlink(sysfs_ / "bus/pci/drivers" / driver, here.path("driver"));
    return 0; // like Linux, also when no driver took it
  }
  int bind(const std::string& address, const std::string& driver) {
    const auto override = files(address).driver_override();
    const bool matches = override.empty() ? host_drivers_[address] == driver : override == driver;
    return matches ? probe(address) : ENODEV;
  }
  int unbind(const std::string& address) {
    return std::filesystem::remove(files(address).path("driver")) ? 0 : ENODEV;
  }
  int choose(const std::string& address, const path& file, const std::string& text) {
    std::istringstream words{text};
    for (std::string word; words >> word;)
      if (std::find(offered_[address].begin(), offered_[address].end(), word) ==
          offered_[address].end())
        return EINVAL;
    put(file, text + "\n");
    return 0;
  }
  int reset(const std::string& address) {
    const auto methods = files(address).reset_methods();
    if (methods.empty())
      return ENOTTY;
    resets_.push_back(address + " " + methods.front());
    return 0;
  }
  int remove(const std::string& address) {
    const auto place = std::filesystem::canonical(files(address).path());
    const auto link = std::filesystem::read_symlink(files(address).path());
    const auto aside = sysfs_ / ("removed-" + address);
    std::filesystem::rename(place, aside);
    std::filesystem::remove(files(address).path());
    removed_[address] = {place, link};
    return 0;
  }
  int rescan(const path& file) {
    const auto bridge = std::filesystem::canonical(file.parent_path().parent_path().parent_path());
    for (auto one = removed_.begin(); one != removed_.end();) {
      const auto& [place, link] = one->second;
      if (place.parent_path() != bridge) {
        ++one;
        continue;
      }
      const auto address = one->first;
      std::filesystem::rename(sysfs_ / ("removed-" + address), place);
      std::filesystem::create_symlink(link, files(address).path());
      std::filesystem::remove(place / "driver");
      put(place / "driver_override", "(null)");
      one = removed_.erase(one);
      probe(address);
    }
    return 0;
  }

  const path sysfs_;
  mutable std::mutex guard_;
  std::condition_variable released_;
  std::map<std::string, int> refused_;
  std::optional<std::size_t> last_write_;
  std::optional<std::string> stalled_;
  std::map<std::string, std::string> host_drivers_;
  std::map<std::string, std::vector<std::string>> offered_;
  std::map<std::string, std::pair<path, path>> removed_; ///< address -> directory, link
  std::vector<std::string> resets_;
  std::vector<std::string> writes_;
};

} // namespace berth::hostbackend::testing
