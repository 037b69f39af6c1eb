#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "control/device_turnover.hpp"
#include "model/random.hpp"
#include "tests/control/device_turnover_world.hpp"

namespace berth::control {
namespace {

using model::device_state;
using model::errc;
using model::fail;
using testing::device_world;
using testing::good_evidence;
using testing::server_number;
namespace ops = model::host_operations;

/// Plays random events against one machine and checks the numbered invariants of
/// device_turnover.hpp from outside, with bookkeeping of its own.
class turnover_trial {
public:
  explicit turnover_trial(std::uint64_t seed) : random_{seed} {
    turnover_options options;
    options.recovery_delays.resize(2, std::chrono::seconds{1});
    world_.emplace(turnover::ownership{}, options);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i)
      random_event();
    settle();
  }

private:
  void random_event() {
    switch (random_.below(12)) {
    case 0:
      return step(turnover::found{.facts = facts(), .held_by = std::nullopt});
    case 1:
      return random_.chance(0.3) ? step(turnover::vanished{"pulled"}) : void();
    case 2:
    case 3:
      return command();
    case 4:
      return disk();
    case 5:
      return step(turnover::use_requested{.server = some_server(), .epoch = some_epoch()});
    case 6:
      return step(turnover::use_ended{some_server()});
    case 7:
      if (!world_->timers.empty())
        step(turnover::timer_fired{world_->timers[random_.below(world_->timers.size())].number});
      return;
    case 8:
      return step(turnover::probe{});
    default:
      return answer();
    }
  }

  model::device_info facts() {
    auto facts = world_->facts;
    if (random_.chance(0.1))
      facts.unusable_reason = "shares its group";
    return facts;
  }
  model::server_id some_server() { return server_number(1 + random_.below(3)); }
  model::device_epoch some_epoch() {
    return random_.chance(0.7) ? sent_ : random_.below(sent_ + 1);
  }

  void command() {
    const bool late = sent_ > 0 && random_.chance(0.3);
    const auto epoch = late ? random_.below(sent_) : ++sent_;
    auto& owner = owners_[epoch];
    if (!late)
      owner = random_.chance(0.6) ? std::optional{some_server()} : std::nullopt;
    step(turnover::command{
        .id = world_->id, .epoch = epoch, .owner = owner, .enabled = random_.chance(0.9)});
  }

  void disk() {
    if (world_->disk_writes.empty())
      return;
    const auto what = world_->disk_writes.front();
    world_->disk_writes.pop_front();
    if (random_.chance(0.2))
      return step(turnover::persist_failed{.epoch = what.epoch, .reason = "disk full"});
    on_disk_ = std::max(on_disk_, what.epoch);
    step(turnover::ownership_persisted{what.epoch});
  }

  void answer() {
    if (world_->operations.empty())
      return;
    const auto asked = world_->operations.front();
    world_->operations.pop_front();
    const bool verification = std::holds_alternative<ops::verify_device>(asked.what);
    model::result<ops::operation_result> outcome = std::monostate{};
    if (verification)
      outcome = evidence();
    if (random_.chance(0.25)) {
      constexpr errc codes[] = {errc::reset_failed, errc::bind_failed, errc::outcome_unknown,
                                errc::device_lost, errc::hypervisor_failed};
      outcome = fail(codes[random_.below(5)], "it failed");
    }
    note(asked, outcome);
    step(turnover::operation_finished{.number = asked.number, .outcome = outcome});
  }

  ops::device_evidence evidence() {
    auto seen = good_evidence();
    if (random_.chance(0.1))
      seen.config_readable = false;
    if (random_.chance(0.1))
      seen.vfio_bound = false;
    if (random_.chance(0.1))
      seen.group_released = false;
    return seen;
  }

  /// The trial's own record of what was proven since the last use.
  void note(const turnover::perform& asked, const model::result<ops::operation_result>& outcome) {
    if (std::holds_alternative<ops::reset_device>(asked.what)) {
      reset_done_ = outcome.has_value();
      proven_ = false;
    } else if (outcome && std::holds_alternative<ops::verify_device>(asked.what)) {
      proven_ = reset_done_ && std::get<ops::device_evidence>(*outcome).complete();
    }
  }

  void step(const turnover::event& what) {
    const auto operations_before = world_->operations.size();
    const auto before = world_->machine.state();
    const auto obeyed_before = world_->machine.obeyed().epoch;
    const auto user_before = world_->machine.user();
    if (std::holds_alternative<turnover::vanished>(what))
      reset_done_ = proven_ = false;
    const auto effects = world_->step(what);
    const auto& machine = world_->machine;
    const auto state = machine.state();
    // 1: evidence since the last use
    if (state == device_state::free || state == device_state::reserved) {
      ASSERT_TRUE(proven_) << "from " << to_string(before);
    }
    // 2: the highest epoch, and only from disk
    ASSERT_GE(machine.obeyed().epoch, obeyed_before);
    ASSERT_LE(machine.obeyed().epoch, on_disk_);
    ASSERT_EQ(machine.obeyed().owner, owners_[machine.obeyed().epoch]);
    // 3: one user, granted only as the owner, changed only after its end
    for (const auto& effect : effects)
      if (const auto* grant = std::get_if<turnover::grant_use>(&effect)) {
        ASSERT_TRUE(before == device_state::reserved || user_before == grant->server);
        ASSERT_EQ(machine.obeyed().owner, grant->server);
        ASSERT_EQ(grant->epoch, sent_) << "a newer command was on its way to disk";
        reset_done_ = proven_ = false;
      }
    if (user_before && machine.user() != user_before) {
      ASSERT_TRUE(std::holds_alternative<turnover::use_ended>(what));
    }
    if (machine.user()) {
      ASSERT_EQ(world_->operations.size(), operations_before) << "touched under a guest";
    }
    ASSERT_TRUE(machine.user() ? state == device_state::in_use ||
                                     state == device_state::releasing || state == device_state::lost
                               : state != device_state::in_use && state != device_state::releasing);
    // 4: one operation
    ASSERT_LE(world_->operations.size(), 1U);
  }

  /// Faults have ended: every question is answered well, every timer fires. It must come to rest.
  void settle() {
    step(turnover::found{.facts = world_->facts, .held_by = std::nullopt});
    if (world_->machine.user())
      step(turnover::use_ended{*world_->machine.user()});
    step(turnover::probe{});
    for (int i = 0; i < 200 && !::testing::Test::HasFatalFailure(); ++i) {
      if (!world_->disk_writes.empty()) {
        on_disk_ = std::max(on_disk_, world_->disk_writes.front().epoch);
        const auto what = world_->disk_writes.front();
        world_->disk_writes.pop_front();
        step(turnover::ownership_persisted{what.epoch});
      } else if (!world_->operations.empty()) {
        const auto asked = world_->operations.front();
        world_->operations.pop_front();
        model::result<ops::operation_result> outcome = std::monostate{};
        if (std::holds_alternative<ops::verify_device>(asked.what))
          outcome = good_evidence();
        note(asked, outcome);
        step(turnover::operation_finished{.number = asked.number, .outcome = outcome});
      } else if (!world_->timers.empty()) {
        const auto timer = world_->timers.back();
        world_->timers.pop_back();
        step(turnover::timer_fired{timer.number});
      } else {
        break;
      }
    }
    const auto& machine = world_->machine;
    ASSERT_EQ(machine.obeyed().epoch, sent_);
    ASSERT_EQ(machine.state(), machine.obeyed().owner ? device_state::reserved : device_state::free)
        << machine.observed().reason;
  }

  model::random random_;
  std::optional<device_world> world_;
  std::map<model::device_epoch, std::optional<model::server_id>> owners_{{0, std::nullopt}};
  model::device_epoch sent_ = 0;
  model::device_epoch on_disk_ = 0;
  bool reset_done_ = false;
  bool proven_ = false;
};

TEST(DeviceTurnoverProperty, HoldsItsInvariantsUnderRandomEvents) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    turnover_trial{seed}.run(150);
    if (HasFatalFailure())
      return;
  }
}

} // namespace
} // namespace berth::control
