#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "control/device_turnover.hpp"
#include "control/server_life.hpp"
#include "model/failure.hpp"
#include "model/host.hpp"
#include "model/host_operations.hpp"
#include "model/ids.hpp"
#include "model/link.hpp"
#include "model/time.hpp"

namespace berth::control {

/// What goes into and comes out of the machine that a host's agent runs.
namespace agent {

/// Names one operation or timer of this host; rises by 1.
using ticket = std::uint64_t;

// --- Events

/// The agent starts: what the shell found on disk about its devices.
struct started {
  std::map<model::device_id, turnover::ownership> kept;
};
/// The link to the controller is up; nothing was sent on it yet.
struct link_up {};
struct link_down {};
/// The controller said something on the link.
using heard = model::to_host;
/// A device's machine said something (all effects of a device except its timers and its disk).
struct device_said {
  model::device_id device;
  turnover::effect what; ///< anything but persist_ownership and arm_timer
};
struct operation_finished {
  ticket number = 0;
  model::result<model::host_operations::operation_result> outcome;
};
struct timer_fired {
  ticket number = 0;
};
using machine_said = model::host_operations::backend_event;

using event = std::variant<started, link_up, link_down, heard, device_said, operation_finished,
                           timer_fired, machine_said>;

// --- Effects

/// Run a device_turnover for this device from now on, with what was kept on disk.
struct spawn_device {
  model::device_id device;
  turnover::ownership kept;
  friend bool operator==(const spawn_device&, const spawn_device&) = default;
};
/// Hand this to the device's machine; in order per device.
struct tell_device {
  model::device_id device;
  turnover::event what;
};
/// Ask the backend; answer with operation_finished.
struct perform {
  ticket number = 0;
  model::host_operations::operation what;
  friend bool operator==(const perform&, const perform&) = default;
};
/// Send timer_fired with this number after the delay.
struct arm_timer {
  ticket number = 0;
  model::duration after{};
  friend bool operator==(const arm_timer&, const arm_timer&) = default;
};
/// Send this to the controller. Emitted only between link_up and link_down.
struct send {
  model::from_host what;
};
/// Something of the controller was not obeyed; counted and logged by the shell.
struct refused {
  model::failure why;
  friend bool operator==(const refused&, const refused&) = default;
};

using effect = std::variant<spawn_device, tell_device, perform, arm_timer, send, refused>;
using effects = std::vector<effect>;

} // namespace agent

struct host_options {
  life_options life;
  std::size_t operations_in_flight_max = 16; ///< at the backend at once; the rest queue, in order
  std::size_t reports_in_flight_max = 4;     ///< unacknowledged; further changes are merged
  /// From the first change to the report of it, so that changes that come together share a report.
  model::duration report_gather = std::chrono::seconds{0};
  model::duration report_resend = std::chrono::seconds{5}; ///< an unacknowledged report, anew
  model::duration rescan_delay = std::chrono::seconds{10}; ///< after a scan or listing failed
  /// The servers are listed again so long after the agent's start, because what a former life of it
  /// had asked of the hypervisor may have come true since, and then at the last interval for ever:
  /// whoever goes behind the agent's back is found out. Not empty.
  std::vector<model::duration> relist_delays{std::chrono::seconds{10}, std::chrono::minutes{1},
                                             std::chrono::minutes{10}};
};

/// The agent of one host: takes the controller's desired state, leads its servers' lives, routes
/// commands to its devices' machines and their operations to the backend (bounded), and reports
/// what it observes (numbered, merged, repeated until acknowledged). One host actor runs one.
///
/// Invariants, checked by tests/control/host_machine_test.cpp:
///  1. No desired state older than (leader, generation) of the last one is obeyed.
///  2. A server that the controller does not know (it asks neither for it nor for its removal) is
///     reported and left as it is.
///  3. Devices hear `found` only after the running servers were listed, and those of a server that
///     a former life of the agent may be starting only when it surely does not run: a device that a
///     server holds is never touched under it.
///  4. At most `operations_in_flight_max` operations are at the backend.
///  5. A change is in some report until a report that carries it (or a later one) is acknowledged.
class host_machine {
public:
  explicit host_machine(host_options options = {});

  [[nodiscard]] agent::effects step(model::timestamp now, const agent::event& what);

  [[nodiscard]] model::generation_number generation() const { return generation_; }
  [[nodiscard]] model::leader_epoch leader() const { return leader_; }
  /// Of the latest scan; unset before the first succeeded.
  [[nodiscard]] const std::optional<model::host_info>& inventory() const { return info_; }
  [[nodiscard]] std::size_t operations_in_flight() const { return at_backend_.size(); }
  [[nodiscard]] std::size_t operations_queued() const { return queue_.size(); }

private:
  /// Who asked for an operation.
  struct of_device {
    model::device_id device;
    turnover::operation_number number = 0;
  };
  struct of_server {
    model::server_id server;
    life::operation_number number = 0;
  };
  enum class own : std::uint8_t { scan, listing, listing_again };
  using asker = std::variant<own, of_device, of_server>;
  struct queued {
    asker who;
    model::host_operations::operation what;
  };
  /// Who armed a timer.
  struct server_timer {
    model::server_id server;
    life::timer_number number = 0;
  };
  enum class own_timer : std::uint8_t { report, resend, rescan, relist };
  using timer_owner = std::variant<own_timer, server_timer>;

  /// Whether the controller knows the latest of a thing.
  struct delivery {
    bool due = false;       ///< not acknowledged
    std::uint64_t sent = 0; ///< number of the report that carried it; 0 = none did
  };
  struct device_entry {
    bool present = false;
    model::observed_device observed;
    bool known = false; ///< it has reported in this life
    int ends_open = 0;  ///< use_ended told and not confirmed
    delivery told;
  };
  struct server_entry {
    explicit server_entry(server_life machine) : life{std::move(machine)} {}

    server_life life;
    model::observed_server observed;
    bool known = false;
    bool gone = false; ///< kept until the report that says so is acknowledged
    std::optional<life::devices_changed> readiness; ///< as last told to the life
    bool readiness_due = true;                      ///< it may have changed
    delivery told;
  };

  void on(const agent::started& what);
  void on(const agent::link_up& what);
  void on(const agent::link_down& what);
  void on(const agent::heard& what);
  void on(const agent::device_said& what);
  void on(const agent::operation_finished& what);
  void on(const agent::timer_fired& what);
  void on(const agent::machine_said& what);

  void heard(const model::link_welcome& what);
  void heard(const model::desired_state& what);
  void heard(const model::probe_request& what);
  void heard(const model::report_acknowledged& what);
  void heard(const model::full_report_request& what);

  void scan();
  void scanned(const model::result<model::host_operations::operation_result>& outcome);
  void listed(const model::result<model::host_operations::operation_result>& outcome);
  void introduce(const model::host_operations::server_listing& servers);
  void introduce_device(const model::device_info& facts, std::optional<model::server_id> held_by);
  [[nodiscard]] bool is_fenced(const model::device_id& device) const;
  void unfence(const model::server_id& server);
  void listed_again(const model::result<model::host_operations::operation_result>& outcome);
  void scan_failed();
  void relist_later();
  void others_seen(std::vector<std::string> domains);
  void say_hello();
  void obey(const model::desired_state& what);

  server_entry& life_of(const model::server_id& server);
  [[nodiscard]] bool lives(const model::server_id& server) const;
  void drive(const model::server_id& server, const life::event& what);
  void route(const model::server_id& server, const life::effect& what);
  void tell_device(const model::device_id& device, turnover::event what);
  void drive_if_alive(const model::server_id& server, const life::event& what);
  [[nodiscard]] model::device_epoch commanded_epoch(const model::device_id& device) const;
  void try_plugs_again(const model::device_id& device);
  void readiness_may_change();
  void readiness_may_change(const model::device_id& of);
  void tell_readiness();
  [[nodiscard]] std::optional<life::devices_changed> news_of_readiness(server_entry& entry) const;
  [[nodiscard]] life::devices_changed readiness_of(const model::desired_server& server) const;

  void ask(asker who, model::host_operations::operation what);
  void feed_backend();
  void arm(timer_owner who, model::duration after);

  void report_changes();
  void send_report(bool full);
  void resend();
  void changed(delivery& what);

  host_options options_;
  model::timestamp now_{};
  // Of the machine.
  std::optional<model::host_info> info_;
  std::map<model::device_id, turnover::ownership> kept_;
  std::map<model::device_id, device_entry> devices_;
  std::map<model::server_id, server_entry> servers_;
  /// Servers that may be about to run since a former life, with the devices as listed.
  std::map<model::server_id, std::vector<model::device_id>> fences_;
  bool scanning_ = false;
  bool scan_again_ = false;
  bool inventory_due_ = false;               ///< asked for by a probe, or changed
  bool listed_ = false;                      ///< the running servers have been listed in this life
  std::size_t relisted_ = 0;                 ///< so often since
  std::vector<std::string> unknown_domains_; ///< as listed last, as many as a report takes
  delivery unknown_told_;
  // Of the controller.
  bool link_up_ = false;
  bool said_hello_ = false;
  bool welcome_ = false;
  model::leader_epoch leader_ = 0;         ///< the highest heard of
  model::leader_epoch desired_leader_ = 0; ///< of the desired state obeyed
  model::generation_number generation_ = 0;
  std::optional<model::desired_state> early_; ///< came before the machine was scanned
  std::map<model::device_id, model::desired_device> commands_; ///< as last told
  std::set<model::server_id> removals_;                        ///< as last told
  bool readiness_due_ = false;                                 ///< of some server
  // What the controller knows.
  bool full_due_ = false;
  std::uint64_t full_sent_ = 0; ///< number of the full report that is not acknowledged; 0 = none
  delivery generation_told_;
  bool unsent_ = false;       ///< some delivery is due and not sent
  bool gathering_ = false;    ///< the timer of a report runs
  bool gathered_ = false;     ///< it has fired, and the report is still to be sent
  std::uint64_t reports_ = 0; ///< sent so far
  std::uint64_t settled_ = 0; ///< up to here acknowledged, or given up for a later one
  bool resend_armed_ = false;
  // Operations and timers.
  std::deque<queued> queue_;
  std::map<agent::ticket, asker> at_backend_;
  std::map<agent::ticket, timer_owner> timers_;
  agent::ticket tickets_ = 0;
  // Of the step in progress.
  agent::effects effects_;
};

} // namespace berth::control
