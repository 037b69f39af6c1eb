#include "sim/kernel.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "actors/interfaces.hpp"

namespace berth::sim {

namespace {

/// 2026-01-01T00:00:00Z.
constexpr model::timestamp epoch{std::chrono::seconds{1'767'225'600}};

struct virtual_config : caf::actor_system_config {
  virtual_config() {
    add_message_types<caf::id_block::berth>();
    set("scheduler.policy", caf::atom("testing"));
    set("logger.file-verbosity", caf::atom("quiet"));
    set("logger.console-verbosity", caf::atom("quiet"));
  }
};

} // namespace

struct kernel::impl : hostbackend::timer {
  explicit impl(kernel_options how)
      : options(how), order(model::random{how.seed}.split()), system(config),
        coordinator(dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())) {}

  void after(model::duration delay, std::function<void()> what) override {
    agenda.emplace(now() + std::max(delay, model::duration::zero()), std::move(what));
  }

  [[nodiscard]] model::timestamp now() const {
    return epoch + coordinator.clock().current_time.time_since_epoch();
  }

  void mix(std::uint64_t value) {
    trace ^= value;
    trace *= 1099511628211ULL;
  }

  void run_one_job() {
    auto& jobs = coordinator.jobs;
    if (options.shuffle && jobs.size() > 1)
      std::swap(jobs.front(), jobs[order.below(jobs.size())]);
    if (const auto* actor = dynamic_cast<caf::scheduled_actor*>(jobs.front()))
      mix(actor->id());
    ++steps;
    coordinator.try_run_once();
  }

  /// Does one thing; false when nothing is due up to `end`.
  bool step(model::timestamp end) {
    if (coordinator.has_job()) {
      run_one_job();
      return true;
    }
    const auto& timeouts = coordinator.clock().schedule();
    const auto actors_due = timeouts.empty() ? model::timestamp::max()
                                             : epoch + timeouts.begin()->first.time_since_epoch();
    const auto agenda_due = agenda.empty() ? model::timestamp::max() : agenda.begin()->first;
    const auto due = std::min(actors_due, agenda_due);
    if (due > end)
      return false;
    ++steps;
    mix(static_cast<std::uint64_t>(due.time_since_epoch().count()));
    if (agenda_due <= actors_due) {
      set_time(due);
      auto what = std::move(agenda.begin()->second);
      agenda.erase(agenda.begin());
      what();
    } else {
      coordinator.advance_time(std::max(model::duration::zero(), due - now()));
    }
    return true;
  }

  void set_time(model::timestamp to) {
    auto& current = coordinator.clock().current_time;
    current = std::max(current, caf::actor_clock::time_point{to - epoch});
  }

  kernel_options options;
  model::random order;
  std::uint64_t trace = 14695981039346656037ULL;
  std::uint64_t steps = 0;
  std::multimap<model::timestamp, std::function<void()>> agenda;
  virtual_config config;
  caf::actor_system system;
  caf::scheduler::test_coordinator& coordinator;
};

kernel::kernel(kernel_options options) : impl_(std::make_unique<impl>(options)) {}

kernel::~kernel() {
  // Actors that stop may send and set timers; the system waits for them, and only this thread can
  // run them.
  impl_->agenda.clear();
  impl_->coordinator.clock().cancel_all();
  impl_->coordinator.run();
  impl_->coordinator.clock().cancel_all();
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
  impl_->set_time(end);
}

bool kernel::run_until(const std::function<bool()>& done, model::duration limit) {
  const auto end = now() + limit;
  while (!done()) {
    if (!impl_->step(end)) {
      impl_->set_time(end);
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
