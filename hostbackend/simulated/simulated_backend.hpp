#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "hostbackend/host_backend.hpp"
#include "hostbackend/simulated/faults.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "model/ids.hpp"
#include "model/random.hpp"
#include "model/time.hpp"

namespace berth::hostbackend::simulated {

/// How long an operation takes: `least` plus an exponentially distributed rest.
struct operation_time {
  model::duration least{};
  model::duration mean_rest{};
};

/// Shared by any number of hosts; immutable.
struct simulated_settings {
  std::string agent_version = "simulated";
  /// By operation_name(). The defaults are what GPU servers commonly show: a bus reset takes about
  /// a second, the start of a guest with pinned memory several.
  std::map<std::string, operation_time, std::less<>> times = default_times();
  /// How long a guest takes to power off after it was asked.
  operation_time guest_shutdown{std::chrono::seconds{2}, std::chrono::seconds{3}};
  /// How long a guest takes to let go of a device after it was asked.
  operation_time guest_unplug{std::chrono::milliseconds{200}, std::chrono::milliseconds{500}};
  bool hot_plug = false; ///< of every machine; else as its description says
  double time_scale = 1; ///< multiplies every time; 0 = immediately
  fault_plan faults;

  [[nodiscard]] static std::map<std::string, operation_time, std::less<>> default_times();
};

/// A host that pretends. Its PCI tree comes from a machine description; operations take time by the
/// given timer and can fail by plan; what a real host would refuse, it refuses (a device that a
/// running server holds is neither reset nor given to another, a removed device is lost).
///
/// Thread-safe: perform() and the calls below may come from any thread. Completions and events are
/// called without a lock, on the thread of the timer (events of remove_device() and the like: on
/// the caller's), never inside perform(). Destroying the backend drops what is still under way.
/// A host costs about 1.5 KiB plus its machine, which all hosts of a kind share.
class simulated_backend final : public host_backend {
public:
  /// `clock` outlives the backend; `dice` is this host's own generator.
  simulated_backend(simulated_host host, std::shared_ptr<const simulated_settings> settings,
                    timer& clock, model::random dice);
  ~simulated_backend() override;
  simulated_backend(const simulated_backend&) = delete;
  simulated_backend& operator=(const simulated_backend&) = delete;

  void perform(operation what, completion done) override;
  void on_event(std::function<void(backend_event)> listener) override;

  [[nodiscard]] const simulated_host& host() const;

  // The hand of fate, for tests, demos and scenarios.

  /// Adds a fault in front of the plan.
  void inject(fault what);
  /// No fault strikes any more; stuck operations answer with outcome_unknown.
  void clear_faults();
  /// Pulls a device out of its slot: surprise removal.
  void remove_device(const model::device_id& device, const std::string& reason);
  void return_device(const model::device_id& device);
  /// The guest is stopped where it is, or goes on again (an empty reason).
  void pause_server(const model::server_id& server, const std::string& reason);
  /// A domain that somebody else made on the host's hypervisor.
  void add_unknown_domain(std::string name);
  /// The guest's process dies.
  void crash_server(const model::server_id& server, const std::string& reason);
  /// The whole host loses power and comes back: no server runs, no device is bound. No events.
  void power_cycle();

private:
  class state;
  std::shared_ptr<state> state_;
};

} // namespace berth::hostbackend::simulated
