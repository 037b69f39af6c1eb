#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host_operations.hpp"
#include "model/ids.hpp"
#include "model/link.hpp"
#include "model/time.hpp"

namespace berth::control {

/// What goes into and comes out of a device's turnover machine (docs/turnover.md).
namespace turnover {

/// Ties the answer of an operation to its question; rises by 1 per device and life.
using operation_number = std::uint64_t;
/// Names one armed timer. The machine ignores a timer that it no longer waits for, so none needs
/// cancelling.
using timer_number = std::uint64_t;

/// Who owns the device by the highest command obeyed. The shell keeps it on disk.
struct ownership {
  model::device_epoch epoch = 0;
  std::optional<model::server_id> owner;
  friend bool operator==(const ownership&, const ownership&) = default;
};

// --- Events

/// The machine was scanned and has the device. `held_by`: the running server that the backend
/// lists as holding it. First event of a life; again after every rescan.
struct found {
  model::device_info facts;
  std::optional<model::server_id> held_by;
};
/// The device is gone from the bus.
struct vanished {
  std::string reason;
};
/// The controller's word; the same device's commands may arrive late, twice or out of order.
using command = model::desired_device;
/// The shell has put the ownership of this epoch on disk.
struct ownership_persisted {
  model::device_epoch epoch = 0;
};
/// The shell could not. The machine asks again after a while.
struct persist_failed {
  model::device_epoch epoch = 0;
  std::string reason;
};
/// A server of this host is about to start with the device; answered by grant_use or refuse_use.
struct use_requested {
  model::server_id server;
  model::device_epoch epoch = 0;
};
/// The backend was seen to run this server with the device, though nobody here had started it (a
/// former life of the agent had). Nothing touches the device until use_ended.
struct use_found {
  model::server_id server;
};
/// The server does not run (any more).
struct use_ended {
  model::server_id server;
};
struct operation_finished {
  operation_number number = 0;
  model::result<model::host_operations::operation_result> outcome;
};
struct timer_fired {
  timer_number number = 0;
};
/// An operator asks to try a quarantined device again.
struct probe {};

using event =
    std::variant<found, vanished, command, ownership_persisted, persist_failed, use_requested,
                 use_found, use_ended, operation_finished, timer_fired, probe>;

// --- Effects

/// Put this on disk, then answer with ownership_persisted. Nothing is done on the strength of a
/// command before that.
struct persist_ownership {
  ownership what;
  friend bool operator==(const persist_ownership&, const persist_ownership&) = default;
};
/// Do it and answer with operation_finished. At most one is outstanding per device.
struct perform {
  operation_number number = 0;
  model::host_operations::operation what;
  friend bool operator==(const perform&, const perform&) = default;
};
/// Send timer_fired with this number after the delay.
struct arm_timer {
  timer_number number = 0;
  model::duration after{};
  friend bool operator==(const arm_timer&, const arm_timer&) = default;
};
/// The device's observable state changed (or an event asked for it to be told again).
struct report {
  model::observed_device what;
  friend bool operator==(const report&, const report&) = default;
};
/// The server may start with the device: it is `in_use` from now on, until use_ended.
struct grant_use {
  model::server_id server;
  model::device_epoch epoch = 0;
  friend bool operator==(const grant_use&, const grant_use&) = default;
};
struct refuse_use {
  model::server_id server;
  model::failure why;
  friend bool operator==(const refuse_use&, const refuse_use&) = default;
};
/// Answers every use_ended, after the report of what it changed.
struct confirm_end {
  model::server_id server;
  friend bool operator==(const confirm_end&, const confirm_end&) = default;
};
/// A command was not obeyed (errc::stale_epoch); counted and logged by the shell.
struct refuse_command {
  model::failure why;
  friend bool operator==(const refuse_command&, const refuse_command&) = default;
};

using effect = std::variant<persist_ownership, perform, arm_timer, report, grant_use, refuse_use,
                            confirm_end, refuse_command>;
using effects = std::vector<effect>;

} // namespace turnover

/// How patient a device's turnover is. Every bound of the machine is here.
struct turnover_options {
  model::duration operation_deadline = std::chrono::seconds{120}; ///< from asking to answer
  model::duration retry_delay = std::chrono::seconds{2};          ///< between two tries of one step
  int bind_attempts_max = 3;
  int verify_attempts_max = 3;  ///< while only the group is still held
  int unknown_attempts_max = 3; ///< repeats of an operation whose outcome stayed unknown
  /// The ladder after quarantine: one cleaning is tried after each delay, then only a probe helps.
  std::vector<model::duration> recovery_delays{std::chrono::minutes{1}, std::chrono::minutes{10},
                                               std::chrono::hours{1}};
};

/// The turnover of one passthrough device: discovered, binding, free, reserved, in_use, releasing,
/// resetting, verifying; unusable, quarantined, lost. Owns no clock, disk or bus. One device actor
/// runs one machine and nobody else.
///
/// Invariants, checked by tests/control/device_turnover_property_test.cpp:
///  1. `free` and `reserved` are entered only on complete evidence of a verification that followed
///     a successful reset, both after the last use.
///  2. Ownership follows the highest epoch only, and only after it is on disk.
///  3. At most one server uses the device; the next is granted after use_ended of the last.
///  4. At most one operation is outstanding.
///  5. It settles: without new events other than answers and timers it reaches a state in which it
///     waits for nobody but the operator, the controller or a running server.
class device_turnover {
public:
  /// `kept`: what the shell found on disk; the default for a device never commanded.
  device_turnover(model::device_id id, turnover::ownership kept, turnover_options options = {});

  [[nodiscard]] turnover::effects step(model::timestamp now, const turnover::event& what);

  // What it knows, for status pages and tests.
  [[nodiscard]] model::observed_device observed() const;
  [[nodiscard]] model::device_state state() const { return state_; }
  [[nodiscard]] const turnover::ownership& obeyed() const { return obeyed_; }
  [[nodiscard]] const std::optional<model::server_id>& user() const { return user_; }
  [[nodiscard]] bool enabled() const { return enabled_; }

private:
  enum class stage : std::uint8_t { bind, reset, verify, observe };
  enum class timer_use : std::uint8_t { none, deadline, retry, recovery };
  /// The operation that was asked for and not answered.
  struct outstanding {
    turnover::operation_number number = 0;
    stage what = stage::bind;
    bool overdue = false;    ///< the deadline passed; its outcome is unknown until it answers
    bool superseded = false; ///< its answer matters no more, but nothing may start before it
  };

  void on(const turnover::found& what);
  void on(const turnover::vanished& what);
  void on(const turnover::command& what);
  void on(const turnover::ownership_persisted& what);
  void on(const turnover::persist_failed& what);
  void on(const turnover::use_requested& what);
  void on(const turnover::use_found& what);
  void on(const turnover::use_ended& what);
  void on(const turnover::operation_finished& what);
  void on(const turnover::timer_fired& what);
  void on(const turnover::probe& what);

  void persist(turnover::ownership what);
  void ownership_changed(const turnover::ownership& before);
  void supersede();
  void adopt(const model::server_id& server);
  void clean();
  void start(stage what);
  void ask(stage what);
  void later(stage what);
  void bound(const model::failure* why);
  void was_reset(const model::failure* why);
  void verified(const model::result<model::host_operations::operation_result>& outcome);
  void judge(const model::host_operations::device_evidence& seen);
  void outcome_unknown(stage what, const model::failure& why);
  void next_method(std::string reason);
  void was_observed(const model::result<model::host_operations::operation_result>& outcome);
  void quarantine(std::string reason);
  void recover_later();
  void deadline_passed();
  void enter(model::device_state state, std::string reason = {});
  void arm(timer_use use, model::duration after);
  [[nodiscard]] std::string method() const;

  // Constant after construction.
  model::device_id id_;
  turnover_options options_;
  // What is known and obeyed.
  turnover::ownership obeyed_;
  std::optional<turnover::ownership> persisting_; ///< asked to disk, not yet obeyed
  turnover::timer_number persist_timer_ = 0;      ///< asks again after a failed try; 0 = none
  std::optional<model::device_info> facts_;
  std::optional<model::server_id> user_; ///< the server that runs with the device
  bool user_lost_it_ = false;            ///< it left the bus and came back while user_ ran
  bool enabled_ = true;                  ///< off: no automatic recovery from quarantine
  model::device_state state_ = model::device_state::discovered;
  std::string reason_;
  std::string evidence_; ///< of the verification that made it free or reserved
  // The cleaning in progress.
  bool bound_ = false;
  std::size_t rung_ = 0; ///< which reset method
  int bind_attempts_ = 0;
  int verify_attempts_ = 0;
  int unknown_attempts_ = 0;
  stage unknown_stage_ = stage::bind; ///< what to repeat after an observation
  std::size_t recoveries_ = 0;        ///< automatic ones since the last success or probe
  bool clean_when_answered_ = false;
  std::optional<outstanding> outstanding_;
  turnover::operation_number operations_ = 0;
  turnover::timer_number timers_ = 0; ///< armed so far
  turnover::timer_number timer_ = 0;  ///< the one that timer_use_ speaks of
  timer_use timer_use_ = timer_use::none;
  stage retry_stage_ = stage::bind;
  // Of the step in progress.
  turnover::effects effects_;
  std::optional<model::observed_device> reported_;
};

} // namespace berth::control
