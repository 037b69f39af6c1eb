#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "hostbackend/host_backend.hpp"
#include "hostbackend/linux/device_watch.hpp"
#include "hostbackend/linux/host_scan.hpp"
#include "hostbackend/linux/libvirt_servers.hpp"
#include "hostbackend/linux/vfio_devices.hpp"
#include "model/failure.hpp"
#include "model/time.hpp"

namespace berth::hostbackend::host_linux {

struct linux_settings {
  scan_options scan;
  vfio_options devices;
  device_tools tools{};
  libvirt_settings servers;
  watch_limits watch{};
  std::size_t workers = 4;                               ///< operations at one time
  model::duration scan_limit = std::chrono::seconds{60}; ///< of one look at the whole machine
};

/// A GPU machine: devices by sysfs and vfio-pci, servers by libvirt. Thread-safe.
///
/// At most one operation per device and one per server runs at a time, in the order in which they
/// were asked for; each blocks one of `workers` threads, and no longer than the limits of its parts
/// say. What did not end by then is errc::outcome_unknown.
///
/// Events come from the watch of the devices, which begins with the first discover, and from
/// libvirt. Completions and events are called on threads of the backend, never inside perform().
class linux_backend final : public host_backend {
public:
  /// `remark` is told what an operator should know and nobody asked for, one line each: from any
  /// thread. Fails if the state file cannot be read, or no udev monitor can be had.
  [[nodiscard]] static model::result<std::shared_ptr<linux_backend>>
  open(linux_settings settings, std::function<void(const std::string&)> remark);
  /// Waits for what runs; servers and devices stay as they are.
  ~linux_backend() override;
  linux_backend(const linux_backend&) = delete;
  linux_backend& operator=(const linux_backend&) = delete;

  void perform(operation what, completion done) override;
  void on_event(std::function<void(backend_event)> listener) override;

private:
  class machine;
  explicit linux_backend(std::unique_ptr<machine> inside);
  std::unique_ptr<machine> inside_;
};

} // namespace berth::hostbackend::host_linux
