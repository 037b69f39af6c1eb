#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host.hpp"
#include "model/link.hpp"
#include "model/server.hpp"

namespace berth::hostbackend {

// What a host can be asked to do. Values in, values out; the two implementations are simulated/
// (fake PCI trees, time from seeded distributions) and linux/ (sysfs, vfio-pci, libvirt). Every
// operation is idempotent: doing it again when it is already done succeeds.

/// Scan the machine. Gives host_info.
struct discover {};
/// Bind all functions of the device's unit to vfio-pci, remembering the old drivers.
struct bind_device {
  model::device_id device;
};
/// Give the device back to its old driver.
struct unbind_device {
  model::device_id device;
};
/// Reset by `method`; empty = the first that the device has.
struct reset_device {
  model::device_id device;
  std::string method;
};
/// Compare the device with its baseline. Gives evidence.
struct verify_device {
  model::device_id device;
};
/// Make the server known to the hypervisor, powered off, with disks and networks.
struct define_server {
  model::desired_server server;
};
struct start_server {
  model::desired_server server;
};
/// `force`: destroy instead of asking the guest.
struct stop_server {
  model::server_id server;
  bool force = false;
};
/// Remove the server from the hypervisor, with its disks.
struct undefine_server {
  model::server_id server;
};
/// Which servers exist here and how they are. Gives server_listing.
struct list_servers {};

using operation =
    std::variant<discover, bind_device, unbind_device, reset_device, verify_device, define_server,
                 start_server, stop_server, undefine_server, list_servers>;

/// The operation's name in metrics and logs, e.g. `reset_device`.
[[nodiscard]] std::string_view operation_name(const operation& what);

/// What was checked of a device: every line must hold before it is free.
struct device_evidence {
  std::string reset_method;      ///< the reset that was done last; empty = none needed
  bool config_readable = false;  ///< not all ones
  bool identity_matches = false; ///< vendor, device, class
  bool bars_match = false;
  bool link_matches = false;
  bool vfio_bound = false;     ///< every function of the unit
  bool group_released = false; ///< nobody holds the group

  [[nodiscard]] bool complete() const;
  /// One line, e.g. `reset=flr config=ok ids=ok bars=ok link=ok driver=vfio-pci group=free`.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const device_evidence&, const device_evidence&) = default;
};

struct listed_server {
  model::server_id server;
  bool running = false;
  std::vector<model::device_id> devices;
  friend bool operator==(const listed_server&, const listed_server&) = default;
};
using server_listing = std::vector<listed_server>;

using operation_result =
    std::variant<std::monostate, model::host_info, device_evidence, server_listing>;

/// Something happened on the machine that nobody asked for.
struct device_vanished {
  model::device_id device;
  std::string reason;
};
struct device_appeared {
  model::device_id device;
};
struct server_exited {
  model::server_id server;
  std::string reason;
};
using backend_event = std::variant<device_vanished, device_appeared, server_exited>;

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
