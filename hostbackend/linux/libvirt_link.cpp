#include "hostbackend/linux/libvirt_link.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

#include <libvirt/virterror.h>

#include "hostbackend/linux/call_within.hpp"
#include "hostbackend/linux/libvirt_errors.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

namespace {

/// libvirt's default event loop, which is one per process and must be there before the first
/// connection; its thread runs from first use to the end of the process.
class event_loop {
public:
  static void ensure() { static const event_loop only; }

  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

private:
  event_loop() {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {}); // errors are returned, not printed
    virEventRegisterDefaultImpl();
    wake_ = virEventAddTimeout(
        -1, [](int timer, void*) { virEventUpdateTimeout(timer, -1); }, nullptr, nullptr);
    thread_ = std::jthread{[](const std::stop_token& stop) {
      while (!stop.stop_requested())
        virEventRunDefaultImpl();
    }};
  }
  ~event_loop() {
    thread_.request_stop();
    virEventUpdateTimeout(wake_, 0);
  }

  int wake_ = -1;
  std::jthread thread_;
};

} // namespace

model::result<connection_handle> open_connection(const std::string& uri) {
  event_loop::ensure();
  connection_handle connection{virConnectOpen(uri.c_str()), [](virConnect* one) {
                                 if (one != nullptr)
                                   virConnectClose(one);
                               }};
  if (!connection)
    return libvirt_failed("connection to " + uri);
  return connection;
}

class libvirt_link::state : public std::enable_shared_from_this<state> {
public:
  state(link_settings settings, link_observer observer)
      : settings_{std::move(settings)}, observer_{std::move(observer)} {}

  [[nodiscard]] connection_handle connection() const {
    const std::scoped_lock hold{guard_};
    return connection_;
  }
  [[nodiscard]] std::string why_not() const {
    const std::scoped_lock hold{guard_};
    return why_not_;
  }

  /// The keeper thread: connects, and again whenever the connection is lost.
  void keep() {
    while (!stopping()) {
      if (!connection())
        connect();
      std::unique_lock hold{guard_};
      if (connection_)
        changed_.wait(hold, [this] { return stopping_ || !connection_; });
      else
        changed_.wait_for(hold, settings_.retry_interval, [this] { return stopping_; });
    }
  }

  void stop() {
    const std::scoped_lock hold{guard_};
    stopping_ = true;
    changed_.notify_all();
  }

  /// Gives up the connection, within the limit even if libvirtd hangs.
  void close() {
    connection_handle last;
    {
      const std::scoped_lock hold{guard_};
      last = std::exchange(connection_, nullptr);
    }
    static_cast<void>(call_within<bool>(settings_.call_limit, [held = std::move(last)]() mutable {
      held.reset();
      return true;
    }));
  }

private:
  using weak_state = std::weak_ptr<state>;

  [[nodiscard]] bool stopping() const {
    const std::scoped_lock hold{guard_};
    return stopping_;
  }

  void connect() {
    auto opened = call_within<model::result<connection_handle>>(
        settings_.call_limit,
        [settings = settings_, weak = weak_from_this()] { return open(settings, weak); });
    {
      const std::scoped_lock hold{guard_};
      if (!opened)
        why_not_ = "libvirtd does not answer";
      else if (!*opened)
        why_not_ = opened->error().message;
      if (!opened || !*opened || stopping_)
        return;
      connection_ = **opened;
    }
    if (const auto seen = observer_.connected(**opened); !seen)
      lost((*opened)->get(), seen.error().message);
    close_apart(std::move(**opened)); // the last to hold it, if it was lost
  }

  void lost(const virConnect* which, const std::string& reason) {
    connection_handle gone;
    {
      const std::scoped_lock hold{guard_};
      if (connection_.get() != which || stopping_)
        return;
      gone = std::exchange(connection_, nullptr);
      why_not_ = reason;
      changed_.notify_all();
    }
    observer_.lost(reason);
    close_apart(std::move(gone));
  }

  /// Closing may hang, and calls into the loop that may be calling us.
  static void close_apart(connection_handle last) {
    std::thread{[held = std::move(last)]() mutable { held.reset(); }}.detach();
  }

  // --- What libvirt calls back; `opaque` is a weak_state that it owns.

  static std::shared_ptr<state> owner(void* opaque) {
    return static_cast<weak_state*>(opaque)->lock();
  }
  static void release(void* opaque) { delete static_cast<weak_state*>(opaque); }

  static std::string uuid_of(virDomain* domain) {
    char text[VIR_UUID_STRING_BUFLEN] = {};
    virDomainGetUUIDString(domain, text);
    return text;
  }
  static int on_lifecycle(virConnect*, virDomain* domain, int event, int detail, void* opaque) {
    if (const auto self = owner(opaque))
      self->observer_.lifecycle(uuid_of(domain), event, detail);
    return 0;
  }
  static void on_device_added(virConnect*, virDomain* domain, const char* alias, void* opaque) {
    if (const auto self = owner(opaque))
      self->observer_.device_added(uuid_of(domain), alias);
  }
  static void on_device_removed(virConnect*, virDomain* domain, const char* alias, void* opaque) {
    if (const auto self = owner(opaque))
      self->observer_.device_removed(uuid_of(domain), alias);
  }
  static void on_close(virConnect* connection, int reason, void* opaque) {
    if (const auto self = owner(opaque))
      self->lost(connection, reason == VIR_CONNECT_CLOSE_REASON_KEEPALIVE
                                 ? "libvirtd stopped answering"
                                 : "libvirtd closed the connection");
  }

  // --- Opening and closing, on threads that may hang.

  static model::result<connection_handle> open(const link_settings& settings,
                                               const weak_state& weak) {
    virConnect* const raw = virConnectOpen(settings.uri.c_str());
    if (raw == nullptr)
      return refused(settings);
    auto events = std::make_shared<std::vector<int>>();
    connection_handle connection{raw, [events](virConnect* one) { close(one, *events); }};
    virConnectSetKeepAlive(raw, settings.keepalive_seconds, 3); // local drivers have none
    auto opaque = std::make_unique<weak_state>(weak);
    if (virConnectRegisterCloseCallback(raw, on_close, opaque.get(), release) < 0)
      return refused(settings);
    static_cast<void>(opaque.release()); // libvirt's now
    for (const auto& [kind, callback] :
         {std::pair{VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle)},
          std::pair{VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, VIR_DOMAIN_EVENT_CALLBACK(on_device_added)},
          std::pair{VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                    VIR_DOMAIN_EVENT_CALLBACK(on_device_removed)}}) {
      opaque = std::make_unique<weak_state>(weak);
      const int id =
          virConnectDomainEventRegisterAny(raw, nullptr, kind, callback, opaque.get(), release);
      if (id < 0)
        return refused(settings);
      static_cast<void>(opaque.release());
      events->push_back(id);
    }
    return connection;
  }
  static tl::unexpected<model::failure> refused(const link_settings& settings) {
    return libvirt_failed("connection to " + settings.uri);
  }
  static void close(virConnect* connection, const std::vector<int>& events) {
    for (const int id : events)
      virConnectDomainEventDeregisterAny(connection, id);
    virConnectUnregisterCloseCallback(connection, on_close);
    virConnectClose(connection);
  }

  const link_settings settings_;
  const link_observer observer_;
  mutable std::mutex guard_; ///< of what follows
  std::condition_variable changed_;
  connection_handle connection_;
  std::string why_not_ = "not connected yet";
  bool stopping_ = false;
};

libvirt_link::libvirt_link(link_settings settings, link_observer observer)
    : state_{std::make_shared<state>(std::move(settings), std::move(observer))} {
  event_loop::ensure();
  keeper_ = std::thread{[state = state_] { state->keep(); }};
}

libvirt_link::~libvirt_link() {
  state_->stop();
  keeper_.join();
  state_->close();
}

connection_handle libvirt_link::connection() const {
  return state_->connection();
}

std::string libvirt_link::why_not() const {
  return state_->why_not();
}

} // namespace berth::hostbackend::host_linux
