#include <algorithm>
#include <utility>

#include "control/server_life.hpp"

// The part of a server's life that happens while its guest runs: devices that come and go.

namespace berth::control {

using model::server_status;
namespace ops = model::host_operations;

void server_life::on(const life::device_left& what) {
  plugged_.erase(what.device);
  if (leaving_ == what.device) {
    leaving_.reset();
    if (timer_use_ == timer_use::unplug)
      timer_use_ = timer_use::none;
  } else if (running_ && wants_device(what.device)) {
    left_.insert(what.device);
  }
  troubles_.erase(what.device);
  if (running_ && asked_.contains(what.device))
    end_use(what.device);
}

void server_life::on(const life::paused& what) {
  if (running_)
    paused_ = what.reason;
}

void server_life::on(const life::plug_again& what) {
  troubles_.erase(what.device);
}

void server_life::seen_running(const ops::listed_server& what) {
  const std::set<model::device_id> has{listed_devices_.begin(), listed_devices_.end()};
  for (const auto& device : has)
    if (!granted_.contains(device))
      effects_.emplace_back(life::find_use{device});
  const auto asked = asked_; // a copy: ending the use changes it
  for (const auto& device : asked)
    if (!has.contains(device))
      end_use(device);
  for (const auto& device : plugged_)
    if (!has.contains(device) && leaving_ != device && wants_device(device))
      left_.insert(device);
  if (leaving_ && !has.contains(*leaving_))
    leaving_.reset();
  asked_.insert(has.begin(), has.end());
  granted_ = asked_;
  plugged_ = has;
  paused_ = what.paused;
  if (desired_)
    restarts_done_ = restarts_done_.value_or(desired_->restarts);
  enter(server_status::running);
}

/// One device after another, and out before in: what leaves makes room for what comes.
void server_life::reconcile_plugs() {
  if (leaving_) {
    if (timer_use_ == timer_use::none)
      arm(timer_use::unplug, options_.unplug_deadline);
    return;
  }
  for (const auto& device : plugged_)
    if (!wants_device(device) && !troubles_.contains(device)) {
      plugging_ = device;
      return perform(task::unplug);
    }
  plug_missing();
}

void server_life::plug_missing() {
  const auto wanted = missing();
  if (wanted.empty())
    return;
  if (devices_ == life::readiness::failed)
    return missing_not_plugged(devices_reason_);
  for (const auto& one : wanted) {
    if (granted_.contains(one.device)) {
      plugging_ = one.device;
      return perform(task::plug);
    }
    if (devices_ == life::readiness::ready && asked_.insert(one.device).second)
      effects_.emplace_back(life::request_use{one});
  }
  if (timer_use_ == timer_use::none)
    arm(timer_use::devices, options_.devices_deadline);
}

/// That the guest should have and does not, and that may be tried.
std::vector<model::attachment> server_life::missing() const {
  std::vector<model::attachment> them;
  for (const auto& one : desired_->attachments)
    if (!plugged_.contains(one.device) && !troubles_.contains(one.device) &&
        !left_.contains(one.device))
      them.push_back(one);
  return them;
}

void server_life::missing_not_plugged(const std::string& reason) {
  for (const auto& one : missing())
    not_plugged(one.device, reason);
}

void server_life::not_plugged(const model::device_id& device, std::string reason) {
  if (asked_.contains(device))
    end_use(device);
  troubles_.insert_or_assign(device,
                             trouble{.wanted = true,
                                     .reason = "device " + to_string(device) +
                                               " could not be plugged in: " + std::move(reason)});
}

void server_life::not_unplugged(const model::device_id& device, std::string reason) {
  leaving_.reset();
  troubles_.insert_or_assign(device,
                             trouble{.wanted = false,
                                     .reason = "device " + to_string(device) +
                                               " could not be plugged out: " + std::move(reason)});
}

bool server_life::wants_device(const model::device_id& device) const {
  return desired_ && std::ranges::any_of(desired_->attachments, [&device](const auto& one) {
           return one.device == device;
         });
}

/// What is not as it should be with a guest that runs; the worst alone.
std::string server_life::running_reason() const {
  if (!paused_.empty())
    return "paused: " + paused_;
  if (devices_ == life::readiness::failed)
    return devices_reason_;
  if (!troubles_.empty())
    return troubles_.begin()->second.reason;
  if (!left_.empty())
    return "its guest let go of device " + to_string(*left_.begin()) +
           ": it is back at the next start, or detach it and attach it again";
  if (leaving_)
    return "waits for its guest to let go of device " + to_string(*leaving_);
  return {};
}

/// Only while the server is known not to have it.
void server_life::end_use(const model::device_id& device) {
  asked_.erase(device);
  granted_.erase(device);
  effects_.emplace_back(life::end_use{device});
}

} // namespace berth::control
