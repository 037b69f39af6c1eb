#include "actors/metered_backend.hpp"

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace berth::actors {

namespace {

using metrics::metric;
namespace operations = model::host_operations;

/// The operation's value of the label `operation`; empty: not an operation on a device.
std::string_view device_operation(const operations::operation& what) {
  if (std::holds_alternative<operations::bind_device>(what))
    return "bind";
  if (std::holds_alternative<operations::reset_device>(what))
    return "reset";
  if (std::holds_alternative<operations::verify_device>(what))
    return "verify";
  if (std::holds_alternative<operations::plug_device>(what))
    return "plug";
  if (std::holds_alternative<operations::unplug_device>(what))
    return "unplug";
  return {};
}

/// The operation's phase of a server's start; empty: none.
std::string_view start_phase(const operations::operation& what) {
  if (std::holds_alternative<operations::bind_device>(what))
    return "bind";
  if (std::holds_alternative<operations::define_server>(what))
    return "define";
  if (std::holds_alternative<operations::start_server>(what))
    return "start";
  return {};
}

/// What a reset is counted under: a device's model and the method that is tried first. Written when
/// a scan ends, read when a reset ends, on whatever threads.
class device_facts {
public:
  void learn(const model::host_info& scanned) {
    const std::lock_guard lock{mutex_};
    for (const auto& device : scanned.devices)
      known_[device.id] = {device.model,
                           device.reset_methods.empty() ? "none" : device.reset_methods.front()};
  }
  void count_reset(metrics::registry& live, const operations::reset_device& what) {
    const std::lock_guard lock{mutex_};
    const auto found = known_.find(what.device);
    const auto facts = found == known_.end() ? labels{"unknown", "unknown"} : found->second;
    live.get_counter(metric::device_resets_total,
                     {facts.model, what.method.empty() ? facts.method : what.method})
        .increment();
  }

private:
  struct labels {
    std::string model, method;
  };
  std::mutex mutex_;
  std::map<model::device_id, labels> known_;
};

class metered_backend final : public hostbackend::host_backend {
public:
  metered_backend(std::shared_ptr<hostbackend::host_backend> inner, const std::string& host,
                  metrics::registry& live, std::function<model::timestamp()> clock)
      : inner_(std::move(inner)), live_(live), clock_(std::move(clock)),
        vanished_(live.get_counter(metric::device_health_events_total, {host, "vanished"})),
        appeared_(live.get_counter(metric::device_health_events_total, {host, "appeared"})) {}

  void perform(operations::operation what, completion done) override {
    done = noting_facts(what, std::move(done));
    const auto operation = device_operation(what);
    const auto phase = start_phase(what);
    if (operation.empty() && phase.empty())
      return inner_->perform(std::move(what), std::move(done));
    if (!operation.empty())
      live_.get_gauge(metric::device_operations_in_progress, {operation}).add(1);
    inner_->perform(std::move(what),
                    [&live = live_, clock = clock_, operation, phase, begin = clock_(),
                     done = std::move(done)](model::result<operations::operation_result> outcome) {
                      count(live, operation, phase, clock() - begin, outcome);
                      done(std::move(outcome));
                    });
  }
  void on_event(std::function<void(operations::backend_event)> listener) override {
    inner_->on_event([vanished = vanished_, appeared = appeared_,
                      listener = std::move(listener)](operations::backend_event what) {
      if (std::holds_alternative<operations::device_vanished>(what))
        vanished.increment();
      if (std::holds_alternative<operations::device_appeared>(what))
        appeared.increment();
      listener(std::move(what));
    });
  }

private:
  /// `done`, which also learns from scans and counts resets.
  completion noting_facts(const operations::operation& what, completion done) {
    if (std::holds_alternative<operations::discover>(what))
      return [facts = facts_, done = std::move(done)](auto outcome) {
        if (const auto* scanned = outcome ? std::get_if<model::host_info>(&*outcome) : nullptr)
          facts->learn(*scanned);
        done(std::move(outcome));
      };
    if (const auto* reset = std::get_if<operations::reset_device>(&what))
      return [facts = facts_, &live = live_, what = *reset, done = std::move(done)](auto outcome) {
        if (outcome)
          facts->count_reset(live, what);
        done(std::move(outcome));
      };
    return done;
  }
  static void count(metrics::registry& live, std::string_view operation, std::string_view phase,
                    model::duration took,
                    const model::result<operations::operation_result>& outcome) {
    const auto seconds = std::chrono::duration<double>(took).count();
    if (!phase.empty() && outcome)
      live.get_histogram(metric::server_start_duration_seconds, {phase}).observe(seconds);
    if (operation.empty())
      return;
    live.get_gauge(metric::device_operations_in_progress, {operation}).add(-1);
    live.get_counter(metric::device_operations_total, {operation}).increment();
    live.get_histogram(metric::device_operation_duration_seconds, {operation}).observe(seconds);
    if (!outcome)
      live.get_counter(metric::device_operation_failures_total,
                       {operation, model::to_string(outcome.error().code)})
          .increment();
  }

  std::shared_ptr<hostbackend::host_backend> inner_;
  metrics::registry& live_;
  std::function<model::timestamp()> clock_;
  std::shared_ptr<device_facts> facts_ = std::make_shared<device_facts>();
  metrics::counter vanished_;
  metrics::counter appeared_;
};

} // namespace

std::shared_ptr<hostbackend::host_backend>
make_metered_backend(std::shared_ptr<hostbackend::host_backend> inner, const std::string& host,
                     metrics::registry& live, std::function<model::timestamp()> clock) {
  return std::make_shared<metered_backend>(std::move(inner), host, live, std::move(clock));
}

} // namespace berth::actors
