#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "hostbackend/host_backend.hpp"
#include "hostbackend/linux/device_changes.hpp"
#include "model/failure.hpp"
#include "model/time.hpp"

namespace berth::hostbackend::host_linux {

/// Says that the PCI devices may have changed. What changed is found by looking: a hint carries
/// nothing, so that nothing is missed by losing one of many.
class change_source {
public:
  virtual ~change_source() = default;

  /// Waits at most `limit` and takes all hints that are there: true = there were some. Fails if
  /// hints may have been lost or none come any more. Called by one thread.
  [[nodiscard]] virtual model::result<bool> wait(model::duration limit) = 0;
  /// Ends the wait that goes on, or else the next one. Called by any thread.
  virtual void wake() = 0;
};

struct watch_limits {
  /// Hints come in bursts (one for each function, then its driver), and a function's files are
  /// there a little later than its hint: from the first hint to the look.
  model::duration settle = std::chrono::milliseconds{200};
  /// A look without any hint: finds devices that fell off the bus, for which the kernel has no
  /// event, and whatever a lost hint would hide. It reads a few files for each function, and wakes
  /// no suspended device but one in D3cold, which cannot be asked otherwise.
  model::duration period = std::chrono::seconds{10};
  /// A look that takes longer is given up: a device in reset blocks its configuration space.
  model::duration look = std::chrono::seconds{30};
};

/// Watches the devices in a thread of its own and reports what changed (compare_devices) since
/// `baseline`: what the scan found that was reported last. Nothing is missed in between,
/// because the first look comes after the source was opened.
class device_watch {
public:
  struct parts {
    /// Scans; may block. Runs in a thread of its own that may outlive the watch: it owns what it
    /// uses. Never called while it is under way.
    std::function<model::result<device_snapshot>()> look;
    /// Asked before each look; what it gives is asked after it: the functions that were off the bus
    /// on purpose at any time in between. A device that is gone when it no longer counts as away is
    /// told then.
    std::function<std::function<std::set<model::pci_address>()>()> away;
    std::unique_ptr<change_source> source;
    /// Both are called from the watch's thread and must not destroy the watch.
    std::function<void(backend_event)> on_event;
    /// A look failed, or did not end in time (errc::outcome_unknown), or the source failed. The
    /// watch goes on; a problem that stays as it is, is told once.
    std::function<void(const model::failure&)> on_problem;
  };
  device_watch(const watch_limits& limits, device_snapshot baseline, parts what);
  /// Waits for the watch's thread: at most `limits.look`.
  ~device_watch();
  device_watch(const device_watch&) = delete;
  device_watch& operator=(const device_watch&) = delete;

private:
  void run();
  [[nodiscard]] model::result<void> wait();
  [[nodiscard]] model::result<void> look();
  void tell(const model::result<void>& outcome);
  [[nodiscard]] bool stopping() const;

  const watch_limits limits_;
  const parts what_;
  // Used by the watch's thread only.
  device_snapshot known_;
  std::string told_; ///< the latest problem; empty = the latest round had none
  std::shared_ptr<std::atomic<bool>> looking_ = std::make_shared<std::atomic<bool>>(false);
  // Shared with the destructor.
  mutable std::mutex guard_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_; ///< last: begins when all else is there
};

} // namespace berth::hostbackend::host_linux
