#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "apps/config.hpp"
#include "hostbackend/linux/device_release.hpp"
#include "hostbackend/linux/kernel_calls.hpp"
#include "model/failure.hpp"

namespace berth::apps {

// `berth-host release` and `berth-host accept`: what an operator does with the devices of an agent
// that does not run. `arguments` are those after the command's name. Both return the exit status:
// 0 all was done, 1 some of it was not, 2 wrong command line (nothing was done), 3 could not be
// tried: the agent runs, or the state file or libvirt cannot be read.

/// What they look at and act through; tests put other things in place.
struct device_doors {
  hostbackend::host_linux::device_tools tools{};
  /// Which servers are defined with which functions, at this libvirt.
  std::function<model::result<hostbackend::host_linux::function_users>(const std::string& uri)>
      users = ask_libvirt;

  [[nodiscard]] static model::result<hostbackend::host_linux::function_users>
  ask_libvirt(const std::string& uri);
};

/// Gives devices that berth took back to the drivers that they had.
[[nodiscard]] int run_host_release(const std::vector<std::string>& arguments, std::ostream& out,
                                   std::ostream& err, const device_doors& doors = {});
/// Forgets devices' baselines: the next start of the agent takes what it finds then.
[[nodiscard]] int run_host_accept(const std::vector<std::string>& arguments, std::ostream& out,
                                  std::ostream& err);

/// Where an agent with this configuration remembers its devices (hostbackend's device_memory).
[[nodiscard]] std::filesystem::path devices_file(const host_config& config);

} // namespace berth::apps
