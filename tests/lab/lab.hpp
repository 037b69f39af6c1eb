#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"
#include "model/pci_address.hpp"

/// For tests that run inside the lab VM (tests/lab/README.md). Everything here is for one test
/// thread; calls block, each with a bound.
namespace berth::lab {

/// Skips the test outside the lab VM.
#define BERTH_SKIP_OUTSIDE_THE_LAB()                                                               \
  if (!::berth::lab::inside())                                                                     \
  GTEST_SKIP() << "runs only inside the lab VM: ctest -L lab (tests/lab/README.md)"

/// True inside the lab VM (BERTH_LAB=1).
[[nodiscard]] bool inside();

/// Polls until `holds`, for at most `seconds`; false when it never did.
[[nodiscard]] bool eventually(const std::function<bool()>& holds, double seconds = 60);

/// What a program did. Output and errors together, cut at 1 MiB.
struct ended {
  int status = -1; ///< exit code; 124: it did not end in time and was killed
  std::string output;
};

/// Runs a program found in PATH to its end; `seconds` of patience.
[[nodiscard]] ended run(const std::vector<std::string>& command, double seconds = 60);

/// Where each device, port and switch of the topology is now, by its name there; with `absent` also
/// where a device that could be plugged would be. Asks `labctl map`.
[[nodiscard]] model::result<std::map<std::string, model::pci_address>>
addresses(bool absent = false);

/// Acts on devices from outside the VM, by their names in the topology (in_vm/labctl).
[[nodiscard]] model::result<void> plug(const std::string& device);
[[nodiscard]] model::result<void>
unplug(const std::string& device); ///< asks the kernel; takes 5 s and more
[[nodiscard]] model::result<void> surprise(const std::string& device); ///< pulls it out
[[nodiscard]] model::result<void> dead(const std::string& device); ///< all ones, still in its slot
[[nodiscard]] model::result<void> alive(const std::string& device);
[[nodiscard]] model::result<void> slow_reset(const std::string& device, int milliseconds);

/// A tiny guest as its host's libvirt knows it: it boots from a copy of guest.img.
struct guest_options {
  std::string name;
  std::vector<model::pci_address> devices; ///< passed through, managed by libvirt
};

/// virtlogd and libvirtd inside the VM; stopped with the object, guests included.
class libvirt_daemon {
public:
  libvirt_daemon();
  libvirt_daemon(const libvirt_daemon&) = delete;
  libvirt_daemon& operator=(const libvirt_daemon&) = delete;
  ~libvirt_daemon();

  /// Starts both, and waits until libvirtd answers.
  [[nodiscard]] model::result<void> start();
  /// Stops libvirtd alone; guests go on.
  void stop();
};

/// `virsh -c qemu:///system ARGUMENTS...`.
[[nodiscard]] ended virsh(std::vector<std::string> arguments, double seconds = 60);

/// A writable copy of the tiny guest's disk, where libvirt's QEMU may read it: for a domain's (or
/// a berth server's) disk.
[[nodiscard]] model::result<std::filesystem::path> guest_disk(const std::string& name);

/// Domain XML of a tiny guest with a disk, a serial console and spare root ports for hot-plug.
[[nodiscard]] std::string guest_xml(const guest_options& options,
                                    const std::filesystem::path& disk);

/// XML of one passed-through function, as for `virsh attach-device`.
[[nodiscard]] std::string hostdev_xml(const model::pci_address& device);

/// Where `guest_xml` puts the console.
[[nodiscard]] std::filesystem::path console_socket(const std::string& name);
[[nodiscard]] std::filesystem::path console_log(const std::string& name);

/// The tiny guest's serial console (the commands are in guest/guest.c).
class guest_console {
public:
  guest_console(std::filesystem::path socket, std::filesystem::path log);

  /// Waits until the guest has said `text` since it was started.
  [[nodiscard]] bool said(std::string_view text, double seconds = 60) const;
  /// Sends a command letter.
  [[nodiscard]] model::result<void> send(char letter) const;
  /// Everything said until now.
  [[nodiscard]] std::string text() const;
  /// Asks for a new listing and gives its `PCI ...` lines.
  [[nodiscard]] model::result<std::vector<std::string>> list(double seconds = 30) const;

private:
  std::filesystem::path socket_;
  std::filesystem::path log_;
};

} // namespace berth::lab
