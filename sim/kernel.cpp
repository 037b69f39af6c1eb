#include "sim/kernel.hpp"

#include <algorithm>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduled_actor.hpp>

#include "actors/interfaces.hpp"
#include "sim/agenda.hpp"
#include "sim/coordinator.hpp"

namespace berth::sim {

namespace {

struct virtual_config : caf::actor_system_config {
  virtual_config() {
    add_message_types<caf::id_block::berth>();
    load<coordinator>();
    set("logger.file-verbosity", caf::atom("quiet"));
    set("logger.console-verbosity", caf::atom("quiet"));
  }
};

/// Nullptr: the job is no actor.
const caf::scheduled_actor* as_actor(const caf::resumable& job) {
  return job.subtype() == caf::resumable::scheduled_actor
             ? static_cast<const caf::scheduled_actor*>(&job)
             : nullptr;
}

} // namespace

struct kernel::impl : hostbackend::timer {
  explicit impl(kernel_options how)
      : options(how), order(model::random{how.seed}.split()), system(config),
        jobs(dynamic_cast<coordinator&>(system.scheduler())), time(jobs.time()) {}

  void after(model::duration delay, std::function<void()> what) override {
    calls.push(now() + std::max(delay, model::duration::zero()), std::move(what));
  }

  [[nodiscard]] model::timestamp now() const { return time.at(); }

  void mix(std::uint64_t value) {
    trace ^= value;
    trace *= 1099511628211ULL;
  }

  void run_one_job() {
    auto& ready = jobs.jobs;
    if (options.shuffle && ready.size() > 1)
      std::swap(ready.front(), ready[order.below(ready.size())]);
    if (const auto* actor = as_actor(*ready.front()))
      mix(actor->id());
    ++steps;
    // Nothing is logged; without a logger no job pays for one. Each spawn puts it back.
    caf::logger::set_current_actor_system(nullptr);
    jobs.try_run_once();
  }

  /// Does one thing; false when nothing is due up to `end`.
  bool step(model::timestamp end) {
    if (jobs.has_job()) {
      run_one_job();
      return true;
    }
    const bool call = calls.next() <= time.next();
    const auto due = call ? calls.next() : time.next();
    if (due > end)
      return false;
    ++steps;
    mix(static_cast<std::uint64_t>(due.time_since_epoch().count()));
    time.set(due);
    if (call)
      calls.pop()();
    else
      time.deliver();
    return true;
  }

  kernel_options options;
  model::random order;
  std::uint64_t trace = 14695981039346656037ULL;
  std::uint64_t steps = 0;
  agenda<std::function<void()>> calls;
  virtual_config config;
  caf::actor_system system;
  coordinator& jobs;
  virtual_clock& time;
};

kernel::kernel(kernel_options options) : impl_(std::make_unique<impl>(options)) {}

kernel::~kernel() {
  // Actors that stop may send and set timers; the system waits for them, and only this thread can
  // run them.
  impl_->calls.clear();
  impl_->time.cancel_all();
  impl_->jobs.run();
  impl_->time.cancel_all();
}

caf::actor_system& kernel::system() {
  return impl_->system;
}
model::timestamp kernel::now() const {
  return impl_->now();
}
std::function<model::timestamp()> kernel::clock() const {
  return [at = impl_.get()] { return at->now(); };
}
void kernel::after(model::duration delay, std::function<void()> what) {
  impl_->after(delay, std::move(what));
}
hostbackend::timer& kernel::timers() {
  return *impl_;
}
model::random kernel::dice(std::uint64_t stream) const {
  return model::random{
      model::random{impl_->options.seed ^ (stream * 0x9e3779b97f4a7c15ULL)}.next()};
}

void kernel::run_for(model::duration span) {
  const auto end = now() + span;
  while (impl_->step(end)) {
  }
  impl_->time.set(end);
}

bool kernel::run_until(const std::function<bool()>& done, model::duration limit) {
  const auto end = now() + limit;
  while (!done()) {
    if (!impl_->step(end)) {
      impl_->time.set(end);
      return done();
    }
  }
  return true;
}

void kernel::note(std::uint64_t what) {
  impl_->mix(what);
}
std::uint64_t kernel::trace_hash() const {
  return impl_->trace;
}
std::uint64_t kernel::steps() const {
  return impl_->steps;
}

} // namespace berth::sim
