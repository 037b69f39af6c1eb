#include "hostbackend/linux/libvirt_servers.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <libvirt/virterror.h>

#include "hostbackend/linux/call_within.hpp"
#include "hostbackend/linux/exit_tracker.hpp"
#include "hostbackend/linux/guest_devices.hpp"
#include "hostbackend/linux/libvirt_domains.hpp"
#include "hostbackend/linux/libvirt_handles.hpp"
#include "hostbackend/linux/libvirt_link.hpp"
#include "hostbackend/linux/storage_volumes.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;
using model::host_operations::device_left;
using model::host_operations::server_exited;
using model::host_operations::server_paused;
using model::host_operations::server_resumed;

namespace {

std::string reason_of_stop(int detail) {
  switch (detail) {
  case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
    return "the guest shut down";
  case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
    return "somebody else stopped the domain by force";
  case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
  case VIR_DOMAIN_EVENT_STOPPED_FAILED: // libvirt 9.0, when QEMU is killed
    return "QEMU crashed or was killed: see its log";
  default:
    return "the domain stopped (libvirt's detail " + std::to_string(detail) + ")";
  }
}

std::string reason_of_pause(int detail) {
  switch (detail) {
  case VIR_DOMAIN_EVENT_SUSPENDED_PAUSED:
    return "paused by an administrator, or by QEMU on a device's error: see its log";
  case VIR_DOMAIN_EVENT_SUSPENDED_IOERROR:
    return "paused on a disk's error";
  default:
    return "paused (libvirt's detail " + std::to_string(detail) + ")";
  }
}

} // namespace

class libvirt_servers::state : public std::enable_shared_from_this<state> {
public:
  state(libvirt_settings settings, std::function<void(server_event)> listener)
      : settings_{std::move(settings)}, listener_{std::move(listener)} {}

  void connect() {
    link_ = std::make_unique<libvirt_link>(link_settings{settings_.uri, settings_.call_limit,
                                                         settings_.reconnect_interval,
                                                         settings_.keepalive_seconds},
                                           observer());
  }
  void disconnect() {
    {
      const std::scoped_lock hold{listener_guard_};
      listener_ = nullptr;
    }
    link_.reset();
  }

  [[nodiscard]] bool connected() const { return link_->connection() != nullptr; }
  [[nodiscard]] const libvirt_settings& settings() const { return settings_; }
  [[nodiscard]] volume_pools pools() const { return {settings_.disk_pool, settings_.image_pool}; }

  /// Runs `work` on the present connection within `limit`. It owns all that it uses.
  template <class Value>
  result<Value> within(model::duration limit, const std::string& what,
                       std::function<result<Value>(virConnect&)> work) const {
    const auto connection = link_->connection();
    if (!connection)
      return fail(errc::hypervisor_failed,
                  what + ": libvirt is not reachable: " + link_->why_not());
    auto outcome = call_within<result<Value>>(
        limit, [connection, work = std::move(work)] { return work(*connection); });
    if (outcome)
      return std::move(*outcome);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
    return fail(errc::outcome_unknown, what + ": libvirt has not answered within " +
                                           std::to_string(seconds) +
                                           " s: observe it before repeating");
  }

  template <class Change> void track(Change change) {
    const std::scoped_lock hold{tracker_guard_};
    change(tracker_);
  }

private:
  /// Calls that are under way on the event thread may outlive this object.
  [[nodiscard]] link_observer observer() {
    const auto guarded = [weak = weak_from_this()](auto what) {
      return [weak, what](const auto&... values) {
        if (const auto self = weak.lock())
          what(*self, values...);
      };
    };
    return {.connected =
                [weak = weak_from_this()](const connection_handle& connection) -> result<void> {
              const auto self = weak.lock();
              return self ? self->observe(connection) : result<void>{};
            },
            .lost = guarded([](state& self, const std::string& reason) {
              self.tell(libvirt_reachable{false, reason});
            }),
            .lifecycle = guarded([](state& self, const std::string& uuid, int event, int detail) {
              self.lifecycle(uuid, event, detail);
            }),
            .device_added =
                guarded([](state& self, const std::string& uuid, const std::string& /*alias*/) {
                  self.domain_changed(uuid);
                }),
            .device_removed =
                guarded([](state& self, const std::string& uuid, const std::string& alias) {
                  self.device_removed(uuid, alias);
                })};
  }

  void tell(server_event event) {
    const std::scoped_lock hold{listener_guard_};
    if (listener_)
      listener_(std::move(event));
  }

  /// A new connection: what ended without an event shows in the listing.
  result<void> observe(const connection_handle& connection) {
    auto survey = call_within<result<domain_survey>>(
        settings_.call_limit, [connection] { return survey_domains(*connection); });
    if (!survey)
      return fail(errc::outcome_unknown, "libvirtd does not list its domains");
    if (!*survey)
      return tl::unexpected{std::move(*survey).error()};
    std::set<model::server_id> running;
    std::vector<model::server_id> ended;
    for (const auto& one : (*survey)->listing.servers)
      if (one.running)
        running.insert(one.server);
    track([&](exit_tracker& tracker) {
      for (const auto& one : (*survey)->listing.servers)
        tracker.ours(one.server);
      ended = tracker.observed(std::move(running));
    });
    for (const auto& server : ended)
      tell(server_exited{server, "it went off while libvirtd could not be reached"});
    tell(libvirt_reachable{true, {}});
    return {};
  }

  void lifecycle(const std::string& uuid, int event, int detail) {
    const auto server = model::server_id::parse(uuid);
    if (!server)
      return;
    if (event == VIR_DOMAIN_EVENT_STARTED)
      track([&](exit_tracker& tracker) { tracker.started(*server); });
    else if (event == VIR_DOMAIN_EVENT_STOPPED)
      stopped(*server, detail);
    else if (event == VIR_DOMAIN_EVENT_SUSPENDED && is_ours(*server))
      paused(*server, detail);
    else if (event == VIR_DOMAIN_EVENT_RESUMED && went_on(*server))
      tell(server_resumed{*server});
    if (event == VIR_DOMAIN_EVENT_STARTED || event == VIR_DOMAIN_EVENT_STOPPED)
      domain_changed(uuid);
  }
  void domain_changed(const std::string& uuid) {
    const auto server = model::server_id::parse(uuid);
    if (server && !is_ours(*server))
      tell(foreign_changed{});
  }
  void paused(const model::server_id& server, int detail) {
    {
      const std::scoped_lock hold{tracker_guard_};
      paused_.insert(server);
    }
    tell(server_paused{server, reason_of_pause(detail)});
  }
  /// A domain that starts is resumed, too: that is no news.
  [[nodiscard]] bool went_on(const model::server_id& server) {
    const std::scoped_lock hold{tracker_guard_};
    return paused_.erase(server) > 0;
  }
  void stopped(const model::server_id& server, int detail) {
    bool unasked = false;
    track([&](exit_tracker& tracker) { unasked = tracker.stopped(server); });
    (void)went_on(server);
    if (unasked)
      tell(server_exited{server, reason_of_stop(detail)});
  }
  void device_removed(const std::string& uuid, const std::string& alias) {
    const auto server = model::server_id::parse(uuid);
    const auto device = device_of_alias(alias);
    if (server && device && is_ours(*server))
      tell(device_left{*server, *device});
    domain_changed(uuid);
  }
  [[nodiscard]] bool is_ours(const model::server_id& server) {
    const std::scoped_lock hold{tracker_guard_};
    return tracker_.is_ours(server);
  }

  const libvirt_settings settings_;
  std::mutex listener_guard_;
  std::function<void(server_event)> listener_;
  std::mutex tracker_guard_;
  exit_tracker tracker_;
  std::set<model::server_id> paused_; ///< guarded like the tracker
  std::unique_ptr<libvirt_link> link_;
};

libvirt_servers::libvirt_servers(libvirt_settings settings,
                                 std::function<void(server_event)> listener)
    : state_{std::make_shared<state>(std::move(settings), std::move(listener))} {
  state_->connect();
}

libvirt_servers::~libvirt_servers() {
  state_->disconnect();
}

bool libvirt_servers::connected() const {
  return state_->connected();
}

result<void> libvirt_servers::define(const model::desired_server& server,
                                     const std::vector<model::device_info>& devices) {
  auto made = definition_of(state_->settings().domains, server, devices);
  if (!made)
    return tl::unexpected{std::move(made).error()};
  auto defined = state_->within<void>(
      state_->settings().call_limit, "definition of " + name_of(server.id),
      [pools = state_->pools(), made = std::move(*made)](virConnect& connection) {
        return define_domain(connection, pools, made);
      });
  if (defined)
    state_->track([&](exit_tracker& tracker) { tracker.ours(server.id); });
  return defined;
}

result<void> libvirt_servers::start(const model::server_id& server) {
  return state_->within<void>(
      state_->settings().start_limit, "start of " + name_of(server),
      [server](virConnect& connection) { return start_domain(connection, server); });
}

result<void> libvirt_servers::stop(const model::server_id& server, bool force) {
  if (force)
    state_->track([&](exit_tracker& tracker) { tracker.stopping(server); });
  auto stopped = state_->within<void>(
      force ? state_->settings().stop_limit : state_->settings().call_limit,
      (force ? "forced stop of " : "shutdown of ") + name_of(server),
      [server, force](virConnect& connection) { return stop_domain(connection, server, force); });
  if (force && !stopped && stopped.error().code != errc::outcome_unknown)
    state_->track([&](exit_tracker& tracker) { tracker.not_stopping(server); });
  return stopped;
}

result<void> libvirt_servers::plug(const model::server_id& server,
                                   const model::attachment& attachment,
                                   const model::device_info& device) {
  return state_->within<void>(
      state_->settings().call_limit, "attachment to " + name_of(server),
      [=](virConnect& connection) { return plug_in(connection, server, attachment, device); });
}

result<void> libvirt_servers::unplug(const model::server_id& server,
                                     const model::device_id& device) {
  return state_->within<void>(
      state_->settings().call_limit, "detachment from " + name_of(server),
      [=](virConnect& connection) { return plug_out(connection, server, device); });
}

result<void> libvirt_servers::undefine(const model::server_id& server) {
  auto undefined =
      state_->within<void>(state_->settings().call_limit, "removal of " + name_of(server),
                           [pools = state_->pools(), server](virConnect& connection) {
                             return undefine_domain(connection, pools, server);
                           });
  if (undefined)
    state_->track([&](exit_tracker& tracker) { tracker.forget(server); });
  return undefined;
}

result<domain_survey> libvirt_servers::list() const {
  auto all = state_->within<domain_survey>(state_->settings().call_limit, "list of servers",
                                           survey_domains);
  if (all)
    state_->track([&](exit_tracker& tracker) {
      for (const auto& one : all->listing.servers)
        tracker.ours(one.server);
    });
  return all;
}

result<function_users> functions_of_servers(const std::string& uri, model::duration limit) {
  auto users = call_within<result<function_users>>(limit, [uri]() -> result<function_users> {
    const auto connection = open_connection(uri);
    if (!connection)
      return tl::unexpected{connection.error()};
    return survey_functions(**connection);
  });
  if (!users)
    return fail(errc::outcome_unknown, "libvirt at " + uri + " does not answer");
  return std::move(*users);
}

} // namespace berth::hostbackend::host_linux
