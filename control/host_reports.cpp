#include <algorithm>
#include <utility>

#include "control/host_machine.hpp"

// What the agent tells the controller of the things on its host: numbered, merged, repeated until
// acknowledged.

namespace berth::control {

void host_machine::changed(delivery& what) {
  what = {.due = true, .sent = 0};
  unsent_ = true;
}

void host_machine::report_changes() {
  if (!welcome_ || !listed_)
    return;
  if (inventory_due_ && !scanning_) {
    inventory_due_ = false;
    effects_.emplace_back(agent::send{model::inventory_report{*info_}});
  }
  const bool gathers = options_.report_gather > model::duration::zero() && !gathered_;
  if (full_due_)
    send_report(true);
  else if (unsent_ && gathers && !std::exchange(gathering_, true))
    arm(own_timer::report, options_.report_gather);
  else if (unsent_ && !gathers && reports_ - settled_ < options_.reports_in_flight_max)
    send_report(false);
  if (reports_ > settled_ && !resend_armed_) {
    resend_armed_ = true;
    arm(own_timer::resend, options_.report_resend);
  }
}

void host_machine::send_report(bool full) {
  model::observed_state report{.report = ++reports_,
                               .generation = generation_,
                               .full = full,
                               .servers = {},
                               .gone = {},
                               .devices = {},
                               .unknown_domains = {}};
  const auto put = [&](delivery& told) {
    const bool news = told.due && (told.sent == 0 || full);
    if (news)
      told.sent = reports_;
    return news;
  };
  put(generation_told_);
  if (put(unknown_told_) || full)
    report.unknown_domains = unknown_domains_;
  for (auto& [id, entry] : servers_) {
    const bool news = put(entry.told);
    if (entry.gone ? news : entry.known && (news || full)) {
      if (entry.gone)
        report.gone.push_back(id);
      else
        report.servers.push_back(entry.observed);
    }
  }
  for (auto& [id, entry] : devices_)
    if (const bool news = put(entry.told); entry.known && (news || full))
      report.devices.push_back(entry.observed);
  unsent_ = false;
  gathered_ = false;
  if (full) {
    full_due_ = false;
    full_sent_ = reports_;
  }
  effects_.emplace_back(agent::send{std::move(report)});
}

/// Nothing was acknowledged for a while: what is due goes out again, with its latest value.
void host_machine::resend() {
  resend_armed_ = false;
  if (reports_ == settled_)
    return;
  settled_ = reports_;
  full_due_ = full_due_ || full_sent_ != 0;
  const auto again = [this](delivery& told) {
    if (told.due)
      changed(told);
  };
  again(generation_told_);
  again(unknown_told_);
  for (auto& [id, entry] : servers_)
    again(entry.told);
  for (auto& [id, entry] : devices_)
    again(entry.told);
}

void host_machine::heard(const model::full_report_request&) {
  full_due_ = true;
}

void host_machine::heard(const model::report_acknowledged& what) {
  const auto report = std::min(what.report, reports_);
  settled_ = std::max(settled_, report);
  const auto settle = [report](delivery& told) {
    if (told.sent != 0 && told.sent <= report)
      told = {};
  };
  settle(generation_told_);
  settle(unknown_told_);
  for (auto& [id, entry] : devices_)
    settle(entry.told);
  for (auto it = servers_.begin(); it != servers_.end();) {
    settle(it->second.told);
    it = it->second.gone && !it->second.told.due ? servers_.erase(it) : std::next(it);
  }
  if (full_sent_ <= report)
    full_sent_ = 0;
}

} // namespace berth::control
