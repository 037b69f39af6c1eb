#include "hostbackend/linux/udev_source.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <libudev.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;

namespace {

struct release {
  void operator()(udev* library) const { udev_unref(library); }
  void operator()(udev_monitor* monitor) const { udev_monitor_unref(monitor); }
  void operator()(udev_device* device) const { udev_device_unref(device); }
};
using library_handle = std::unique_ptr<udev, release>;
using monitor_handle = std::unique_ptr<udev_monitor, release>;
using device_handle = std::unique_ptr<udev_device, release>;

std::string error_text(int number) {
  return std::generic_category().message(number);
}

/// Receives from now on; null with errno if it cannot.
monitor_handle open_monitor(udev* library) {
  monitor_handle monitor{udev_monitor_new_from_netlink(library, "kernel")};
  if (!monitor ||
      udev_monitor_filter_add_match_subsystem_devtype(monitor.get(), "pci", nullptr) < 0 ||
      udev_monitor_enable_receiving(monitor.get()) < 0)
    return nullptr;
  return monitor;
}

class udev_source : public change_source {
public:
  udev_source(library_handle library, monitor_handle monitor, int wake)
      : library_{std::move(library)}, monitor_{std::move(monitor)}, wake_{wake} {}
  ~udev_source() override { ::close(wake_); }
  udev_source(const udev_source&) = delete;
  udev_source& operator=(const udev_source&) = delete;

  model::result<bool> wait(model::duration limit) override {
    if (!monitor_ && !(monitor_ = open_monitor(library_.get()))) {
      const int why = errno;
      await(limit);
      return fail(errc::outcome_unknown,
                  "no events of PCI devices: the monitor cannot be opened: " + error_text(why));
    }
    await(limit);
    bool some = false;
    errno = 0;
    while (const device_handle one{udev_monitor_receive_device(monitor_.get())})
      some = true;
    const int why = errno;
    if (why == EAGAIN || why == EINTR || why == 0)
      return some;
    monitor_ = open_monitor(library_.get());
    return fail(errc::outcome_unknown,
                "events of PCI devices may have been lost: " + error_text(why));
  }

  void wake() override {
    const std::uint64_t one = 1;
    // Fails only if it has been woken 2^64 - 2 times without any wait: awake enough.
    static_cast<void>(::write(wake_, &one, sizeof one) == 0);
  }

private:
  /// Until an event, an error or a wake-up.
  void await(model::duration limit) {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
    std::array<pollfd, 2> both{{
        {.fd = wake_, .events = POLLIN, .revents = 0},
        {.fd = monitor_ ? udev_monitor_get_fd(monitor_.get()) : -1, .events = POLLIN, .revents = 0},
    }};
    ::poll(both.data(), both.size(), static_cast<int>(ms));
    std::uint64_t count = 0;
    if ((both[0].revents & POLLIN) != 0)
      static_cast<void>(::read(wake_, &count, sizeof count) == 0);
  }

  library_handle library_;
  monitor_handle monitor_;
  int wake_;
};

} // namespace

model::result<std::unique_ptr<change_source>> make_udev_source() {
  library_handle library{udev_new()};
  auto monitor = library ? open_monitor(library.get()) : nullptr;
  if (!monitor)
    return fail(errc::internal, "cannot watch for PCI devices through udev: " + error_text(errno));
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0)
    return fail(errc::internal, "cannot make an eventfd: " + error_text(errno));
  return std::make_unique<udev_source>(std::move(library), std::move(monitor), wake);
}

} // namespace berth::hostbackend::host_linux
