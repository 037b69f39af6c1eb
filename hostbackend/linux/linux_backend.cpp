#include "hostbackend/linux/linux_backend.hpp"

#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "hostbackend/linux/call_within.hpp"
#include "hostbackend/linux/foreign_domains.hpp"
#include "hostbackend/linux/keyed_workers.hpp"
#include "hostbackend/linux/udev_source.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;

namespace {

using outcome = model::result<operation_result>;

/// What an operation has to itself while it runs.
struct key_of {
  std::string operator()(const discover&) const { return "machine"; }
  std::string operator()(const list_servers&) const { return "list"; }
  std::string operator()(const bind_device& what) const { return to_string(what.device); }
  std::string operator()(const reset_device& what) const { return to_string(what.device); }
  std::string operator()(const verify_device& what) const { return to_string(what.device); }
  std::string operator()(const define_server& what) const { return to_string(what.server.id); }
  std::string operator()(const start_server& what) const { return to_string(what.server.id); }
  std::string operator()(const stop_server& what) const { return to_string(what.server); }
  std::string operator()(const plug_device& what) const { return to_string(what.server.id); }
  std::string operator()(const unplug_device& what) const { return to_string(what.server); }
  std::string operator()(const undefine_server& what) const { return to_string(what.server); }
};

/// The scan, for as long as the caller is ready to wait for it.
model::result<host_scan> scan_within(const scan_options& options, model::duration limit) {
  auto scan =
      call_within<model::result<host_scan>>(limit, [options] { return scan_host(options); });
  return scan ? std::move(*scan)
              : fail(errc::outcome_unknown,
                     "the machine's devices could not be looked at in time: the kernel does not "
                     "answer for one of them; see its log for a reset that hangs");
}

outcome done_or(model::result<void> result) {
  return result ? outcome{std::monostate{}}
                : outcome{tl::unexpected<model::failure>{std::move(result.error())}};
}

} // namespace

class linux_backend::machine {
public:
  machine(linux_settings settings, std::unique_ptr<vfio_devices> devices,
          std::unique_ptr<change_source> changes, std::function<void(const std::string&)> remark)
      : settings_(std::move(settings)), remark_(std::move(remark)), devices_(std::move(devices)),
        changes_(std::move(changes)),
        servers_(settings_.servers, [this](const server_event& what) { heard(what); }),
        workers_(settings_.workers) {
    const std::scoped_lock hold{guard_};
    listens_ = true;
  }
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;
  ~machine() {
    const std::scoped_lock hold{guard_};
    listens_ = false;
  }

  void on_event(std::function<void(backend_event)> listener) {
    const std::scoped_lock hold{guard_};
    listener_ = std::move(listener);
  }

  void perform(operation what, completion done) {
    const auto key = std::visit(key_of{}, what);
    workers_.run(key,
                 [this, what = std::move(what), done = std::move(done)] { done(carry_out(what)); });
  }

private:
  /// Blocks. What a library throws (memory, a file system that vanishes) ends here.
  outcome carry_out(const operation& what) {
    try {
      return std::visit([this](const auto& each) { return carry_out(each); }, what);
    } catch (const std::exception& problem) {
      return fail(errc::outcome_unknown,
                  std::string{operation_name(what)} + " broke off: " + problem.what());
    }
  }

  outcome carry_out(const discover&) {
    const auto rescans = devices_->rescans_ended();
    auto scan = scan_within(settings_.scan, settings_.scan_limit);
    if (!scan)
      return tl::unexpected<model::failure>{std::move(scan.error())};
    tell(std::move(scan->remarks), told_remarks_);
    auto known = devices_->update(take_inventory(scan->info.devices), devices_->rescanned(rescans));
    if (!known)
      return tl::unexpected<model::failure>{std::move(known.error())};
    watch_from({std::move(scan->info.devices), std::move(scan->off_bus)});
    scan->info.devices = std::move(*known);
    {
      const std::scoped_lock hold{guard_};
      inventory_ = scan->info.devices;
    }
    if (devices_->has_unoffered())
      workers_.run("machine", [this] { give_back_unoffered(); });
    return std::move(scan->info);
  }
  outcome carry_out(const bind_device& what) { return done_or(devices_->bind(what.device)); }
  outcome carry_out(const reset_device& what) {
    return done_or(devices_->reset(what.device, what.method));
  }
  outcome carry_out(const verify_device& what) {
    auto evidence = devices_->verify(what.device);
    if (!evidence)
      return tl::unexpected<model::failure>{std::move(evidence.error())};
    return std::move(*evidence);
  }
  outcome carry_out(const define_server& what) {
    return done_or(servers_.define(what.server, inventory()));
  }
  outcome carry_out(const start_server& what) { return done_or(servers_.start(what.server.id)); }
  outcome carry_out(const stop_server& what) {
    return done_or(servers_.stop(what.server, what.force));
  }
  outcome carry_out(const plug_device& what) {
    const auto known = inventory();
    const auto device = std::ranges::find(known, what.device, &model::device_info::id);
    const auto attachment =
        std::ranges::find(what.server.attachments, what.device, &model::attachment::device);
    if (device == known.end() || attachment == what.server.attachments.end())
      return fail(errc::not_found, "device " + to_string(what.device) +
                                       " is not on this machine, or is not server " +
                                       to_string(what.server.id) + "'s");
    return done_or(servers_.plug(what.server.id, *attachment, *device));
  }
  outcome carry_out(const unplug_device& what) {
    return done_or(servers_.unplug(what.server, what.device));
  }
  outcome carry_out(const undefine_server& what) { return done_or(servers_.undefine(what.server)); }
  outcome carry_out(const list_servers&) {
    auto all = list_domains();
    if (!all)
      return tl::unexpected<model::failure>{std::move(all.error())};
    return std::move(all->listing);
  }

  [[nodiscard]] std::vector<model::device_info> inventory() const {
    const std::scoped_lock hold{guard_};
    return inventory_;
  }

  /// After the scan, not in it: a driver may take its time. Before the next one, for update() must
  /// not run meanwhile.
  void give_back_unoffered() {
    try {
      const auto& libvirt = settings_.servers;
      const auto users = functions_of_servers(libvirt.uri, libvirt.call_limit);
      tell(users ? devices_->give_back_unoffered(*users)
                 : std::vector{"devices that are not offered any more were not given back yet: " +
                               users.error().message},
           told_returns_);
    } catch (const std::exception& problem) {
      remark_(std::string{"giving back devices broke off: "} + problem.what());
    }
  }

  // --- What domains of others hold: their devices are not ours to touch

  /// The new inventory with what is known of foreign domains; what becomes known later is an event.
  std::vector<model::device_info> take_inventory(std::vector<model::device_info> found) {
    const std::scoped_lock hold{guard_};
    inventory_ = found;
    mark_foreign(foreign_, found);
    return found;
  }
  /// Lists, one at a time: an older listing never overwrites what a newer one taught.
  model::result<domain_survey> list_domains() {
    const std::scoped_lock alone{listing_};
    auto all = servers_.list();
    if (all)
      learn_foreign(all->held);
    return all;
  }
  void learn_foreign(const foreign_holds& now) {
    std::vector<model::device_id> changed;
    {
      const std::scoped_lock hold{guard_};
      changed = differently_held(inventory_, foreign_, now);
      foreign_ = now;
    }
    for (const auto& device : changed)
      emit(device_appeared{device});
  }
  /// Asks libvirt, behind what runs. What it does not tell stays as it was known.
  void look_at_foreign() {
    const std::scoped_lock hold{guard_};
    if (!listens_)
      return;
    workers_.run("foreign domains", [this] {
      if (const auto all = list_domains(); !all)
        remark_("which devices domains of others hold: " + all.error().message);
    });
  }

  /// The watch begins with what was reported first; what changes after that, it says.
  void watch_from(device_snapshot baseline) {
    if (watch_)
      return; // discover runs alone
    device_watch::parts parts;
    parts.look = [options = settings_.scan]() -> model::result<device_snapshot> {
      auto scan = scan_host(options);
      if (!scan)
        return tl::unexpected<model::failure>{std::move(scan.error())};
      return device_snapshot{std::move(scan->info.devices), std::move(scan->off_bus)};
    };
    parts.source = std::move(changes_);
    parts.away = [this] {
      return [this, since = devices_->rescans_ended()] { return devices_->rescanned(since); };
    };
    parts.on_event = [this](backend_event what) { emit(std::move(what)); };
    parts.on_problem = [this](const model::failure& why) {
      remark_("watching the devices: " + why.message);
    };
    watch_.emplace(settings_.watch, std::move(baseline), std::move(parts));
  }

  void heard(const server_event& what) {
    std::visit([this](const auto& each) { heard_of(each); }, what);
  }
  void heard_of(const libvirt_reachable& what) {
    const bool was_lost = std::exchange(libvirt_lost_, !what.reachable);
    if (!what.reachable)
      remark_("libvirt is not reachable: " + what.reason);
    else if (was_lost)
      remark_("libvirt is reachable again");
    if (what.reachable)
      look_at_foreign();
  }
  void heard_of(const foreign_changed&) { look_at_foreign(); }
  template <class Event> void heard_of(const Event& what) { emit(what); }

  void emit(backend_event what) {
    std::function<void(backend_event)> listener;
    {
      const std::scoped_lock hold{guard_};
      listener = listener_;
    }
    if (listener)
      listener(std::move(what));
  }

  /// Says what was not said the last time.
  void tell(std::vector<std::string> lines, std::set<std::string>& told) {
    std::vector<std::string> fresh;
    {
      const std::scoped_lock hold{guard_};
      for (const auto& line : lines)
        if (!told.contains(line))
          fresh.push_back(line);
      told = {lines.begin(), lines.end()};
    }
    for (const auto& line : fresh)
      remark_(line);
  }

  const linux_settings settings_;
  const std::function<void(const std::string&)> remark_;
  const std::unique_ptr<vfio_devices> devices_;
  std::unique_ptr<change_source> changes_; ///< until the watch has it
  std::mutex listing_;                     ///< held during one
  mutable std::mutex guard_;               ///< of what follows, up to the servers
  std::function<void(backend_event)> listener_;
  std::vector<model::device_info> inventory_; ///< as it was reported last
  foreign_holds foreign_;
  bool listens_ = false; ///< the workers are there
  std::set<std::string> told_remarks_;
  std::set<std::string> told_returns_;
  bool libvirt_lost_ = false; ///< as told last; only where libvirt's events come
  libvirt_servers servers_;
  std::optional<device_watch> watch_; ///< used by discover only
  keyed_workers workers_;             ///< last: its jobs use all the rest
};

model::result<std::shared_ptr<linux_backend>>
linux_backend::open(linux_settings settings, std::function<void(const std::string&)> remark) {
  auto devices = vfio_devices::open(settings.devices, settings.tools);
  if (!devices)
    return tl::unexpected<model::failure>{std::move(devices.error())};
  auto changes = make_udev_source();
  if (!changes)
    return tl::unexpected<model::failure>{std::move(changes.error())};
  return std::shared_ptr<linux_backend>{new linux_backend{std::make_unique<machine>(
      std::move(settings), std::move(*devices), std::move(*changes), std::move(remark))}};
}

linux_backend::linux_backend(std::unique_ptr<machine> inside) : inside_(std::move(inside)) {}
linux_backend::~linux_backend() = default;

void linux_backend::perform(operation what, completion done) {
  inside_->perform(std::move(what), std::move(done));
}

void linux_backend::on_event(std::function<void(backend_event)> listener) {
  inside_->on_event(std::move(listener));
}

} // namespace berth::hostbackend::host_linux
