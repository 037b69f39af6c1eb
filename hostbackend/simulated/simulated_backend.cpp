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

#include "hostbackend/simulated/host_truth.hpp"

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

/// Time, faults and the listener around what is true of the host. Outlives the backend only until
/// the timers that hold it weakly have fired.
class simulated_backend::state : public std::enable_shared_from_this<state> {
public:
  state(simulated_host host, std::shared_ptr<const simulated_settings> settings, timer& clock,
        model::random dice)
      : host_{std::move(host)}, settings_{std::move(settings)}, clock_{clock}, dice_{dice},
        truth_{host_, *settings_} {}

  // Everything below is guarded by mutex_, except where it says otherwise.

  struct strike {
    fault_kind kind = fault_kind::fail;
    double factor = 1;
  };
  /// A guest does what it was asked to after a while.
  struct guest_answer {
    guest_request what;
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
      result = struck ? strike_down(what, *struck, events) : truth_.carry_out(what);
      listener = listener_;
      for (const auto& asked : truth_.take_requests())
        answers.push_back(
            {asked, draw(asked.device ? settings_->guest_unplug : settings_->guest_shutdown)});
    }
    for (const auto& answer : answers)
      clock_.after(answer.delay, [weak = weak_from_this(), answer] {
        const auto self = weak.lock();
        if (self && answer.what.device)
          self->let_go(answer.what.server, *answer.what.device);
        else if (self)
          self->end_guest(answer.what.server, "the guest powered off");
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
      const auto index = id ? truth_.index_of(*id) : std::nullopt;
      if (!index || host_.kind->devices[*index].address != *one.device)
        return false;
    }
    const auto* reset = std::get_if<reset_device>(&what);
    if (!one.method.empty() && (reset == nullptr || truth_.method_of(*reset) != one.method))
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

  outcome strike_down(const operation& what, const strike& struck,
                      std::vector<backend_event>& events) {
    const auto name = std::string{operation_name(what)};
    const auto id = device_of(what);
    const auto index = id ? truth_.index_of(*id) : std::nullopt;
    switch (struck.kind) {
    case fault_kind::unknown:
      if (dice_.chance(0.5))
        (void)truth_.carry_out(what);
      return fail(errc::outcome_unknown, name + ": the answer was lost (injected)");
    case fault_kind::off_bus:
      if (!index)
        break;
      truth_.device(*index).present = false;
      truth_.device(*index).bound = false;
      events.emplace_back(device_vanished{*id, "fell off the bus (injected)"});
      return fail(errc::device_lost, truth_.name_of(*index) + " fell off the bus (injected)");
    case fault_kind::ignored:
      return std::monostate{};
    case fault_kind::unreadable:
    case fault_kind::link_degraded: {
      auto result = truth_.carry_out(what);
      if (index && struck.kind == fault_kind::unreadable)
        truth_.device(*index).unreadable = true;
      else if (index)
        truth_.device(*index).link_degraded = true;
      return result;
    }
    default:
      break;
    }
    return fail(code_of_failing(what), name + " failed (injected)");
  }

  // Not guarded: take the lock themselves.

  /// Where it was so already, nobody hears of it.
  void tell_if(bool happened, std::unique_lock<std::mutex> lock, backend_event what) {
    const auto listener = listener_;
    lock.unlock();
    if (happened && listener)
      listener(std::move(what));
  }
  void end_guest(const model::server_id& server, const std::string& reason) {
    std::unique_lock lock{mutex_};
    const bool happened = truth_.power_off(server);
    tell_if(happened, std::move(lock), server_exited{server, reason});
  }
  void let_go(const model::server_id& server, const model::device_id& device) {
    std::unique_lock lock{mutex_};
    const bool happened = truth_.let_go(server, device);
    tell_if(happened, std::move(lock), device_left{server, device});
  }
  void pause(const model::server_id& server, const std::string& reason) {
    std::unique_lock lock{mutex_};
    const bool happened = truth_.pause(server, reason);
    if (reason.empty())
      tell_if(happened, std::move(lock), server_resumed{server});
    else
      tell_if(happened, std::move(lock), server_paused{server, reason});
  }
  void set_present(const model::device_id& id, bool here, const std::string& reason) {
    std::unique_lock lock{mutex_};
    const bool happened = truth_.set_present(id, here);
    if (here)
      tell_if(happened, std::move(lock), device_appeared{id});
    else
      tell_if(happened, std::move(lock), device_vanished{id, reason});
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
  host_truth truth_;
  std::function<void(backend_event)> listener_;
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
  state_->truth_.add_unknown_domain(std::move(name));
}

void simulated_backend::crash_server(const model::server_id& server, const std::string& reason) {
  state_->end_guest(server, reason);
}

void simulated_backend::power_cycle() {
  const std::lock_guard lock{state_->mutex_};
  state_->truth_.power_cycle();
}

} // namespace berth::hostbackend::simulated
