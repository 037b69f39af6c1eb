#pragma once

#include <memory>

#include "hostbackend/linux/device_watch.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

/// The kernel's uevents of subsystem `pci`, through libudev's monitor. They are the kernel's own,
/// not those that udevd passes on: they come where no udevd runs, and nothing here needs its work.
/// When the socket overflows or fails, wait() fails and the monitor has been opened anew.
[[nodiscard]] model::result<std::unique_ptr<change_source>> make_udev_source();

} // namespace berth::hostbackend::host_linux
