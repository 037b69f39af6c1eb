#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "hostbackend/linux/domain_xml.hpp"
#include "hostbackend/linux/foreign_domains.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host_operations.hpp"
#include "model/link.hpp"
#include "model/time.hpp"

namespace berth::hostbackend::host_linux {

struct libvirt_settings {
  std::string uri = "qemu:///system";
  std::string image_pool = "berth-images"; ///< the only place that backing images come from
  domain_settings domains;
  model::duration call_limit = std::chrono::seconds{30};   ///< of each operation but these two
  model::duration start_limit = std::chrono::seconds{300}; ///< pinning much memory takes minutes
  model::duration stop_limit = std::chrono::seconds{120};  ///< a dead device delays the end
  model::duration reconnect_interval = std::chrono::seconds{2};
  int keepalive_seconds = 5; ///< a libvirtd that is silent for four of these is given up
};

/// A server's guest was stopped by a fault or by an administrator, and still holds its devices. The
/// reason for a fault is in QEMU's log.
struct server_paused {
  model::server_id server;
  std::string reason;
  friend bool operator==(const server_paused&, const server_paused&) = default;
};
/// The guest let go of the device: it is the host's again.
struct device_left {
  model::server_id server;
  model::device_id device;
  friend bool operator==(const device_left&, const device_left&) = default;
};
/// libvirtd went away or came back. After it came back every server_exited that was missed has been
/// given.
struct libvirt_reachable {
  bool reachable = false;
  std::string reason; ///< why not
  friend bool operator==(const libvirt_reachable&, const libvirt_reachable&) = default;
};
/// A domain that is not ours began or ended, or got or lost a device: what list() says of foreign
/// domains may have changed.
struct foreign_changed {
  friend bool operator==(const foreign_changed&, const foreign_changed&) = default;
};
using server_event = std::variant<model::host_operations::server_exited, server_paused, device_left,
                                  libvirt_reachable, foreign_changed>;

struct domain_listing {
  /// Ascending by id, with the devices that they really hold; a paused server runs.
  model::host_operations::server_listing ours;
  std::vector<std::string> foreign; ///< names of domains that are not ours, ascending
  foreign_holds held;               ///< what those of them that run hold

  friend bool operator==(const domain_listing&, const domain_listing&) = default;
};

/// Servers as domains of libvirt. Operations block up to their limit, are idempotent, and may be
/// called on any thread; one server at a time is the caller's business. A domain without our
/// metadata is never touched.
///
/// Failures: errc::outcome_unknown when libvirt did not answer within the limit or the connection
/// broke meanwhile (the call may still have its effect: list before repeating);
/// errc::hypervisor_failed with the reason when libvirtd cannot be reached, or refuses; else as
/// from_libvirt() and domain_xml() say.
class libvirt_servers {
public:
  /// `listener` is called on threads of this object, one call at a time, and must not wait for
  /// operations. Connecting goes on behind the scenes.
  libvirt_servers(libvirt_settings settings, std::function<void(server_event)> listener);
  ~libvirt_servers(); ///< no listener call after this; servers keep running
  libvirt_servers(const libvirt_servers&) = delete;
  libvirt_servers& operator=(const libvirt_servers&) = delete;

  [[nodiscard]] bool connected() const;

  /// Defines the domain, or redefines it, and makes the disks that are not there yet. `devices` as
  /// for domain_xml(). A running server is refused.
  [[nodiscard]] model::result<void> define(const model::desired_server& server,
                                           const std::vector<model::device_info>& devices);
  [[nodiscard]] model::result<void> start(const model::server_id& server);
  /// As model::host_operations::stop_server says.
  [[nodiscard]] model::result<void> stop(const model::server_id& server, bool force);
  /// Removes the domain and the server's disks. A running server is refused.
  [[nodiscard]] model::result<void> undefine(const model::server_id& server);
  [[nodiscard]] model::result<domain_listing> list() const;

private:
  class state;
  std::shared_ptr<state> state_;
};

} // namespace berth::hostbackend::host_linux
