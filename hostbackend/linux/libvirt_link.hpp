#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "hostbackend/linux/libvirt_handles.hpp"
#include "model/failure.hpp"
#include "model/time.hpp"

namespace berth::hostbackend::host_linux {

/// A connection without a link: for questions that end before it does. Blocks as long as libvirtd
/// does.
[[nodiscard]] model::result<connection_handle> open_connection(const std::string& uri);

/// What happens on a connection. Called on libvirt's event thread (`lifecycle`, `device_added`,
/// `device_removed`, `lost`) or the link's own (`connected`); none may call into the link.
struct link_observer {
  /// There is a connection and its events arrive; what happened before is not known. A failure,
  /// because that could not be found out, gives the connection up: another is made.
  std::function<model::result<void>(const connection_handle&)> connected;
  std::function<void(const std::string& reason)> lost;
  /// `uuid` of the domain; virDomainEventType and its detail.
  std::function<void(const std::string& uuid, int event, int detail)> lifecycle;
  std::function<void(const std::string& uuid, const std::string& alias)> device_added;
  std::function<void(const std::string& uuid, const std::string& alias)> device_removed;
};

struct link_settings {
  std::string uri;
  model::duration call_limit{};     ///< for opening and closing
  model::duration retry_interval{}; ///< between attempts to connect
  int keepalive_seconds = 5;        ///< a libvirtd that is silent for four of these is given up
};

/// A connection to libvirtd that comes back by itself.
class libvirt_link {
public:
  /// Does not wait for the connection.
  libvirt_link(link_settings settings, link_observer observer);
  ~libvirt_link();
  libvirt_link(const libvirt_link&) = delete;
  libvirt_link& operator=(const libvirt_link&) = delete;

  /// Null while there is none.
  [[nodiscard]] connection_handle connection() const;
  /// Why there is none, in libvirt's words.
  [[nodiscard]] std::string why_not() const;

private:
  class state;
  std::shared_ptr<state> state_;
  std::thread keeper_;
};

} // namespace berth::hostbackend::host_linux
