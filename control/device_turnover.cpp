#include "control/device_turnover.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "model/text.hpp"

namespace berth::control {

using model::device_state;
namespace ops = model::host_operations;

namespace {

bool is_unknown(const model::failure& why) {
  return why.code == model::errc::outcome_unknown || why.code == model::errc::deadline_exceeded;
}

} // namespace

device_turnover::device_turnover(model::device_id id, turnover::ownership kept,
                                 turnover_options options)
    : id_{id}, options_{std::move(options)}, obeyed_{kept} {}

turnover::effects device_turnover::step(model::timestamp /*now*/, const turnover::event& what) {
  effects_.clear();
  std::visit([this](const auto& event) { on(event); }, what);
  if (auto seen = observed(); !reported_ || *reported_ != seen) {
    reported_ = seen;
    effects_.emplace_back(turnover::report{std::move(seen)});
  }
  if (const auto* ended = std::get_if<turnover::use_ended>(&what))
    effects_.emplace_back(turnover::confirm_end{ended->server});
  return std::exchange(effects_, {});
}

model::observed_device device_turnover::observed() const {
  return {.id = id_,
          .state = state_,
          .reason = reason_,
          .obeyed = obeyed_.epoch,
          .evidence = evidence_};
}

// --- What the machine and the bus say ------------------------------------------------------------

void device_turnover::on(const turnover::found& what) {
  facts_ = what.facts;
  const bool new_here = state_ == device_state::discovered || state_ == device_state::lost ||
                        state_ == device_state::unusable;
  if (new_here && !user_ && what.held_by)
    return adopt(*what.held_by);
  if (user_) {
    // A device that left the bus under a running guest does not come back into the guest.
    if (state_ == device_state::lost) {
      user_lost_it_ = true;
      enter(device_state::releasing, "came back while server " + to_string(*user_) +
                                         " runs; it is cleaned when that server lets go of it");
    }
    return;
  }
  if (!facts_->unusable_reason.empty()) {
    supersede();
    return enter(device_state::unusable, facts_->unusable_reason);
  }
  if (new_here) {
    bound_ = false;
    recoveries_ = 0;
    clean();
  }
}

void device_turnover::on(const turnover::vanished& what) {
  if (state_ == device_state::lost)
    return;
  supersede();
  bound_ = false;
  enter(device_state::lost, what.reason.empty() ? "gone from the bus" : what.reason);
}

void device_turnover::adopt(const model::server_id& server) {
  user_ = server;
  supersede();
  if (obeyed_.owner == server)
    enter(device_state::in_use);
  else
    enter(device_state::releasing,
          "held by server " + to_string(server) + ", which does not own it");
}

/// Whatever operation is outstanding no longer decides anything.
void device_turnover::supersede() {
  if (outstanding_)
    outstanding_->superseded = true;
  else
    timer_use_ = timer_use::none;
  clean_when_answered_ = false;
}

// --- Ownership -----------------------------------------------------------------------------------

void device_turnover::on(const turnover::command& what) {
  const auto& latest = persisting_ ? *persisting_ : obeyed_;
  if (what.epoch < latest.epoch || (what.epoch == latest.epoch && what.owner != latest.owner)) {
    effects_.emplace_back(turnover::refuse_command{
        {model::errc::stale_epoch,
         "device " + to_string(id_) + ": a command of epoch " + std::to_string(what.epoch) +
             " came after epoch " + std::to_string(latest.epoch) + " was obeyed",
         {{"device", to_string(id_)},
          {"epoch", std::to_string(what.epoch)},
          {"obeyed", std::to_string(latest.epoch)}}}});
    reported_.reset(); // tell again what is obeyed
    return;
  }
  enabled_ = what.enabled;
  if (what.epoch > latest.epoch)
    persist({.epoch = what.epoch, .owner = what.owner});
  if (enabled_ && state_ == device_state::quarantined && timer_use_ == timer_use::none)
    recover_later();
}

void device_turnover::persist(turnover::ownership what) {
  persisting_ = what;
  persist_timer_ = 0;
  effects_.emplace_back(turnover::persist_ownership{what});
}

void device_turnover::on(const turnover::ownership_persisted& what) {
  if (!persisting_ || persisting_->epoch != what.epoch)
    return;
  const auto before = std::exchange(obeyed_, *persisting_);
  persisting_.reset();
  persist_timer_ = 0;
  ownership_changed(before);
}

void device_turnover::on(const turnover::persist_failed& what) {
  if (!persisting_ || persisting_->epoch != what.epoch)
    return;
  effects_.emplace_back(turnover::refuse_command{
      {model::errc::store_failed,
       "device " + to_string(id_) + ": epoch " + std::to_string(what.epoch) +
           " could not be kept on disk, so it is not obeyed yet: " + what.reason}});
  persist_timer_ = ++timers_;
  effects_.emplace_back(
      turnover::arm_timer{.number = persist_timer_, .after = options_.retry_delay});
}

void device_turnover::ownership_changed(const turnover::ownership& before) {
  switch (state_) {
  case device_state::in_use:
  case device_state::releasing:
    if (user_lost_it_)
      return;
    if (obeyed_.owner == user_)
      enter(device_state::in_use);
    else
      enter(device_state::releasing, "waits for server " + to_string(*user_) + " to let go of it");
    return;
  case device_state::free:
    if (obeyed_.owner)
      enter(device_state::reserved);
    return;
  case device_state::reserved:
    // Another owner, or none: even if it was never in use, it is proven clean again.
    if (obeyed_.owner != before.owner)
      clean();
    return;
  default: // in cleaning, or beyond use: settle() looks at the owner
    return;
  }
}

void device_turnover::on(const turnover::use_requested& what) {
  const bool owns = obeyed_.owner == what.server && obeyed_.epoch == what.epoch && !persisting_;
  const bool again = state_ == device_state::in_use && user_ == what.server;
  if (owns && (state_ == device_state::reserved || again)) {
    user_ = what.server;
    enter(device_state::in_use);
    effects_.emplace_back(turnover::grant_use{.server = what.server, .epoch = what.epoch});
    return;
  }
  const auto code = owns ? model::errc::device_not_free : model::errc::stale_epoch;
  effects_.emplace_back(turnover::refuse_use{
      what.server,
      {code, "device " + to_string(id_) + " cannot be used by server " + to_string(what.server) +
                 " at epoch " + std::to_string(what.epoch) + ": it is " +
                 std::string{model::to_string(state_)} + " at epoch " +
                 std::to_string(obeyed_.epoch) + (reason_.empty() ? "" : " (" + reason_ + ")")}});
}

void device_turnover::on(const turnover::use_found& what) {
  if (!user_ && state_ != device_state::lost)
    adopt(what.server);
}

void device_turnover::on(const turnover::use_ended& what) {
  if (user_ != what.server)
    return;
  user_.reset();
  user_lost_it_ = false;
  if (state_ == device_state::lost)
    return;
  if (facts_ && !facts_->unusable_reason.empty())
    return enter(device_state::unusable, facts_->unusable_reason);
  clean();
}

// --- Cleaning ------------------------------------------------------------------------------------

/// Starts the way to evidence anew, as soon as nothing is outstanding.
void device_turnover::clean() {
  if (outstanding_) {
    clean_when_answered_ = true;
    if (outstanding_->overdue)
      enter(device_state::quarantined, "an earlier operation has not answered; its outcome is "
                                       "unknown and nothing else is tried before it answers");
    else
      enter(device_state::discovered, "waits for an earlier operation to answer");
    return;
  }
  rung_ = 0;
  bind_attempts_ = 0;
  verify_attempts_ = 0;
  unknown_attempts_ = 0;
  start(bound_ ? stage::reset : stage::bind);
}

void device_turnover::start(stage what) {
  switch (what) {
  case stage::bind:
    enter(device_state::binding);
    break;
  case stage::reset:
    enter(device_state::resetting);
    break;
  case stage::verify:
    enter(device_state::verifying);
    break;
  case stage::observe: // part of the stage whose outcome is unknown
    break;
  }
  ask(what);
}

void device_turnover::ask(stage what) {
  ops::operation operation;
  switch (what) {
  case stage::bind:
    operation = ops::bind_device{id_};
    break;
  case stage::reset:
    operation = ops::reset_device{.device = id_, .method = method()};
    break;
  case stage::verify:
  case stage::observe:
    operation = ops::verify_device{id_};
    break;
  }
  outstanding_ = outstanding{.number = ++operations_, .what = what};
  arm(timer_use::deadline, options_.operation_deadline);
  effects_.emplace_back(turnover::perform{.number = operations_, .what = std::move(operation)});
}

void device_turnover::later(stage what) {
  retry_stage_ = what;
  arm(timer_use::retry, options_.retry_delay);
}

/// The reset method of the present rung; empty = let the backend choose.
std::string device_turnover::method() const {
  return facts_ && rung_ < facts_->reset_methods.size() ? facts_->reset_methods[rung_]
                                                        : std::string{};
}

void device_turnover::on(const turnover::operation_finished& what) {
  if (!outstanding_ || outstanding_->number != what.number)
    return;
  const auto answered = *std::exchange(outstanding_, std::nullopt);
  timer_use_ = timer_use::none;
  if (answered.superseded || answered.overdue) {
    if (std::exchange(clean_when_answered_, false))
      clean();
    else if (state_ == device_state::quarantined)
      recover_later();
    return;
  }
  const model::failure* why = what.outcome ? nullptr : &what.outcome.error();
  if (why != nullptr && why->code == model::errc::device_lost)
    return on(turnover::vanished{why->message});
  if (why != nullptr && is_unknown(*why))
    return outcome_unknown(answered.what, *why);
  switch (answered.what) {
  case stage::bind:
    return bound(why);
  case stage::reset:
    return was_reset(why);
  case stage::verify:
    return verified(what.outcome);
  case stage::observe:
    return was_observed(what.outcome);
  }
}

void device_turnover::bound(const model::failure* why) {
  if (why == nullptr) {
    bound_ = true;
    return start(stage::reset);
  }
  if (++bind_attempts_ >= options_.bind_attempts_max)
    return quarantine("not bound after " + std::to_string(bind_attempts_) +
                      " tries: " + why->message);
  later(stage::bind);
}

void device_turnover::was_reset(const model::failure* why) {
  if (why != nullptr)
    return next_method("reset " + method() + " failed: " + why->message);
  verify_attempts_ = 0;
  start(stage::verify);
}

void device_turnover::verified(const model::result<ops::operation_result>& outcome) {
  if (!outcome)
    return next_method("verification failed: " + outcome.error().message);
  if (const auto* seen = std::get_if<ops::device_evidence>(&*outcome))
    return judge(*seen);
  quarantine("the backend answered a verification without evidence");
}

void device_turnover::judge(const ops::device_evidence& seen) {
  if (seen.complete()) {
    recoveries_ = 0;
    enter(obeyed_.owner ? device_state::reserved : device_state::free);
    evidence_ = seen.text();
    return;
  }
  auto but_for_group = seen;
  but_for_group.group_released = true;
  if (but_for_group.complete() && ++verify_attempts_ < options_.verify_attempts_max)
    return later(stage::verify); // a dying hypervisor process lets go soon
  if (!seen.vfio_bound && ++bind_attempts_ < options_.bind_attempts_max) {
    bound_ = false;
    return start(stage::bind); // and reset and verify after that
  }
  next_method("verification failed: " + seen.text());
}

/// Nobody knows whether it happened: look before doing it again.
void device_turnover::outcome_unknown(stage what, const model::failure& why) {
  if (++unknown_attempts_ > options_.unknown_attempts_max)
    return quarantine("the outcome stayed unknown: " + why.message);
  if (what == stage::verify || what == stage::observe)
    return later(what); // looking changes nothing
  unknown_stage_ = what;
  start(stage::observe);
}

void device_turnover::was_observed(const model::result<ops::operation_result>& outcome) {
  const auto* seen = outcome ? std::get_if<ops::device_evidence>(&*outcome) : nullptr;
  if (unknown_stage_ == stage::bind && seen != nullptr && seen->vfio_bound)
    return bound(nullptr);
  if (unknown_stage_ == stage::reset && seen != nullptr && !seen->config_readable)
    return next_method("after a reset of unknown outcome: " + seen->text());
  start(unknown_stage_);
}

void device_turnover::next_method(std::string reason) {
  ++rung_;
  const auto methods = facts_ ? facts_->reset_methods.size() : 0;
  if (rung_ >= std::max<std::size_t>(methods, 1))
    return quarantine(std::move(reason));
  start(stage::reset);
}

void device_turnover::quarantine(std::string reason) {
  bound_ = false; // bind again: it costs nothing if it is bound
  enter(device_state::quarantined, std::move(reason));
  if (!outstanding_)
    recover_later();
}

void device_turnover::recover_later() {
  timer_use_ = timer_use::none;
  if (enabled_ && recoveries_ < options_.recovery_delays.size())
    arm(timer_use::recovery, options_.recovery_delays[recoveries_]);
}

void device_turnover::on(const turnover::probe&) {
  reported_.reset();
  if (state_ != device_state::quarantined)
    return;
  recoveries_ = 0;
  clean();
}

// --- Timers --------------------------------------------------------------------------------------

void device_turnover::on(const turnover::timer_fired& what) {
  if (persist_timer_ != 0 && what.number == persist_timer_) {
    persist_timer_ = 0;
    if (persisting_)
      effects_.emplace_back(turnover::persist_ownership{*persisting_});
    return;
  }
  if (what.number != timer_)
    return;
  switch (std::exchange(timer_use_, timer_use::none)) {
  case timer_use::deadline:
    return deadline_passed();
  case timer_use::retry:
    return start(retry_stage_);
  case timer_use::recovery:
    ++recoveries_;
    return clean();
  case timer_use::none:
    return;
  }
}

void device_turnover::deadline_passed() {
  if (!outstanding_)
    return;
  outstanding_->overdue = true;
  const bool waited_for = !outstanding_->superseded || state_ == device_state::discovered;
  if (waited_for)
    quarantine("an operation did not answer within " +
               model::seconds_text(options_.operation_deadline) +
               "; its outcome is unknown and nothing else is tried before it answers");
}

void device_turnover::arm(timer_use use, model::duration after) {
  timer_use_ = use;
  timer_ = ++timers_;
  effects_.emplace_back(turnover::arm_timer{.number = timer_, .after = after});
}

void device_turnover::enter(device_state state, std::string reason) {
  if (state != device_state::free && state != device_state::reserved)
    evidence_.clear();
  state_ = state;
  reason_ = std::move(reason);
}

} // namespace berth::control
