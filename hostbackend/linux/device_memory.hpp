#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/linux/state_lock.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::host_linux {

/// How a function was before berth first changed it.
struct kept_function {
  model::vendor_device_id id;
  std::string driver;                     ///< empty = none
  std::string driver_override;            ///< empty = none
  std::vector<std::string> reset_methods; ///< as the kernel's `reset_method` said

  friend bool operator==(const kept_function&, const kept_function&) = default;
};

/// What a device is compared with; from the first time that it was seen.
struct device_baseline {
  model::vendor_device_id id;
  std::uint32_t class_code = 0;
  model::pcie_link link;
  std::vector<std::uint64_t> bar_sizes;

  friend bool operator==(const device_baseline&, const device_baseline&) = default;
};

/// True if `now` is what an interrupted reset left in `reset_method`: the one method of `before`
/// that it was using.
[[nodiscard]] bool is_narrowed(const std::vector<std::string>& now,
                               const std::vector<std::string>& before);

struct remembered_devices {
  std::map<model::pci_address, kept_function> functions;
  std::map<model::pci_address, device_baseline> baselines; ///< by the device's own function

  friend bool operator==(const remembered_devices&, const remembered_devices&) = default;
};

/// The text form, one line each; `-` stands for nothing:
///   berth-devices 1
///   function 0000:23:00.0 10de:2330 nvidia - flr,bus       id, driver, driver_override, resets
///   baseline 0000:23:00.0 10de:2330 030200 5x16 16777216,68719476736   id, class, link, BARs
///   end 2                                                  how many lines came before it
[[nodiscard]] std::string to_text(const remembered_devices& what);

/// Strict: anything that to_text would not have written is errc::store_corrupt, a higher version
/// errc::store_too_new; the message starts with `name:line`. At most 4 MiB.
[[nodiscard]] model::result<remembered_devices> parse_remembered(std::string_view text,
                                                                 std::string_view name);

/// What the host must remember of its devices over a crash of the agent, in one small file. Every
/// change is on disk, synced, before it returns; one that fails is not made. Thread-safe. The file
/// is locked meanwhile: one agent, one file.
class device_memory {
public:
  /// A file that does not exist is an empty memory; its directory must exist. errc::store_failed,
  /// naming the process, if somebody else has it open.
  [[nodiscard]] static model::result<std::unique_ptr<device_memory>>
  open(const std::filesystem::path& file);

  [[nodiscard]] remembered_devices all() const;
  [[nodiscard]] std::optional<kept_function> function(const model::pci_address& address) const;
  [[nodiscard]] std::optional<device_baseline> baseline(const model::pci_address& address) const;

  /// Replaces what is remembered of these functions.
  [[nodiscard]] model::result<void>
  keep_functions(const std::map<model::pci_address, kept_function>& functions);
  [[nodiscard]] model::result<void>
  keep_baselines(const std::map<model::pci_address, device_baseline>& baselines);
  [[nodiscard]] model::result<void>
  forget_functions(const std::vector<model::pci_address>& addresses);
  /// The devices get new ones when they are next seen.
  [[nodiscard]] model::result<void>
  forget_baselines(const std::vector<model::pci_address>& addresses);

private:
  device_memory(std::filesystem::path file, std::unique_ptr<state_lock> lock,
                remembered_devices what);
  model::result<void> change_to(remembered_devices next);

  const std::filesystem::path file_;
  const std::unique_ptr<state_lock> lock_;
  mutable std::mutex guard_;
  remembered_devices what_; ///< guarded; always as on disk
};

} // namespace berth::hostbackend::host_linux
