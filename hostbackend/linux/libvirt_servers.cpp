#include "hostbackend/linux/libvirt_servers.hpp"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <libvirt/virterror.h>

#include "hostbackend/linux/call_within.hpp"
#include "hostbackend/linux/domain_metadata.hpp"
#include "hostbackend/linux/exit_tracker.hpp"
#include "hostbackend/linux/libvirt_errors.hpp"
#include "hostbackend/linux/libvirt_handles.hpp"
#include "hostbackend/linux/libvirt_link.hpp"
#include "hostbackend/linux/storage_volumes.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;
using model::host_operations::listed_server;
using model::host_operations::server_exited;

namespace {

// --- What is done with one connection. All of this blocks and runs on threads that may hang.

std::string name_of(const model::server_id& server) {
  return "server " + to_string(server);
}

/// The domain's note; nullopt = it is not ours, which includes a copy of one of ours: a copy has
/// another UUID than its note says.
result<std::optional<domain_note>> note_of(virDomain& domain) {
  const owned_text xml{virDomainGetMetadata(&domain, VIR_DOMAIN_METADATA_ELEMENT,
                                            metadata_namespace, VIR_DOMAIN_AFFECT_CURRENT)};
  if (!xml) {
    const auto error = last_libvirt_error();
    if (error.code == VIR_ERR_NO_DOMAIN_METADATA)
      return std::nullopt;
    return tl::unexpected{
        from_libvirt(error, std::string{"metadata of domain "} + virDomainGetName(&domain))};
  }
  auto note = read_note(xml.get());
  char uuid[VIR_UUID_STRING_BUFLEN] = {};
  if (!note || virDomainGetUUIDString(&domain, uuid) < 0 || to_string(note->server) != uuid)
    return std::nullopt;
  return std::move(*note);
}

result<bool> is_active(virDomain& domain, const std::string& what) {
  const int active = virDomainIsActive(&domain);
  if (active < 0)
    return libvirt_failed(what);
  return active == 1;
}

/// A server's domain and how it is.
struct found_domain {
  domain_handle handle; ///< null = there is none
  bool active = false;
};

result<found_domain> find_domain(virConnect& connection, const model::server_id& server) {
  domain_handle domain{virDomainLookupByUUIDString(&connection, to_string(server).c_str())};
  if (!domain) {
    const auto error = last_libvirt_error();
    if (error.code == VIR_ERR_NO_DOMAIN)
      return found_domain{};
    return tl::unexpected{from_libvirt(error, name_of(server))};
  }
  const auto note = note_of(*domain);
  if (!note)
    return tl::unexpected{note.error()};
  if (!*note)
    return fail(errc::wrong_state, std::string{"domain "} + virDomainGetName(domain.get()) +
                                       " has the UUID of " + name_of(server) +
                                       " and no metadata of berth: rename or remove it");
  const auto active = is_active(*domain, name_of(server));
  if (!active)
    return tl::unexpected{active.error()};
  return found_domain{std::move(domain), *active};
}

result<void> refuse_running(const model::server_id& server) {
  return fail(errc::hypervisor_failed, name_of(server) + " runs: stop it first");
}

result<void> define_domain(virConnect& connection, const volume_pools& pools,
                           const model::desired_server& server, const std::string& xml) {
  const auto domain = find_domain(connection, server.id);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (domain->active)
    return refuse_running(server.id);
  if (auto disks = create_disks(connection, pools, server.id, server.spec->disks); !disks)
    return disks;
  const domain_handle defined{
      virDomainDefineXMLFlags(&connection, xml.c_str(), VIR_DOMAIN_DEFINE_VALIDATE)};
  if (!defined)
    return libvirt_failed("definition of " + name_of(server.id));
  return {};
}

result<void> start_domain(virConnect& connection, const model::server_id& server) {
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (!domain->handle)
    return fail(errc::hypervisor_failed, name_of(server) + " is not defined: define it first");
  if (domain->active)
    return {};
  if (virDomainCreate(domain->handle.get()) < 0)
    return libvirt_failed("start of " + name_of(server));
  return {};
}

/// Both ways of stopping end well on a domain that went off meanwhile.
result<void> stop_domain(virConnect& connection, const model::server_id& server, bool force) {
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (!domain->handle || !domain->active)
    return {};
  const int stopped =
      force ? virDomainDestroy(domain->handle.get()) : virDomainShutdown(domain->handle.get());
  if (stopped == 0)
    return {};
  auto failure = libvirt_failed((force ? "forced stop of " : "shutdown of ") + name_of(server));
  const auto active = is_active(*domain->handle, name_of(server));
  if (active && !*active)
    return {};
  return failure;
}

result<void> undefine_domain(virConnect& connection, const volume_pools& pools,
                             const model::server_id& server) {
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (domain->active)
    return refuse_running(server);
  constexpr unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                             VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                             VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
  if (domain->handle && virDomainUndefineFlags(domain->handle.get(), flags) < 0)
    return libvirt_failed("removal of " + name_of(server));
  return delete_disks(connection, pools, server);
}

result<std::string> xml_of(virDomain& domain) {
  const owned_text xml{virDomainGetXMLDesc(&domain, 0)};
  if (!xml)
    return libvirt_failed(std::string{"description of domain "} + virDomainGetName(&domain));
  return std::string{xml.get()};
}

/// One of ours, or of somebody else's that runs, with what it really holds.
result<void> look_at(virDomain& domain, domain_listing& survey) {
  const std::string name = virDomainGetName(&domain);
  const auto note = note_of(domain);
  if (!note)
    return tl::unexpected{note.error()};
  const auto active = is_active(domain, *note ? name_of((*note)->server) : "domain " + name);
  if (!active)
    return tl::unexpected{active.error()};
  const auto xml = xml_of(domain);
  if (!xml)
    return tl::unexpected{xml.error()};
  if (!*note) {
    survey.foreign.push_back(name);
    if (*active)
      for (const auto& function : passed_functions(*xml))
        survey.held.emplace(function, name);
    return {};
  }
  listed_server server{.server = (*note)->server, .running = *active, .devices = {}};
  for (const auto& device : (*note)->devices)
    if (holds_device(*xml, device.attachment.device))
      server.devices.push_back(device.attachment.device);
  survey.ours.push_back(std::move(server));
  return {};
}

bool vanished(const model::failure& why) {
  return why.details.contains("libvirt_code") &&
         why.details.at("libvirt_code") == std::to_string(VIR_ERR_NO_DOMAIN);
}

/// Domains that vanish while they are looked at are left out.
result<domain_listing> survey_domains(virConnect& connection) {
  virDomainPtr* listed = nullptr;
  const int count = virConnectListAllDomains(&connection, &listed, 0);
  if (count < 0)
    return libvirt_failed("list of domains");
  const std::unique_ptr<virDomainPtr, released_by<std::free>> array{listed};
  std::vector<domain_handle> domains;
  for (int i = 0; i < count; ++i)
    domains.emplace_back(listed[i]);
  domain_listing survey;
  for (const auto& domain : domains)
    if (auto looked = look_at(*domain, survey); !looked && !vanished(looked.error()))
      return tl::unexpected{std::move(looked).error()};
  std::sort(survey.ours.begin(), survey.ours.end(),
            [](const auto& a, const auto& b) { return a.server < b.server; });
  std::sort(survey.foreign.begin(), survey.foreign.end());
  return survey;
}

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
  [[nodiscard]] volume_pools pools() const {
    return {settings_.domains.disk_pool, settings_.image_pool};
  }

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
    auto survey = call_within<result<domain_listing>>(
        settings_.call_limit, [connection] { return survey_domains(*connection); });
    if (!survey)
      return fail(errc::outcome_unknown, "libvirtd does not list its domains");
    if (!*survey)
      return tl::unexpected{std::move(*survey).error()};
    std::set<model::server_id> running;
    std::vector<model::server_id> ended;
    for (const auto& one : (*survey)->ours)
      if (one.running)
        running.insert(one.server);
    track([&](exit_tracker& tracker) {
      for (const auto& one : (*survey)->ours)
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
      tell(server_paused{*server, reason_of_pause(detail)});
    if (event == VIR_DOMAIN_EVENT_STARTED || event == VIR_DOMAIN_EVENT_STOPPED)
      domain_changed(uuid);
  }
  void domain_changed(const std::string& uuid) {
    const auto server = model::server_id::parse(uuid);
    if (server && !is_ours(*server))
      tell(foreign_changed{});
  }
  void stopped(const model::server_id& server, int detail) {
    bool unasked = false;
    track([&](exit_tracker& tracker) { unasked = tracker.stopped(server); });
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
  auto xml = domain_xml(state_->settings().domains, server, devices);
  if (!xml)
    return tl::unexpected{std::move(xml).error()};
  auto defined = state_->within<void>(
      state_->settings().call_limit, "definition of " + name_of(server.id),
      [pools = state_->pools(), server, xml = std::move(*xml)](virConnect& connection) {
        return define_domain(connection, pools, server, xml);
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

result<domain_listing> libvirt_servers::list() const {
  auto all = state_->within<domain_listing>(state_->settings().call_limit, "list of servers",
                                            survey_domains);
  if (all)
    state_->track([&](exit_tracker& tracker) {
      for (const auto& one : all->ours)
        tracker.ours(one.server);
    });
  return all;
}

} // namespace berth::hostbackend::host_linux
