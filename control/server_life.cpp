#include "control/server_life.hpp"

#include <algorithm>
#include <utility>

#include "model/text.hpp"

namespace berth::control {

using model::server_status;
namespace ops = model::host_operations;

namespace {

bool is_unknown(const model::failure& why) {
  return why.code == model::errc::outcome_unknown || why.code == model::errc::deadline_exceeded;
}

/// Failures of a start that are a device's fault.
bool blames_device(const model::failure& why) {
  switch (why.code) {
  case model::errc::bind_failed:
  case model::errc::reset_failed:
  case model::errc::verification_failed:
  case model::errc::device_lost:
  case model::errc::group_not_viable:
    return true;
  default:
    return false;
  }
}

std::vector<model::device_id> ids_of(const std::vector<model::attachment>& attachments) {
  std::vector<model::device_id> ids;
  ids.reserve(attachments.size());
  for (const auto& one : attachments)
    ids.push_back(one.device);
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool same_device(const model::attachment& a, const model::attachment& b) {
  return a.device == b.device && a.type == b.type; // the epoch is no part of a definition
}

} // namespace

server_life::server_life(model::server_id id, life_options options)
    : id_{id}, options_{std::move(options)} {}

life::effects server_life::step(model::timestamp /*now*/, const life::event& what) {
  effects_.clear();
  if (gone_)
    return {};
  std::visit([this](const auto& event) { on(event); }, what);
  reconcile();
  if (auto seen = observed(); !gone_ && (!reported_ || *reported_ != seen)) {
    reported_ = seen;
    effects_.emplace_back(life::report{std::move(seen)});
  }
  return std::exchange(effects_, {});
}

model::observed_server server_life::observed() const {
  model::observed_server seen{.id = id_, .status = status_, .reason = reason_, .plug_failures = {}};
  for (const auto& [device, why] : troubles_)
    seen.plug_failures.push_back({.device = device, .epoch = 0, .reason = why.reason});
  return seen;
}

// --- Events --------------------------------------------------------------------------------------

void server_life::on(const life::wanted& what) {
  unwanted_ = false;
  if (desired_ == what.what)
    return;
  const bool surely_off =
      !running_ && existence_ != existence::unknown && outstanding_ != task::start;
  if (surely_off && desired_ && desired_->attachments != what.what.attachments)
    release_devices(); // asked for at other epochs
  if (desired_)
    for (const auto& one : desired_->attachments)
      if (std::ranges::find(what.what.attachments, one) == what.what.attachments.end())
        left_.erase(one.device);
  desired_ = what.what;
  std::erase_if(troubles_,
                [this](const auto& one) { return one.second.wanted != wants_device(one.first); });
  settled_for_.reset();
  if (desired_->desired_power == model::power::off)
    exited_at_.reset();
  if (running_ && !restarts_done_)
    restarts_done_ = desired_->restarts;
}

void server_life::on(const life::unwanted&) {
  unwanted_ = true;
}

void server_life::on(const life::listed& what) {
  if (existence_ != existence::unknown || outstanding_ != task::none || fenced_)
    return;
  if (!what.what || what.what->running)
    return seen(what.what);
  fenced_ = what.what;
  enter(server_status::unknown, "a former life of the agent may be starting it");
}

void server_life::on(const life::listed_again& what) {
  const bool idle = outstanding_ == task::none && timer_use_ != timer_use::graceful &&
                    timer_use_ != timer_use::retry && existence_ != existence::unknown;
  const bool exists = existence_ == existence::defined;
  const bool as_known =
      what.what.has_value() == exists && (what.what && what.what->running) == running_;
  const bool same_devices =
      !running_ || leaving_ || !what.what ||
      std::set(what.what->devices.begin(), what.what->devices.end()) == plugged_;
  if (idle && (!as_known || !same_devices))
    look_first();
  if (idle && as_known && running_)
    paused_ = what.what->paused;
}

void server_life::on(const life::devices_changed& what) {
  devices_ = what.how;
  devices_reason_ = what.reason;
}

void server_life::on(const life::use_granted& what) {
  if (asked_.contains(what.device))
    granted_.insert(what.device);
}

void server_life::on(const life::use_refused& what) {
  if (!asked_.contains(what.device) || plugged_.contains(what.device) || outstanding_ != task::none)
    return;
  if (running_)
    end_use(what.device);
  else
    release_devices();
  devices_ = life::readiness::waiting;
  devices_reason_ = what.reason;
}

void server_life::on(const life::exited& what) {
  if (outstanding_ == task::start) { // it may have started and died before the answer came
    early_exit_ = what.reason;
    return;
  }
  if (!running_)
    return;
  went_off();
  const bool asked_for = timer_use_ == timer_use::graceful || outstanding_ == task::stop ||
                         outstanding_ == task::force_stop;
  if (timer_use_ == timer_use::graceful)
    timer_use_ = timer_use::none;
  release_devices();
  if (!asked_for && desired_)
    exited_at_ = desired_->restarts;
  exit_reason_ = asked_for ? std::string{} : what.reason;
}

void server_life::on(const life::timer_fired& what) {
  if (what.number != timers_)
    return;
  switch (std::exchange(timer_use_, timer_use::none)) {
  case timer_use::deadline:
    return enter(server_status::unknown,
                 "the hypervisor did not answer in time; its answer is waited for");
  case timer_use::graceful:
    force_next_ = true;
    return;
  case timer_use::unplug: // its word may have been missed
    existence_ = existence::unknown;
    doubtful_ = task::unplug;
    doubt_ = "its guest did not let go within " + model::seconds_text(options_.unplug_deadline);
    return;
  case timer_use::devices:
    if (running_)
      return missing_not_plugged("did not become ready in time: " + devices_reason_);
    if (desired_ && outstanding_ == task::none)
      give_up(server_status::dev_fail,
              "its devices did not become ready in time: " + devices_reason_);
    return;
  case timer_use::retry:
  case timer_use::none:
    return;
  }
}

void server_life::on(const life::operation_finished& what) {
  if (outstanding_ == task::none || what.number != operations_)
    return;
  const auto done = std::exchange(outstanding_, task::none);
  timer_use_ = timer_use::none;
  if (what.outcome)
    succeeded(done, *what.outcome);
  else
    failed(done, what.outcome.error());
}

// --- What an answer means ------------------------------------------------------------------------

void server_life::succeeded(task what, const ops::operation_result& outcome) {
  switch (what) {
  case task::define:
    existence_ = existence::defined;
    definition_ = attempted_;
    return;
  case task::start:
    running_ = true;
    plugged_ = granted_;
    force_next_ = false;
    restarts_done_ = attempted_->restarts;
    if (early_exit_)
      on(life::exited{*std::exchange(early_exit_, std::nullopt)});
    return;
  case task::stop: // the guest was asked; that it went off comes as `exited`
    if (running_)
      arm(timer_use::graceful, options_.graceful_stop);
    return;
  case task::force_stop:
    went_off();
    force_next_ = false;
    return release_devices();
  case task::plug:
    plugged_.insert(plugging_);
    return;
  case task::unplug:
    if (plugged_.contains(plugging_)) {
      leaving_ = plugging_;
      arm(timer_use::unplug, options_.unplug_deadline);
    }
    return;
  case task::undefine:
    existence_ = existence::absent;
    return;
  case task::fence: {
    auto listed = *std::exchange(fenced_, std::nullopt);
    listed.running = false;
    effects_.emplace_back(life::surely_off{});
    return seen(listed);
  }
  case task::observe: {
    const auto* all = std::get_if<ops::server_listing>(&outcome);
    if (all == nullptr)
      return retry_later(server_status::unknown, "the backend listed no servers");
    const auto mine =
        std::ranges::find(all->servers, id_, [](const auto& one) { return one.server; });
    return seen(mine == all->servers.end() ? std::nullopt : std::optional{*mine});
  }
  case task::none:
    return;
  }
}

void server_life::failed(task what, const model::failure& why) {
  if (what == task::observe || what == task::fence)
    return retry_later(server_status::unknown, why.message);
  if (is_unknown(why)) {
    existence_ = existence::unknown; // look, then judge what was tried
    doubtful_ = what;
    doubt_ = why.message;
    return;
  }
  if (what == task::plug)
    return not_plugged(plugging_, why.message);
  if (what == task::unplug && plugged_.contains(plugging_))
    return not_unplugged(plugging_, why.message);
  early_exit_.reset();
  switch (what) {
  case task::define:
    if (why.code == model::errc::busy)
      return retry_later(server_status::deploying, why.message);
    return give_up(server_status::deploy_fail, why.message);
  case task::start:
    release_devices();
    return give_up(blames_device(why) ? server_status::dev_fail : server_status::start_fail,
                   why.message);
  case task::stop:
    force_next_ = true;
    return;
  case task::force_stop:
    look_first();
    return retry_later(server_status::stopping, "not stopped yet: " + why.message);
  case task::undefine: // perhaps it runs after all
    look_first();
    return retry_later(server_status::deleting, "not removed yet: " + why.message);
  default: // an unplug of what has left meanwhile
    return;
  }
}

/// The backend is asked before anything else is done.
void server_life::look_first() {
  existence_ = existence::unknown;
  doubtful_ = task::observe;
}

/// The backend's word on what exists and runs.
void server_life::seen(const std::optional<ops::listed_server>& what) {
  const bool ran = running_;
  existence_ = what ? existence::defined : existence::absent;
  if (what && what->running)
    running_ = true;
  else
    went_off();
  early_exit_.reset();
  definition_.reset();
  listed_devices_ = what ? what->devices : std::vector<model::device_id>{};
  std::sort(listed_devices_.begin(), listed_devices_.end());
  listed_off_ = !running_;
  if (running_) {
    seen_running(*what);
  } else {
    if (ran)
      release_devices();
    enter(what ? server_status::ready : server_status::init);
  }
  const auto doubtful = std::exchange(doubtful_, task::none);
  if (doubtful == task::define && !what)
    return give_up(server_status::deploy_fail, doubt_);
  if (doubtful == task::define && listed_devices_ == ids_of(attempted_->attachments))
    definition_ = attempted_;
  if (doubtful == task::start && running_)
    restarts_done_ = attempted_->restarts;
  if (doubtful == task::start && !running_) {
    definition_ = attempted_;
    give_up(server_status::start_fail, doubt_);
  }
  if (doubtful == task::plug && running_ && !plugged_.contains(plugging_))
    not_plugged(plugging_, doubt_);
  if (doubtful == task::unplug && running_ && plugged_.contains(plugging_))
    not_unplugged(plugging_, doubt_);
}

void server_life::went_off() {
  running_ = false;
  plugged_.clear();
  leaving_.reset();
  left_.clear();
  troubles_.clear();
  paused_.clear();
  if (timer_use_ == timer_use::unplug)
    timer_use_ = timer_use::none;
}

// --- What to do next -----------------------------------------------------------------------------

void server_life::reconcile() {
  const bool busy = outstanding_ != task::none || timer_use_ == timer_use::graceful ||
                    timer_use_ == timer_use::retry;
  if (busy)
    return;
  if (existence_ == existence::unknown) {
    if (fenced_)
      perform(task::fence);
    else if (doubtful_ != task::none)
      perform(task::observe);
    return; // otherwise `listed` comes
  }
  if (unwanted_)
    reconcile_unwanted();
  else if (desired_)
    reconcile_wanted();
}

void server_life::reconcile_unwanted() {
  enter(server_status::deleting);
  if (running_)
    return perform(task::force_stop);
  release_devices();
  if (existence_ == existence::defined)
    return perform(task::undefine);
  gone_ = true;
  effects_.emplace_back(life::gone{});
}

void server_life::reconcile_wanted() {
  if (running_) {
    const bool power_cycle = restarts_done_ && desired_->restarts > *restarts_done_;
    if (desired_->desired_power == model::power::off || power_cycle || force_next_) {
      enter(server_status::stopping);
      return perform(force_next_ ? task::force_stop : task::stop);
    }
    reconcile_plugs();
    return enter(server_status::running, running_reason());
  }
  force_next_ = false;
  if (settled_for_ == desired_)
    return;
  if (existence_ == existence::absent || definition_differs()) {
    release_devices();
    enter(server_status::deploying);
    return perform(task::define);
  }
  if (!wants_to_run()) {
    timer_use_ = timer_use::none;
    release_devices();
    return enter(server_status::ready, exited_at_ ? exit_reason_ : std::string{});
  }
  reconcile_start();
}

void server_life::reconcile_start() {
  if (devices_ == life::readiness::failed && !desired_->attachments.empty())
    return give_up(server_status::dev_fail, devices_reason_);
  if (devices_ == life::readiness::ready)
    for (const auto& one : desired_->attachments)
      if (asked_.insert(one.device).second)
        effects_.emplace_back(life::request_use{one});
  const bool all_granted =
      std::all_of(desired_->attachments.begin(), desired_->attachments.end(),
                  [this](const auto& one) { return granted_.contains(one.device); });
  if (all_granted) {
    enter(server_status::starting);
    return perform(task::start);
  }
  enter(server_status::starting,
        devices_ == life::readiness::waiting ? devices_reason_ : std::string{});
  if (timer_use_ != timer_use::devices)
    arm(timer_use::devices, options_.devices_deadline);
}

bool server_life::definition_differs() const {
  if (!definition_)
    return !listed_off_ || listed_devices_ != ids_of(desired_->attachments);
  return definition_->spec != desired_->spec ||
         !std::equal(definition_->attachments.begin(), definition_->attachments.end(),
                     desired_->attachments.begin(), desired_->attachments.end(), same_device);
}

bool server_life::wants_to_run() const {
  return desired_->desired_power == model::power::on &&
         (!exited_at_ || desired_->restarts > *exited_at_);
}

void server_life::perform(task what) {
  ops::operation operation;
  switch (what) {
  case task::define:
    attempted_ = desired_;
    operation = ops::define_server{*desired_};
    break;
  case task::start:
    attempted_ = desired_;
    operation = ops::start_server{*desired_};
    break;
  case task::stop:
  case task::force_stop:
  case task::fence:
    operation = ops::stop_server{.server = id_, .force = what != task::stop};
    break;
  case task::undefine:
    operation = ops::undefine_server{id_};
    break;
  case task::plug:
    operation = ops::plug_device{.server = *desired_, .device = plugging_};
    break;
  case task::unplug:
    operation = ops::unplug_device{.server = id_, .device = plugging_};
    break;
  case task::observe:
    operation = ops::list_servers{};
    break;
  case task::none:
    return;
  }
  outstanding_ = what;
  arm(timer_use::deadline, options_.operation_deadline);
  effects_.emplace_back(life::perform{.number = ++operations_, .what = std::move(operation)});
}

void server_life::give_up(server_status status, std::string reason) {
  settled_for_ = desired_;
  timer_use_ = timer_use::none;
  release_devices();
  enter(status, std::move(reason));
}

/// Only while the server is known not to run.
void server_life::release_devices() {
  for (const auto& device : asked_)
    effects_.emplace_back(life::end_use{device});
  asked_.clear();
  granted_.clear();
}

void server_life::retry_later(server_status status, std::string reason) {
  enter(status, std::move(reason));
  arm(timer_use::retry, options_.retry_delay);
}

void server_life::enter(server_status status, std::string reason) {
  status_ = status;
  reason_ = std::move(reason);
}

void server_life::arm(timer_use use, model::duration after) {
  timer_use_ = use;
  effects_.emplace_back(life::arm_timer{.number = ++timers_, .after = after});
}

} // namespace berth::control
