#include "hostbackend/simulated/simulated_backend.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::hostbackend::simulated {

using model::errc;
using model::fail;
using std::chrono::milliseconds;

std::map<std::string, operation_time, std::less<>> simulated_settings::default_times() {
  return {
      {"discover", {milliseconds{50}, milliseconds{20}}},
      {"bind_device", {milliseconds{300}, milliseconds{200}}},
      {"reset_device", {milliseconds{1000}, milliseconds{300}}},
      {"verify_device", {milliseconds{20}, milliseconds{10}}},
      {"define_server", {milliseconds{100}, milliseconds{100}}},
      {"start_server", {milliseconds{1500}, milliseconds{2000}}},
      {"stop_server", {milliseconds{100}, milliseconds{200}}},
      {"plug_device", {milliseconds{300}, milliseconds{200}}},
      {"unplug_device", {milliseconds{50}, milliseconds{50}}},
      {"undefine_server", {milliseconds{100}, milliseconds{100}}},
      {"list_servers", {milliseconds{20}, milliseconds{10}}},
  };
}

namespace {

using outcome = model::result<operation_result>;

std::optional<model::device_id> device_of(const operation& what) {
  if (const auto* bind = std::get_if<bind_device>(&what))
    return bind->device;
  if (const auto* reset = std::get_if<reset_device>(&what))
    return reset->device;
  if (const auto* verify = std::get_if<verify_device>(&what))
    return verify->device;
  if (const auto* plug = std::get_if<plug_device>(&what))
    return plug->device;
  if (const auto* unplug = std::get_if<unplug_device>(&what))
    return unplug->device;
  return std::nullopt;
}

std::optional<model::server_id> server_of(const operation& what) {
  if (const auto* define = std::get_if<define_server>(&what))
    return define->server.id;
  if (const auto* start = std::get_if<start_server>(&what))
    return start->server.id;
  if (const auto* stop = std::get_if<stop_server>(&what))
    return stop->server;
  if (const auto* plug = std::get_if<plug_device>(&what))
    return plug->server.id;
  if (const auto* unplug = std::get_if<unplug_device>(&what))
    return unplug->server;
  if (const auto* undefine = std::get_if<undefine_server>(&what))
    return undefine->server;
  return std::nullopt;
}

errc code_of_failing(const operation& what) {
  if (std::holds_alternative<bind_device>(what))
    return errc::bind_failed;
  if (std::holds_alternative<reset_device>(what))
    return errc::reset_failed;
  if (std::holds_alternative<verify_device>(what))
    return errc::verification_failed;
  return errc::hypervisor_failed;
}

} // namespace

/// What is true of the host now. Outlives the backend only until the timers that hold it weakly
/// have fired.
class simulated_backend::state : public std::enable_shared_from_this<state> {
public:
  state(simulated_host host, std::shared_ptr<const simulated_settings> settings, timer& clock,
        model::random dice)
      : host_{std::move(host)}, settings_{std::move(settings)}, clock_{clock}, dice_{dice} {
    const auto& kind = *host_.kind;
    devices_.reserve(kind.devices.size());
    for (std::size_t i = 0; i < kind.devices.size(); ++i)
      devices_.push_back({.id = device_id_of(host_, i)});
  }

  // Everything below is guarded by mutex_, except where it says otherwise.

  struct device_cell {
    model::device_id id;
    bool present = true;
    bool bound = false;
    bool unreadable = false;
    bool link_degraded = false;
    std::string last_reset{};
    std::optional<model::server_id> held_by{};
  };
  struct server_cell {
    bool running = false;
    std::vector<model::device_id> defined; ///< devices of its definition
    std::vector<model::device_id> held{};  ///< devices that it runs with
    std::string paused{};
  };
  struct strike {
    fault_kind kind = fault_kind::fail;
    double factor = 1;
  };
  /// A guest does what it was asked to after a while: lets go of the device, or powers off.
  struct guest_answer {
    model::server_id server;
    std::optional<model::device_id> device;
    model::duration delay{};
  };
  struct waiting {
    operation what;
    completion done;
  };

  /// Not guarded: takes the lock itself. A hypervisor does one thing at a time with a server.
  void accept(operation what, completion done) {
    if (const auto server = server_of(what)) {
      const std::lock_guard lock{mutex_};
      if (const auto [queue, idle] = queues_.try_emplace(*server); !idle)
        return queue->second.push_back({std::move(what), std::move(done)});
    }
    begin(std::move(what), std::move(done));
  }

  /// Not guarded. What waits for the operation's server comes next.
  void go_on_after(const operation& what) {
    const auto server = server_of(what);
    if (!server)
      return;
    std::optional<waiting> next;
    {
      const std::lock_guard lock{mutex_};
      const auto queue = queues_.find(*server);
      if (queue->second.empty()) {
        queues_.erase(queue);
        return;
      }
      next = std::move(queue->second.front());
      queue->second.pop_front();
    }
    begin(std::move(next->what), std::move(next->done));
  }

  /// Not guarded.
  void begin(operation what, completion done) {
    std::optional<strike> struck;
    model::duration delay{};
    {
      const std::lock_guard lock{mutex_};
      struck = strike_for(what);
      delay = time_for(operation_name(what));
      if (struck && struck->kind == fault_kind::stuck) {
        stuck_.push_back({std::move(what), std::move(done)});
        return;
      }
      if (struck && struck->kind == fault_kind::slow) {
        delay = model::duration{
            static_cast<std::int64_t>(static_cast<double>(delay.count()) * struck->factor)};
        struck.reset();
      }
    }
    clock_.after(delay, [weak = weak_from_this(), what = std::move(what), done = std::move(done),
                         struck]() mutable {
      if (const auto self = weak.lock())
        self->finish(what, done, struck);
    });
  }

  /// Not guarded. The operation's effect happens now, at its end.
  void finish(const operation& what, const completion& done, const std::optional<strike>& struck) {
    outcome result = std::monostate{};
    std::vector<backend_event> events;
    std::function<void(backend_event)> listener;
    std::vector<guest_answer> answers;
    {
      const std::lock_guard lock{mutex_};
      result = struck ? strike_down(what, *struck, events) : carry_out(what);
      listener = listener_;
      answers = std::exchange(guest_answers_, {});
    }
    for (const auto& answer : answers)
      clock_.after(answer.delay, [weak = weak_from_this(), answer] {
        const auto self = weak.lock();
        if (self && answer.device)
          self->let_go(answer.server, *answer.device);
        else if (self)
          self->end_guest(answer.server, "the guest powered off");
      });
    go_on_after(what);
    done(std::move(result));
    if (listener)
      for (auto& event : events)
        listener(std::move(event));
  }

  [[nodiscard]] std::optional<strike> strike_for(const operation& what) {
    const auto name = operation_name(what);
    for (auto& one : injected_)
      if (applies(one.first, what, name, one.second))
        return strike{one.first.kind, one.first.factor};
    if (calm_ || settings_->faults.empty())
      return std::nullopt;
    strikes_.resize(settings_->faults.size());
    for (std::size_t i = 0; i < strikes_.size(); ++i)
      if (applies(settings_->faults[i], what, name, strikes_[i]))
        return strike{settings_->faults[i].kind, settings_->faults[i].factor};
    return std::nullopt;
  }

  [[nodiscard]] bool applies(const fault& one, const operation& what, std::string_view name,
                             std::uint32_t& strikes) {
    if (one.operation != name || (!one.host.empty() && one.host != host_.name) ||
        (one.times != 0 && strikes >= one.times))
      return false;
    if (one.device) {
      const auto id = device_of(what);
      const auto index = id ? index_of(*id) : std::nullopt;
      if (!index || host_.kind->devices[*index].address != *one.device)
        return false;
    }
    const auto* reset = std::get_if<reset_device>(&what);
    if (!one.method.empty() && (reset == nullptr || method_of(*reset) != one.method))
      return false;
    if (one.probability < 1 && !dice_.chance(one.probability))
      return false;
    ++strikes;
    return true;
  }

  [[nodiscard]] model::duration time_for(std::string_view name) {
    const auto found = settings_->times.find(name);
    return found == settings_->times.end() ? model::duration{} : draw(found->second);
  }
  [[nodiscard]] model::duration draw(const operation_time& time) {
    const auto nanoseconds = static_cast<double>(time.least.count()) +
                             dice_.exponential(static_cast<double>(time.mean_rest.count()));
    return model::duration{static_cast<std::int64_t>(nanoseconds * settings_->time_scale)};
  }

  [[nodiscard]] std::optional<std::size_t> index_of(const model::device_id& id) const {
    for (std::size_t i = 0; i < devices_.size(); ++i)
      if (devices_[i].id == id)
        return i;
    return std::nullopt;
  }
  [[nodiscard]] std::string method_of(const reset_device& reset) const {
    const auto index = index_of(reset.device);
    if (!reset.method.empty() || !index || host_.kind->devices[*index].reset_methods.empty())
      return reset.method;
    return host_.kind->devices[*index].reset_methods.front();
  }
  [[nodiscard]] std::string name_of(std::size_t index) const {
    return "device " + to_string(host_.kind->devices[index].address);
  }

  outcome strike_down(const operation& what, const strike& struck,
                      std::vector<backend_event>& events) {
    const auto name = std::string{operation_name(what)};
    const auto id = device_of(what);
    const auto index = id ? index_of(*id) : std::nullopt;
    switch (struck.kind) {
    case fault_kind::unknown:
      if (dice_.chance(0.5))
        (void)carry_out(what);
      return fail(errc::outcome_unknown, name + ": the answer was lost (injected)");
    case fault_kind::off_bus:
      if (!index)
        break;
      devices_[*index].present = false;
      devices_[*index].bound = false;
      events.emplace_back(device_vanished{*id, "fell off the bus (injected)"});
      return fail(errc::device_lost, name_of(*index) + " fell off the bus (injected)");
    case fault_kind::ignored:
      return std::monostate{};
    case fault_kind::unreadable:
    case fault_kind::link_degraded: {
      auto result = carry_out(what);
      if (index && struck.kind == fault_kind::unreadable)
        devices_[*index].unreadable = true;
      else if (index)
        devices_[*index].link_degraded = true;
      return result;
    }
    default:
      break;
    }
    return fail(code_of_failing(what), name + " failed (injected)");
  }

  outcome carry_out(const operation& what) {
    return std::visit([this](const auto& one) { return run(one); }, what);
  }

  [[nodiscard]] bool can_plug() const { return host_.kind->hot_plug || settings_->hot_plug; }

  outcome run(const discover&) {
    auto info = describe(host_, settings_->agent_version);
    info.hot_plug = can_plug();
    std::erase_if(info.devices, [this](const auto& device) {
      const auto index = index_of(device.id);
      return index && !devices_[*index].present;
    });
    return info;
  }

  /// The present device, or why not.
  model::result<device_cell*> present(const model::device_id& id) {
    const auto index = index_of(id);
    if (!index)
      return fail(errc::not_found, "no device " + to_string(id) + " on host " + host_.name);
    if (!devices_[*index].present)
      return fail(errc::device_lost, name_of(*index) + " is not on the bus");
    return &devices_[*index];
  }

  outcome run(const bind_device& what) {
    const auto cell = present(what.device);
    if (!cell)
      return tl::unexpected<model::failure>{cell.error()};
    const auto& facts = host_.kind->devices[*index_of(what.device)];
    if (!facts.unusable_reason.empty())
      return fail(errc::group_not_viable,
                  "device " + to_string(facts.address) + ": " + facts.unusable_reason);
    (*cell)->bound = true;
    return std::monostate{};
  }

  outcome run(const reset_device& what) {
    const auto cell = present(what.device);
    if (!cell)
      return tl::unexpected<model::failure>{cell.error()};
    const auto index = *index_of(what.device);
    if ((*cell)->held_by)
      return fail(errc::reset_failed,
                  name_of(index) + " is held by server " + to_string(*(*cell)->held_by));
    const auto& methods = host_.kind->devices[index].reset_methods;
    const auto method = method_of(what);
    if (std::find(methods.begin(), methods.end(), method) == methods.end())
      return fail(errc::reset_failed,
                  name_of(index) + " has no reset method" + (method.empty() ? "" : " " + method));
    (*cell)->last_reset = method;
    (*cell)->unreadable = false;
    (*cell)->link_degraded = false;
    return std::monostate{};
  }

  outcome run(const verify_device& what) {
    const auto cell = present(what.device);
    if (!cell)
      return tl::unexpected<model::failure>{cell.error()};
    const bool readable = !(*cell)->unreadable;
    return device_evidence{.reset_method = (*cell)->last_reset,
                           .config_readable = readable,
                           .identity_matches = readable,
                           .bars_match = readable,
                           .link_matches = readable && !(*cell)->link_degraded,
                           .vfio_bound = (*cell)->bound,
                           .group_released = !(*cell)->held_by};
  }

  outcome run(const define_server& what) {
    auto& cell = servers_[what.server.id];
    if (cell.running)
      return fail(errc::hypervisor_failed,
                  "server " + to_string(what.server.id) + " runs and cannot be redefined");
    cell.defined.clear();
    for (const auto& one : what.server.attachments)
      cell.defined.push_back(one.device);
    return std::monostate{};
  }

  /// What a hypervisor checks before it opens a device.
  model::result<void> may_be_used(const model::device_id& id) {
    const auto device = present(id);
    if (!device)
      return tl::unexpected<model::failure>{device.error()};
    const auto name = name_of(*index_of(id));
    if (!(*device)->bound)
      return fail(errc::hypervisor_failed, name + " is not bound to vfio-pci");
    if ((*device)->held_by)
      return fail(errc::hypervisor_failed,
                  name + " is in use by server " + to_string(*(*device)->held_by));
    if ((*device)->unreadable)
      return fail(errc::hypervisor_failed, name + ": unknown header type 7f");
    return {};
  }

  outcome run(const plug_device& what) {
    const auto found = servers_.find(what.server.id);
    if (found == servers_.end() || !found->second.running)
      return fail(errc::wrong_state, "server " + to_string(what.server.id) + " does not run");
    auto& held = found->second.held;
    if (std::ranges::find(held, what.device) != held.end())
      return std::monostate{};
    if (!can_plug())
      return fail(errc::wrong_state, "host " + host_.name + " does not plug into running servers");
    if (auto usable = may_be_used(what.device); !usable)
      return tl::unexpected<model::failure>{std::move(usable.error())};
    devices_[*index_of(what.device)].held_by = what.server.id;
    held.push_back(what.device);
    return std::monostate{};
  }

  outcome run(const unplug_device& what) {
    const auto found = servers_.find(what.server);
    if (found == servers_.end() || !found->second.running)
      return std::monostate{};
    const auto& held = found->second.held;
    if (std::ranges::find(held, what.device) != held.end())
      guest_answers_.push_back({what.server, what.device, draw(settings_->guest_unplug)});
    return std::monostate{};
  }

  outcome run(const start_server& what) {
    const auto found = servers_.find(what.server.id);
    if (found == servers_.end())
      return fail(errc::hypervisor_failed,
                  "server " + to_string(what.server.id) + " is not defined");
    auto& cell = found->second;
    if (cell.running)
      return std::monostate{};
    for (const auto& id : cell.defined)
      if (auto usable = may_be_used(id); !usable)
        return tl::unexpected<model::failure>{std::move(usable.error())};
    for (const auto& id : cell.defined)
      devices_[*index_of(id)].held_by = what.server.id;
    cell.held = cell.defined;
    cell.running = true;
    return std::monostate{};
  }

  void power_off(const model::server_id& server) {
    for (auto& device : devices_)
      if (device.held_by == server)
        device.held_by.reset();
    if (const auto found = servers_.find(server); found != servers_.end()) {
      found->second.running = false;
      found->second.paused.clear();
    }
  }

  outcome run(const stop_server& what) {
    const auto found = servers_.find(what.server);
    if (found == servers_.end() || !found->second.running)
      return std::monostate{};
    if (what.force) {
      power_off(what.server);
      return std::monostate{};
    }
    guest_answers_.push_back({what.server, std::nullopt, draw(settings_->guest_shutdown)});
    return std::monostate{};
  }

  outcome run(const undefine_server& what) {
    const auto found = servers_.find(what.server);
    if (found == servers_.end())
      return std::monostate{};
    if (found->second.running)
      return fail(errc::hypervisor_failed,
                  "server " + to_string(what.server) + " runs: stop it first");
    servers_.erase(found);
    return std::monostate{};
  }

  outcome run(const list_servers&) {
    server_listing all{.servers = {}, .unknown_domains = unknown_domains_};
    all.servers.reserve(servers_.size());
    for (const auto& [id, cell] : servers_)
      all.servers.push_back({.server = id,
                             .running = cell.running,
                             .devices = cell.running ? cell.held : cell.defined,
                             .paused = cell.paused});
    return all;
  }

  // Not guarded: take the lock themselves.

  void end_guest(const model::server_id& server, const std::string& reason) {
    std::function<void(backend_event)> listener;
    {
      const std::lock_guard lock{mutex_};
      const auto found = servers_.find(server);
      if (found == servers_.end() || !found->second.running)
        return;
      power_off(server);
      listener = listener_;
    }
    if (listener)
      listener(server_exited{server, reason});
  }

  void let_go(const model::server_id& server, const model::device_id& device) {
    std::function<void(backend_event)> listener;
    {
      const std::lock_guard lock{mutex_};
      const auto found = servers_.find(server);
      if (found == servers_.end() || !found->second.running ||
          std::erase(found->second.held, device) == 0)
        return;
      if (const auto index = index_of(device); index && devices_[*index].held_by == server)
        devices_[*index].held_by.reset();
      listener = listener_;
    }
    if (listener)
      listener(device_left{server, device});
  }

  void pause(const model::server_id& server, const std::string& reason) {
    std::function<void(backend_event)> listener;
    {
      const std::lock_guard lock{mutex_};
      const auto found = servers_.find(server);
      if (found == servers_.end() || !found->second.running)
        return;
      found->second.paused = reason;
      listener = listener_;
    }
    if (listener && reason.empty())
      listener(server_resumed{server});
    else if (listener)
      listener(server_paused{server, reason});
  }

  void set_present(const model::device_id& id, bool here, const std::string& reason) {
    std::function<void(backend_event)> listener;
    {
      const std::lock_guard lock{mutex_};
      const auto index = index_of(id);
      if (!index || devices_[*index].present == here)
        return;
      auto& cell = devices_[*index];
      const auto holder = cell.held_by;
      cell = {.id = id};
      cell.present = here;
      cell.held_by = here ? std::nullopt : holder; // its guest still runs, without it
      listener = listener_;
    }
    if (!listener)
      return;
    if (here)
      listener(device_appeared{id});
    else
      listener(device_vanished{id, reason});
  }

  std::deque<waiting> calm() {
    const std::lock_guard lock{mutex_};
    calm_ = true;
    injected_.clear();
    return std::exchange(stuck_, {});
  }

  const simulated_host host_;
  const std::shared_ptr<const simulated_settings> settings_;
  timer& clock_;
  std::mutex mutex_;
  model::random dice_;
  std::function<void(backend_event)> listener_;
  std::vector<device_cell> devices_; ///< as in the machine, by index
  std::map<model::server_id, server_cell> servers_;
  std::vector<guest_answer> guest_answers_;               ///< to be timed
  std::vector<std::string> unknown_domains_;              ///< ascending
  bool calm_ = false;                                     ///< the plan's faults are over
  std::vector<std::pair<fault, std::uint32_t>> injected_; ///< with strikes so far
  std::vector<std::uint32_t> strikes_;                    ///< of the plan's faults
  std::deque<waiting> stuck_;
  std::map<model::server_id, std::deque<waiting>> queues_; ///< of each server that is worked on
};

simulated_backend::simulated_backend(simulated_host host,
                                     std::shared_ptr<const simulated_settings> settings,
                                     timer& clock, model::random dice)
    : state_{std::make_shared<state>(std::move(host), std::move(settings), clock, dice)} {}

simulated_backend::~simulated_backend() = default;

void simulated_backend::perform(operation what, completion done) {
  state_->accept(std::move(what), std::move(done));
}

void simulated_backend::on_event(std::function<void(backend_event)> listener) {
  const std::lock_guard lock{state_->mutex_};
  state_->listener_ = std::move(listener);
}

const simulated_host& simulated_backend::host() const {
  return state_->host_;
}

void simulated_backend::inject(fault what) {
  const std::lock_guard lock{state_->mutex_};
  state_->injected_.emplace(state_->injected_.begin(), std::move(what), 0U);
}

void simulated_backend::clear_faults() {
  for (auto& one : state_->calm())
    state_->clock_.after({}, [weak = state_->weak_from_this(), one = std::move(one)] {
      if (const auto self = weak.lock())
        self->go_on_after(one.what);
      one.done(fail(errc::outcome_unknown, "it was stuck and given up (injected)"));
    });
}

void simulated_backend::remove_device(const model::device_id& device, const std::string& reason) {
  state_->set_present(device, false, reason);
}

void simulated_backend::return_device(const model::device_id& device) {
  state_->set_present(device, true, {});
}

void simulated_backend::pause_server(const model::server_id& server, const std::string& reason) {
  state_->pause(server, reason);
}

void simulated_backend::add_unknown_domain(std::string name) {
  const std::lock_guard lock{state_->mutex_};
  auto& names = state_->unknown_domains_;
  names.insert(std::ranges::lower_bound(names, name), std::move(name));
}

void simulated_backend::crash_server(const model::server_id& server, const std::string& reason) {
  state_->end_guest(server, reason);
}

void simulated_backend::power_cycle() {
  const std::lock_guard lock{state_->mutex_};
  for (auto& device : state_->devices_) {
    const bool here = device.present;
    device = {.id = device.id};
    device.present = here;
  }
  for (auto& [id, server] : state_->servers_) {
    server.running = false;
    server.paused.clear();
  }
}

} // namespace berth::hostbackend::simulated
