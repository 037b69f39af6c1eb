#pragma once

#include <chrono>
#include <cstddef>

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/detail/test_actor_clock.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "model/time.hpp"
#include "sim/agenda.hpp"

namespace berth::sim {

/// Virtual time for actors: CAF's clock for tests, but for messages to actors, which wait in a flat
/// heap. CAF keeps each in a node of a tree; with a timer per actor the look-ups in those cold
/// nodes were a tenth of a run.
class virtual_clock final : public caf::detail::test_actor_clock {
public:
  /// 2026-01-01T00:00:00Z.
  static constexpr model::timestamp epoch{std::chrono::seconds{1'767'225'600}};

  [[nodiscard]] model::timestamp at() const { return epoch + current_time.time_since_epoch(); }
  /// When the next message or timeout is due; never, if none waits.
  [[nodiscard]] model::timestamp next() const;
  /// Moves the time forward, not back. Delivers nothing.
  void set(model::timestamp to);
  /// Delivers everything that is due by now: timeouts, then messages, each in the order in which
  /// they were asked for.
  void deliver();

  // They would not see the messages.
  bool has_pending_timeout() const = delete;
  bool trigger_timeout() = delete;
  std::size_t trigger_timeouts() = delete;
  std::size_t advance_time(duration_type) = delete;

  using test_actor_clock::schedule_message;
  void schedule_message(time_point when, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override;
  void cancel_all() override;

private:
  struct letter {
    caf::strong_actor_ptr receiver;
    caf::mailbox_element_ptr content;
  };
  agenda<letter> letters_;
};

/// CAF's deterministic coordinator with that clock. Load it into the configuration of an actor
/// system before the system is made.
class coordinator final : public caf::scheduler::test_coordinator {
public:
  using test_coordinator::test_coordinator;

  /// CAF calls it: a module is made by the system it serves, which owns it.
  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>);

  // They would ask a clock that nobody uses.
  bool has_pending_timeout() const = delete;
  bool trigger_timeout() = delete;
  std::size_t trigger_timeouts() = delete;
  std::size_t advance_time(caf::timespan) = delete;

  virtual_clock& time() { return clock_; }
  virtual_clock& clock() noexcept override { return clock_; }

private:
  virtual_clock clock_;
};

} // namespace berth::sim
