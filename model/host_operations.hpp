#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/host.hpp"
#include "model/ids.hpp"
#include "model/link.hpp"

/// What a host can be asked to do, and what comes back: values that the host's state machines
/// (control/) and the two backends (hostbackend/) share. Every operation is idempotent: doing it
/// again when it is already done succeeds.
namespace berth::model::host_operations {

/// Scan the machine. Gives host_info.
struct discover {
  friend bool operator==(const discover&, const discover&) = default;
};
/// Bind all functions of the device's unit to vfio-pci, remembering the old drivers.
struct bind_device {
  device_id device;
  friend bool operator==(const bind_device&, const bind_device&) = default;
};
/// Reset by `method`; empty = the first that the device has.
struct reset_device {
  device_id device;
  std::string method;
  friend bool operator==(const reset_device&, const reset_device&) = default;
};
/// Compare the device with its baseline. Gives evidence.
struct verify_device {
  device_id device;
  friend bool operator==(const verify_device&, const verify_device&) = default;
};
/// Make the server known to the hypervisor, powered off, with disks and networks. A server that is
/// defined already is redefined (devices, memory, CPUs), which needs it to be stopped.
struct define_server {
  desired_server server;
  friend bool operator==(const define_server&, const define_server&) = default;
};
struct start_server {
  desired_server server;
  friend bool operator==(const start_server&, const start_server&) = default;
};
/// Without `force`: ask the guest and succeed once it was asked; that it went off comes as
/// server_exited. With `force`: it is off when this succeeds, and no server_exited comes.
struct stop_server {
  server_id server;
  bool force = false;
  friend bool operator==(const stop_server&, const stop_server&) = default;
};
/// Plug one of `server.attachments` into the running server. Its guest has it when this succeeds.
/// Only for a server that can be plugged into (host_info::hot_plug) and a device of one function
/// that is not to be the display.
struct plug_device {
  desired_server server;
  device_id device;
  friend bool operator==(const plug_device&, const plug_device&) = default;
};
/// Ask the guest of the running server to let go of the device; succeeds once it was asked, or if
/// the server does not have it. That it let go comes as device_left, and list_servers shows it.
struct unplug_device {
  server_id server;
  device_id device;
  friend bool operator==(const unplug_device&, const unplug_device&) = default;
};
/// Remove the server from the hypervisor, with its disks.
struct undefine_server {
  server_id server;
  friend bool operator==(const undefine_server&, const undefine_server&) = default;
};
/// Which servers exist here and how they are. Gives server_listing.
struct list_servers {
  friend bool operator==(const list_servers&, const list_servers&) = default;
};

using operation =
    std::variant<discover, bind_device, reset_device, verify_device, define_server, start_server,
                 stop_server, plug_device, unplug_device, undefine_server, list_servers>;

/// What was checked of a device: every line must hold before it is free.
struct device_evidence {
  std::string reset_method;      ///< the reset that was done last; empty = none was done
  bool config_readable = false;  ///< not all ones
  bool identity_matches = false; ///< vendor, device, class
  bool bars_match = false;
  bool link_matches = false;
  bool vfio_bound = false;     ///< every function of the unit
  bool group_released = false; ///< nobody holds the group

  /// True if every check held. Whether a reset was due is the turnover's own knowledge.
  [[nodiscard]] bool complete() const {
    return config_readable && identity_matches && bars_match && link_matches && vfio_bound &&
           group_released;
  }
  /// One line, e.g. `reset=flr config=ok ids=ok bars=ok link=ok driver=vfio-pci group=free`.
  [[nodiscard]] std::string text() const {
    const auto word = [](bool holds, std::string_view good, std::string_view bad) {
      return std::string{holds ? good : bad};
    };
    return "reset=" + (reset_method.empty() ? std::string{"none"} : reset_method) +
           " config=" + word(config_readable, "ok", "unreadable") +
           " ids=" + word(identity_matches, "ok", "changed") +
           " bars=" + word(bars_match, "ok", "changed") +
           " link=" + word(link_matches, "ok", "degraded") +
           " driver=" + word(vfio_bound, "vfio-pci", "other") +
           " group=" + word(group_released, "free", "held");
  }
  friend bool operator==(const device_evidence&, const device_evidence&) = default;
};

struct listed_server {
  server_id server;
  bool running = false; ///< a paused server runs
  /// That it really holds, if it runs; else that it is defined with.
  std::vector<device_id> devices;
  std::string paused{}; ///< why its guest does not get on; empty = it does, or it is off
  friend bool operator==(const listed_server&, const listed_server&) = default;
};
struct server_listing {
  std::vector<listed_server> servers; ///< that carry our mark, ascending by id
  /// Names of the hypervisor's other domains, ascending. They are looked at and never touched.
  std::vector<std::string> unknown_domains;
  friend bool operator==(const server_listing&, const server_listing&) = default;
};

using operation_result = std::variant<std::monostate, host_info, device_evidence, server_listing>;

/// Something happened on the machine that nobody asked for.
struct device_vanished {
  device_id device;
  std::string reason;
  friend bool operator==(const device_vanished&, const device_vanished&) = default;
};
struct device_appeared {
  device_id device;
  friend bool operator==(const device_appeared&, const device_appeared&) = default;
};
struct server_exited {
  server_id server;
  std::string reason;
  friend bool operator==(const server_exited&, const server_exited&) = default;
};
/// The running server's guest let go of the device, asked or not: the device is the host's again.
struct device_left {
  server_id server;
  device_id device;
  friend bool operator==(const device_left&, const device_left&) = default;
};
/// The guest was stopped by a fault or by an administrator, and still holds its devices.
struct server_paused {
  server_id server;
  std::string reason;
  friend bool operator==(const server_paused&, const server_paused&) = default;
};
struct server_resumed {
  server_id server;
  friend bool operator==(const server_resumed&, const server_resumed&) = default;
};
using backend_event = std::variant<device_vanished, device_appeared, server_exited, device_left,
                                   server_paused, server_resumed>;

} // namespace berth::model::host_operations
