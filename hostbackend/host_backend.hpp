#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "model/failure.hpp"
#include "model/host_operations.hpp"
#include "model/time.hpp"

namespace berth::hostbackend {

// The operations are values of model/host_operations.hpp, so that the state machines of control/
// can name them. The two implementations of host_backend are simulated/ (fake PCI trees, time from
// seeded distributions) and linux/ (sysfs, vfio-pci, libvirt).
using model::host_operations::backend_event;
using model::host_operations::bind_device;
using model::host_operations::define_server;
using model::host_operations::device_appeared;
using model::host_operations::device_evidence;
using model::host_operations::device_left;
using model::host_operations::device_vanished;
using model::host_operations::discover;
using model::host_operations::list_servers;
using model::host_operations::listed_server;
using model::host_operations::operation;
using model::host_operations::operation_result;
using model::host_operations::plug_device;
using model::host_operations::reset_device;
using model::host_operations::server_exited;
using model::host_operations::server_listing;
using model::host_operations::server_paused;
using model::host_operations::server_resumed;
using model::host_operations::start_server;
using model::host_operations::stop_server;
using model::host_operations::undefine_server;
using model::host_operations::unplug_device;
using model::host_operations::verify_device;

/// The operation's name in metrics and logs, e.g. `reset_device`.
[[nodiscard]] std::string_view operation_name(const operation& what);
/// All of them.
[[nodiscard]] std::span<const std::string_view> operation_names();

/// The machine. perform() never blocks; `done` is called exactly once per call, later, on a thread
/// of the backend's choosing. A failure with errc::outcome_unknown means: observe before doing
/// anything else.
class host_backend {
public:
  using completion = std::function<void(model::result<operation_result>)>;
  virtual ~host_backend() = default;

  virtual void perform(operation what, completion done) = 0;
  /// Where backend events go; set once before the first perform().
  virtual void on_event(std::function<void(backend_event)> listener) = 0;
};

/// The door to time for backends that pretend: calls `what` once after `delay`.
class timer {
public:
  virtual ~timer() = default;
  virtual void after(model::duration delay, std::function<void()> what) = 0;
};

} // namespace berth::hostbackend
