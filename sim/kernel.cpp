#include "sim/kernel.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>
#include <caf/resumable.hpp>
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

/// What is to be called when; what was asked for first comes first. The heap's entries are plain
/// values, cheap to move; the calls themselves stay where they are.
class agenda {
public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  /// Must not be empty.
  [[nodiscard]] model::timestamp next() const { return heap_.front().when; }
  void push(model::timestamp when, std::function<void()> what) {
    heap_.push_back({when, ++pushed_, keep(std::move(what))});
    std::ranges::push_heap(heap_, is_later);
  }
  /// Must not be empty.
  std::function<void()> pop() {
    std::ranges::pop_heap(heap_, is_later);
    const auto place = heap_.back().place;
    heap_.pop_back();
    free_.push_back(place);
    return std::exchange(calls_[place], nullptr);
  }
  void clear() { *this = {}; }

private:
  struct entry {
    model::timestamp when{};
    std::uint64_t number = 0;
    std::size_t place = 0; ///< in calls_
  };
  static bool is_later(const entry& a, const entry& b) {
    return a.when != b.when ? a.when > b.when : a.number > b.number;
  }
  std::size_t keep(std::function<void()> what) {
    if (free_.empty()) {
      calls_.push_back(std::move(what));
      return calls_.size() - 1;
    }
    const auto place = free_.back();
    free_.pop_back();
    calls_[place] = std::move(what);
    return place;
  }

  std::vector<entry> heap_;
  std::vector<std::function<void()>> calls_;
  std::vector<std::size_t> free_; ///< places in calls_
  std::uint64_t pushed_ = 0;
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
        coordinator(dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())) {}

  void after(model::duration delay, std::function<void()> what) override {
    calls.push(now() + std::max(delay, model::duration::zero()), std::move(what));
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
    if (const auto* actor = as_actor(*jobs.front()))
      mix(actor->id());
    ++steps;
    // Nothing is logged; without a logger no job pays for one. Each spawn puts it back.
    caf::logger::set_current_actor_system(nullptr);
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
    const auto calls_due = calls.empty() ? model::timestamp::max() : calls.next();
    const auto due = std::min(actors_due, calls_due);
    if (due > end)
      return false;
    ++steps;
    mix(static_cast<std::uint64_t>(due.time_since_epoch().count()));
    if (calls_due <= actors_due) {
      set_time(due);
      calls.pop()();
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
  agenda calls;
  virtual_config config;
  caf::actor_system system;
  caf::scheduler::test_coordinator& coordinator;
};

kernel::kernel(kernel_options options) : impl_(std::make_unique<impl>(options)) {}

kernel::~kernel() {
  // Actors that stop may send and set timers; the system waits for them, and only this thread can
  // run them.
  impl_->calls.clear();
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
