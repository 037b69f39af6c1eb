#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hostbackend/linux/device_check.hpp"
#include "hostbackend/linux/device_memory.hpp"
#include "hostbackend/linux/device_release.hpp"
#include "hostbackend/linux/device_reset.hpp"
#include "hostbackend/linux/kernel_calls.hpp"
#include "hostbackend/linux/vfio_unit.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host_operations.hpp"
#include "model/ids.hpp"

namespace berth::hostbackend::host_linux {

struct vfio_options {
  std::filesystem::path state_file; ///< e.g. /var/lib/berth/devices; its directory exists
  std::vector<reset_rule> reset_order;
  bool use_boot_vga = false; ///< as survey_options: without it the boot display is not offered
};

/// The managed devices of this host: binds, resets and verifies them. What is not in the inventory
/// is never touched. Thread-safe; operations on one device wait for each other, those on different
/// devices do not. All block, each step at most its limit (step_limits), and are idempotent.
/// A device that is not in the inventory is errc::not_found, one that can never be offered
/// errc::group_not_viable, one that has left the bus errc::device_lost.
class vfio_devices {
public:
  [[nodiscard]] static model::result<std::unique_ptr<vfio_devices>> open(vfio_options options,
                                                                         device_tools tools = {});

  /// Takes the scanner's inventory, and gives it back as the host shall report it: with the reset
  /// methods that a device really has, and with BARs and link as at baseline. A device that was
  /// never seen, or another kind of card in its place, gets its baseline now, on disk. `away`: what
  /// rescanned() gives after the scan; the devices there are as they were known, whatever the scan
  /// saw of them.
  [[nodiscard]] model::result<std::vector<model::device_info>>
  update(std::vector<model::device_info> found, const std::set<model::pci_address>& away = {});

  /// True if a former agent took something that was on no inventory of this one: its configuration
  /// does not offer it, or it is not there.
  [[nodiscard]] bool has_unoffered() const;
  /// Gives what is not offered any more back to its drivers (device_release.hpp); what is not on
  /// the bus is left to the next agent. One line for each device that was, or could not be, given
  /// back. No update() meanwhile.
  [[nodiscard]] std::vector<std::string> give_back_unoffered(const function_users& users);

  [[nodiscard]] model::result<void> bind(const model::device_id& device);
  [[nodiscard]] model::result<void> unbind(const model::device_id& device);
  /// `method`: one of the device's `reset_methods` as update() gave them; empty = the first.
  [[nodiscard]] model::result<void> reset(const model::device_id& device,
                                          const std::string& method);
  [[nodiscard]] model::result<model::host_operations::device_evidence>
  verify(const model::device_id& device);
  /// How many rescans have ended: asked before a look at the bus, for rescanned() after it.
  [[nodiscard]] std::uint64_t rescans_ended() const;
  /// The functions that reset() has off the bus on purpose, or had since so many rescans had ended:
  /// their absence in a look is no news, also if all of the rescan fell into the look.
  [[nodiscard]] std::set<model::pci_address> rescanned(std::uint64_t since) const;

private:
  struct managed {
    std::mutex operation; ///< held during one
    // Guarded by vfio_devices::guard_.
    model::device_info info;  ///< as update() gave it back
    std::string last_reset{}; ///< the method that was done last since it was bound
  };
  using managed_ptr = std::shared_ptr<managed>;

  vfio_devices(vfio_options options, device_tools tools, std::unique_ptr<device_memory> memory);
  [[nodiscard]] model::result<managed_ptr> find(const model::device_id& device) const;
  [[nodiscard]] model::result<model::device_info> usable(const managed& device) const;
  [[nodiscard]] model::result<void> baselines_for(const std::vector<model::device_info>& found);
  void note_offered(const std::vector<model::device_info>& found);
  [[nodiscard]] model::device_info as_reported(model::device_info found) const;
  model::result<void> rescan_device(const model::device_info& info);

  const vfio_options options_;
  const device_tools tools_;
  const std::unique_ptr<device_memory> memory_;
  mutable std::mutex guard_; ///< of what follows; not held while anything blocks
  std::map<model::device_id, managed_ptr> devices_;
  std::uint64_t rescans_ended_ = 0;
  /// The number of the latest rescan of a function; unset while it is under way.
  std::map<model::pci_address, std::optional<std::uint64_t>> rescans_;
  /// What was taken before the first update() and on no inventory since; nullopt = none came yet.
  std::optional<std::set<model::pci_address>> unoffered_;
};

} // namespace berth::hostbackend::host_linux
