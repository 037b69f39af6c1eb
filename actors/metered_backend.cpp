#include "actors/metered_backend.hpp"

#include <chrono>
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
  if (std::holds_alternative<operations::unbind_device>(what))
    return "unbind";
  if (std::holds_alternative<operations::reset_device>(what))
    return "reset";
  if (std::holds_alternative<operations::verify_device>(what))
    return "verify";
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

class metered_backend final : public hostbackend::host_backend {
public:
  metered_backend(std::shared_ptr<hostbackend::host_backend> inner, metrics::registry& live,
                  std::function<model::timestamp()> clock)
      : inner_(std::move(inner)), live_(live), clock_(std::move(clock)) {}

  void perform(operations::operation what, completion done) override {
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
    inner_->on_event(std::move(listener));
  }

private:
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
};

} // namespace

std::shared_ptr<hostbackend::host_backend>
make_metered_backend(std::shared_ptr<hostbackend::host_backend> inner, metrics::registry& live,
                     std::function<model::timestamp()> clock) {
  return std::make_shared<metered_backend>(std::move(inner), live, std::move(clock));
}

} // namespace berth::actors
