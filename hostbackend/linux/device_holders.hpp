#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "hostbackend/linux/kernel_calls.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

/// A process that has a device file open.
struct device_holder {
  int process = 0;
  std::string program; ///< as in /proc/PID/comm
  std::string file;    ///< e.g. `/dev/vfio/14`

  friend bool operator==(const device_holder&, const device_holder&) = default;
};

/// `process 4242 (qemu-system-x86) has /dev/vfio/14 open`, several joined by `, `.
[[nodiscard]] std::string describe(const std::vector<device_holder>& holders);

/// Who has one of `files` open, from the links in /proc/PID/fd, ascending by process. What this
/// cannot see: processes outside the PID namespace that `procfs` shows (the agent must run in the
/// host's), uses inside the kernel (a mounted disk, a framebuffer console), and a process that has
/// kept a device of a group but closed the group (QEMU does not). A process whose files may not be
/// looked at is an error, not a free device (CAP_SYS_PTRACE is needed).
[[nodiscard]] model::result<std::vector<device_holder>>
find_holders(const std::filesystem::path& procfs, const std::set<std::string>& files);

/// `/dev/vfio/N` of every IOMMU group that these functions are in, and their `/dev/vfio/devices/`.
[[nodiscard]] std::set<std::string> vfio_files(const std::filesystem::path& sysfs,
                                               const std::vector<model::pci_function>& functions);

/// The device files that the present drivers made for these functions: all that sysfs lists below
/// them (DRM, NVMe, sound, ...), and NVIDIA's own, which only /proc/driver/nvidia knows.
[[nodiscard]] std::set<std::string> driver_files(const device_tools& tools,
                                                 const std::vector<model::pci_function>& functions);

/// Nothing if no process has the functions' vfio files open; else a failure with `code` that names
/// them.
[[nodiscard]] model::result<void> not_held(const device_tools& tools,
                                           const std::vector<model::pci_function>& functions,
                                           model::errc code);

} // namespace berth::hostbackend::host_linux
