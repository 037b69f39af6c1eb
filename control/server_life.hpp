#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "model/failure.hpp"
#include "model/host_operations.hpp"
#include "model/ids.hpp"
#include "model/link.hpp"
#include "model/server.hpp"
#include "model/time.hpp"

namespace berth::control {

/// What goes into and comes out of one server's life on its host.
namespace life {

using operation_number = std::uint64_t;
using timer_number = std::uint64_t;

/// How the server's devices stand, all together.
enum class readiness : std::uint8_t {
  waiting, ///< at least one is still in turnover
  ready,   ///< each is reserved (or in use) for this server at its epoch
  failed,  ///< at least one is quarantined, unusable, lost or missing
};

// --- Events

/// The controller wants the server so.
struct wanted {
  model::desired_server what;
};
/// The controller does not want the server on this host.
struct unwanted {};
/// The backend lists the server (or not) at the agent's start. One that is listed and does not run
/// may be about to: a former life of the agent may have asked for that.
struct listed {
  std::optional<model::host_operations::listed_server> what;
};
/// The backend was listed again. Where that contradicts what is known, the life looks for itself:
/// the listing may be older than the latest answer.
struct listed_again {
  std::optional<model::host_operations::listed_server> what;
};
struct devices_changed {
  readiness how = readiness::waiting;
  std::string reason; ///< what is waited for, or which device failed and why
};
struct use_granted {
  model::device_id device;
};
struct use_refused {
  model::device_id device;
  std::string reason;
};
struct operation_finished {
  operation_number number = 0;
  model::result<model::host_operations::operation_result> outcome;
};
struct timer_fired {
  timer_number number = 0;
};
/// The guest powered off or its process died.
struct exited {
  std::string reason;
};
/// The running guest let go of the device.
struct device_left {
  model::device_id device;
};
/// The guest was stopped where it was, and holds what it holds. Empty = it goes on.
struct paused {
  std::string reason;
};
/// The controller gave the device another epoch: what failed with it may be tried again.
struct plug_again {
  model::device_id device;
};

using event =
    std::variant<wanted, unwanted, listed, listed_again, devices_changed, use_granted, use_refused,
                 operation_finished, timer_fired, exited, device_left, paused, plug_again>;

// --- Effects

struct perform {
  operation_number number = 0;
  model::host_operations::operation what;
  friend bool operator==(const perform&, const perform&) = default;
};
struct arm_timer {
  timer_number number = 0;
  model::duration after{};
  friend bool operator==(const arm_timer&, const arm_timer&) = default;
};
/// Ask the device for leave to start with it, or to be plugged in; answered by use_granted or
/// use_refused.
struct request_use {
  model::attachment device;
  friend bool operator==(const request_use&, const request_use&) = default;
};
/// Tell the device that the server was seen to run with it.
struct find_use {
  model::device_id device;
  friend bool operator==(const find_use&, const find_use&) = default;
};
/// Tell the device that the server does not run, or not with it.
struct end_use {
  model::device_id device;
  friend bool operator==(const end_use&, const end_use&) = default;
};
struct report {
  model::observed_server what;
  friend bool operator==(const report&, const report&) = default;
};
/// It was listed and does not run, and nothing that a former life asked for can start it any more.
struct surely_off {
  friend bool operator==(const surely_off&, const surely_off&) = default;
};
/// Nothing of the server is left on the host; the machine can be dropped.
struct gone {
  friend bool operator==(const gone&, const gone&) = default;
};

using effect =
    std::variant<perform, arm_timer, request_use, find_use, end_use, report, surely_off, gone>;
using effects = std::vector<effect>;

} // namespace life

/// How patient a server's life is.
struct life_options {
  model::duration operation_deadline = std::chrono::minutes{10}; ///< define, start, undefine, list
  model::duration graceful_stop = std::chrono::seconds{90};      ///< then the stop is forced
  model::duration devices_deadline = std::chrono::minutes{10};   ///< waiting for clean devices
  model::duration unplug_deadline = std::chrono::seconds{30};    ///< for the guest to let go
  model::duration retry_delay = std::chrono::seconds{15};        ///< of stop, undefine and list
};

/// The life of one server on one host: defined, started when wanted on and every device has granted
/// its use, stopped gracefully and then by force, power-cycled when the restart counter rises,
/// redefined when its devices changed while it was stopped, undefined when no longer wanted. While
/// it runs, devices are plugged in and out as they are wanted, one after another; what fails is
/// reported and left as it is until something else is wanted. A definition or start that failed is
/// tried again only when something else is wanted; stopping and removing are tried until they
/// succeed, because devices wait for them.
///
/// Invariants, checked by tests/control/server_life_test.cpp:
///  1. start_server is performed only while every attached device has granted its use, plug_device
///     only while that device has.
///  2. end_use goes out only when the server is known not to run, or not to have the device.
///  3. At most one operation is outstanding.
class server_life {
public:
  explicit server_life(model::server_id id, life_options options = {});

  [[nodiscard]] life::effects step(model::timestamp now, const life::event& what);

  [[nodiscard]] model::observed_server observed() const;
  [[nodiscard]] const std::optional<model::desired_server>& desired() const { return desired_; }
  [[nodiscard]] bool running() const { return running_; }

private:
  enum class task : std::uint8_t {
    none,
    define,
    start,
    stop,
    force_stop,
    undefine,
    plug,
    unplug,
    observe,
    fence
  };
  enum class existence : std::uint8_t { unknown, absent, defined };
  enum class timer_use : std::uint8_t { none, deadline, graceful, devices, unplug, retry };
  /// A device that could not be plugged as wanted.
  struct trouble {
    bool wanted = false; ///< in the guest; else out of it
    std::string reason;
  };

  void on(const life::wanted& what);
  void on(const life::unwanted& what);
  void on(const life::listed& what);
  void on(const life::listed_again& what);
  void on(const life::devices_changed& what);
  void on(const life::use_granted& what);
  void on(const life::use_refused& what);
  void on(const life::operation_finished& what);
  void on(const life::timer_fired& what);
  void on(const life::exited& what);
  void on(const life::device_left& what);
  void on(const life::paused& what);
  void on(const life::plug_again& what);

  void reconcile();
  void reconcile_unwanted();
  void reconcile_wanted();
  void reconcile_start();
  void reconcile_plugs();
  void plug_missing();
  void not_plugged(const model::device_id& device, std::string reason);
  void not_unplugged(const model::device_id& device, std::string reason);
  void missing_not_plugged(const std::string& reason);
  void went_off();
  void end_use(const model::device_id& device);
  void succeeded(task what, const model::host_operations::operation_result& outcome);
  void failed(task what, const model::failure& why);
  void seen(const std::optional<model::host_operations::listed_server>& what);
  void seen_running(const model::host_operations::listed_server& what);
  void look_first();
  void perform(task what);
  void give_up(model::server_status status, std::string reason);
  void release_devices();
  void retry_later(model::server_status status, std::string reason);
  void enter(model::server_status status, std::string reason = {});
  void arm(timer_use use, model::duration after);
  [[nodiscard]] bool definition_differs() const;
  [[nodiscard]] bool wants_device(const model::device_id& device) const;
  [[nodiscard]] std::vector<model::attachment> missing() const;
  [[nodiscard]] std::string running_reason() const;
  [[nodiscard]] bool wants_to_run() const;

  // Constant after construction.
  model::server_id id_;
  life_options options_;
  // What is wanted.
  std::optional<model::desired_server> desired_;
  bool unwanted_ = false;
  // What is known.
  existence existence_ = existence::unknown;
  bool running_ = false;
  std::optional<model::desired_server> definition_; ///< as last defined in this life of the agent
  std::vector<model::device_id> listed_devices_;    ///< as the backend listed it, ascending
  bool listed_off_ = false; ///< these are its definition's; a running server's may be others
  std::optional<std::uint32_t> restarts_done_; ///< unset: not known (adopted)
  std::set<model::device_id> asked_;           ///< use requested and not ended
  std::set<model::device_id> granted_;
  life::readiness devices_ = life::readiness::waiting;
  std::string devices_reason_;
  // Of the running guest.
  std::set<model::device_id> plugged_;           ///< that it has
  std::optional<model::device_id> leaving_;      ///< that it was asked to let go of
  std::set<model::device_id> left_;              ///< that it let go of unasked
  std::map<model::device_id, trouble> troubles_; ///< not tried again until something changes
  std::string paused_;                           ///< why it does not get on; empty = it does
  /// What failed: not tried again until something else is wanted.
  std::optional<model::desired_server> settled_for_;
  /// The restart counter at which the guest went off by itself: started again only above it.
  std::optional<std::uint32_t> exited_at_;
  std::string exit_reason_;
  // The operation in progress.
  task outstanding_ = task::none;
  life::operation_number operations_ = 0;
  life::timer_number timers_ = 0;
  timer_use timer_use_ = timer_use::none;
  bool force_next_ = false;                        ///< asking the guest did not help
  std::optional<model::desired_server> attempted_; ///< by the latest define or start
  model::device_id plugging_;                      ///< by the latest plug or unplug
  /// Listed, not running, and not yet known to stay so: stopped by force before all else, which
  /// the hypervisor does after whatever else it does with the server.
  std::optional<model::host_operations::listed_server> fenced_;
  std::optional<std::string> early_exit_; ///< reported while the start was outstanding
  task doubtful_ = task::none; ///< its outcome is unknown; judged when the backend has listed
  std::string doubt_;
  model::server_status status_ = model::server_status::unknown;
  std::string reason_;
  bool gone_ = false;
  // Of the step in progress.
  life::effects effects_;
  std::optional<model::observed_server> reported_;
};

} // namespace berth::control
