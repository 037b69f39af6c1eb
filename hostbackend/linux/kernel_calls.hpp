#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "hostbackend/linux/call_within.hpp"
#include "hostbackend/linux/vfio_bus_reset.hpp"
#include "model/failure.hpp"
#include "model/time.hpp"

namespace berth::hostbackend::host_linux {

/// The door through which the kernel is told to do something: a write to a sysfs attribute. Tests
/// put a fake kernel behind it.
class sysfs_writer {
public:
  virtual ~sysfs_writer() = default;
  /// One write(2) of the whole text to an existing file; blocks as long as the kernel does. Called
  /// from several threads. The result is what the kernel answered.
  virtual std::error_code write(const std::filesystem::path& path, const std::string& text) = 0;
};

class real_sysfs_writer final : public sysfs_writer {
public:
  std::error_code write(const std::filesystem::path& path, const std::string& text) override;
};

/// What an error of a write to sysfs means, with what to do about it; for messages.
[[nodiscard]] std::string explain(const std::error_code& answer);

/// Writes a list of reset methods back to a function's `reset_method`. The kernel's own list may
/// hold what it does not offer any more (`bus`, from before the card's second function was found),
/// and is then refused as a whole: what of it the kernel still accepts is written.
[[nodiscard]] std::error_code put_back_reset_methods(sysfs_writer& kernel,
                                                     const std::filesystem::path& file,
                                                     const std::vector<std::string>& methods);

/// Runs blocking work for named subjects (PCI functions), each piece with a deadline, at most one
/// at a time for each subject: what the kernel still has not come back from is not asked again.
/// Thread-safe. Pieces of work that are overdue keep the ledger alive, not this object.
class deadline_calls {
public:
  /// `what` names the work in messages. errc::outcome_unknown = it did not come back within
  /// `limit`, or an earlier one for this subject has not; it goes on, so `work` owns all it uses.
  /// `waits_for` says what the work waits for at present; it is asked whenever one of these two
  /// is told, by any thread, and does not block.
  template <class T>
  [[nodiscard]] model::result<T> run(const std::string& subject, const std::string& what,
                                     model::duration limit, std::function<model::result<T>()> work,
                                     std::function<std::string()> waits_for = {}) {
    if (auto free = ledger_->enter(subject, what, waits_for); !free)
      return tl::unexpected<model::failure>{free.error()};
    auto done =
        call_within<model::result<T>>(limit, [ledger = ledger_, subject, work = std::move(work)] {
          auto outcome = work();
          ledger->leave(subject);
          return outcome;
        });
    if (!done)
      return overdue(subject, what, limit, waits_for);
    return std::move(*done);
  }

private:
  struct ledger {
    struct piece {
      std::string what;
      std::function<std::string()> waits_for;
    };
    model::result<void> enter(const std::string& subject, const std::string& what,
                              const std::function<std::string()>& waits_for);
    void leave(const std::string& subject);

    std::mutex guard;
    std::map<std::string, piece> under_way; ///< by subject
  };
  [[nodiscard]] static tl::unexpected<model::failure>
  overdue(const std::string& subject, const std::string& what, model::duration limit,
          const std::function<std::string()>& waits_for);

  std::shared_ptr<ledger> ledger_ = std::make_shared<ledger>();
};

/// How long each step may take before its outcome counts as unknown.
struct step_limits {
  model::duration look = std::chrono::seconds{10};  ///< reading a function's files
  model::duration write = std::chrono::seconds{10}; ///< driver_override, binding a driver
  /// Long enough for a driver that waits for its own work, short enough to name who holds it.
  model::duration unbind = std::chrono::seconds{20};
  /// One function. The kernel itself gives a function 60 s to come back after a reset.
  model::duration reset = std::chrono::seconds{75};
  model::duration rescan = std::chrono::seconds{30};
};

/// What everything here that acts on devices works with; cheap to copy.
struct device_tools {
  std::filesystem::path sysfs = "/sys";
  std::filesystem::path procfs = "/proc";
  step_limits limits{};
  std::shared_ptr<sysfs_writer> kernel = std::make_shared<real_sysfs_writer>();
  std::shared_ptr<bus_resetter> bus = std::make_shared<vfio_bus_resetter>();
  std::shared_ptr<deadline_calls> calls = std::make_shared<deadline_calls>();
};

} // namespace berth::hostbackend::host_linux
