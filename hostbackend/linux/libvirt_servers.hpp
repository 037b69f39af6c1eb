#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "hostbackend/linux/device_release.hpp"
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
  std::string disk_pool = "berth";         ///< libvirt storage pool of the servers' disks
  std::string image_pool = "berth-images"; ///< the only place that backing images come from
  domain_settings domains;
  model::duration call_limit = std::chrono::seconds{30};   ///< of each operation but these two
  model::duration start_limit = std::chrono::seconds{300}; ///< pinning much memory takes minutes
  model::duration stop_limit = std::chrono::seconds{120};  ///< a dead device delays the end
  model::duration reconnect_interval = std::chrono::seconds{2};
  int keepalive_seconds = 5; ///< a libvirtd that is silent for four of these is given up
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
using server_event =
    std::variant<model::host_operations::server_exited, model::host_operations::server_paused,
                 model::host_operations::server_resumed, model::host_operations::device_left,
                 libvirt_reachable, foreign_changed>;

struct domain_survey {
  /// Ours with the devices that they really hold, others by name.
  model::host_operations::server_listing listing;
  foreign_holds held; ///< what running domains of others hold

  friend bool operator==(const domain_survey&, const domain_survey&) = default;
};

/// Servers as domains of libvirt. Operations block up to their limit, are idempotent, and may be
/// called on any thread; one server at a time is the caller's business. A domain without our
/// metadata is never touched.
///
/// Failures: errc::outcome_unknown when libvirt did not answer within the limit or the connection
/// broke meanwhile (the call may still have its effect: list before repeating);
/// errc::hypervisor_failed with the reason when libvirtd cannot be reached, or refuses; else as
/// from_libvirt(), check_domain() and storage_volumes.hpp say.
class libvirt_servers {
public:
  /// `listener` is called on threads of this object, one call at a time, and must not wait for
  /// operations. Connecting goes on behind the scenes.
  libvirt_servers(libvirt_settings settings, std::function<void(server_event)> listener);
  ~libvirt_servers(); ///< no listener call after this; servers keep running
  libvirt_servers(const libvirt_servers&) = delete;
  libvirt_servers& operator=(const libvirt_servers&) = delete;

  [[nodiscard]] bool connected() const;

  /// Defines the domain, or redefines it, makes the disks that are not there yet, and the medium
  /// for cloud-init anew. `devices` as for check_domain(). A running server is refused. What a
  /// failure leaves behind, undefine() removes.
  [[nodiscard]] model::result<void> define(const model::desired_server& server,
                                           const std::vector<model::device_info>& devices);
  [[nodiscard]] model::result<void> start(const model::server_id& server);
  /// As model::host_operations::stop_server says.
  [[nodiscard]] model::result<void> stop(const model::server_id& server, bool force);
  /// Plugs the device into the running server, until it stops. Needs a free root port
  /// (domain_settings::spare_root_ports); wrong_state when there is none, when the server is off,
  /// or as hot_plug_xml() says.
  [[nodiscard]] model::result<void> plug(const model::server_id& server,
                                         const model::attachment& attachment,
                                         const model::device_info& device);
  /// As model::host_operations::unplug_device says.
  [[nodiscard]] model::result<void> unplug(const model::server_id& server,
                                           const model::device_id& device);
  /// Removes the domain and the server's disks. A running server is refused.
  [[nodiscard]] model::result<void> undefine(const model::server_id& server);
  [[nodiscard]] model::result<domain_survey> list() const;

private:
  class state;
  std::shared_ptr<state> state_;
};

/// The functions that our servers are defined with or hold now, over a connection of its own: for
/// who has no libvirt_servers, or cannot wait until it is connected. Failures as there.
[[nodiscard]] model::result<function_users> functions_of_servers(const std::string& uri,
                                                                 model::duration limit);

} // namespace berth::hostbackend::host_linux
