#include "sim/fleet/run.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "sim/fleet/event_queue.hpp"
#include "sim/fleet/fleet.hpp"

namespace berth::sim {

using model::errc;
using model::fail;

namespace {

model::result<void> check(const scenario& what) {
  const auto bad = [](const std::string& text) -> model::result<void> {
    return fail(errc::invalid_argument, text);
  };
  std::uint64_t hosts = 0;
  for (const auto& group : what.hosts) {
    hosts += group.count;
    if (group.from.count() < 0)
      return bad("the hosts of group " + group.name + " come before the start: must be 0 or later");
  }
  if (hosts == 0)
    return bad("there are no hosts: give at least one");
  if (!(what.quarantine_probability >= 0 && what.quarantine_probability <= 1))
    return bad("the probability of a quarantine must be from 0 to 1");
  for (const auto time :
       {what.horizon, what.turnover.least, what.turnover.mean_rest, what.mean_quarantine,
        what.devices.mean_between, what.devices.mean_repair, what.machines.mean_between,
        what.machines.mean_repair, what.racks.mean_between, what.racks.mean_repair, what.patience})
    if (time.count() < 0)
      return bad("a time of the scenario is negative: must be 0 or more");
  return {};
}

/// Servers that are there from the start sit on hosts and devices that exist, no two on one.
model::result<void> check_standing(const scenario& what) {
  std::vector<const host_group*> hosts;
  for (const auto& group : what.hosts)
    if (group.from.count() == 0)
      hosts.insert(hosts.end(), group.count, &group);
  std::set<std::pair<std::uint32_t, std::uint32_t>> held;
  for (std::size_t i = 0; i < what.standing.size(); ++i) {
    const auto& one = what.standing[i];
    const auto name = "standing server " + std::to_string(i + 1);
    if (one.host >= hosts.size())
      return fail(errc::invalid_argument, name + " is on host " + std::to_string(one.host) +
                                              ": there are " + std::to_string(hosts.size()));
    if (one.ends && one.ends->count() < 0)
      return fail(errc::invalid_argument, name + " ends before the start: must be 0 or later");
    for (const auto device : one.devices)
      if (device >= hosts[one.host]->machine.devices.size())
        return fail(errc::invalid_argument,
                    name + " holds device " + std::to_string(device) + ": its host has " +
                        std::to_string(hosts[one.host]->machine.devices.size()));
      else if (!held.emplace(one.host, device).second)
        return fail(errc::invalid_argument, name + " holds device " + std::to_string(device) +
                                                " of host " + std::to_string(one.host) +
                                                ", which another has");
  }
  return {};
}

model::result<void> check_maintenance(const scenario& what) {
  for (const auto& plan : what.maintenance) {
    if (plan.from.count() < 0 || plan.drain.count() < 0 || plan.lasts.count() <= 0 ||
        plan.at_once == 0)
      return fail(errc::invalid_argument,
                  "maintenance must last longer than 0, begin at 0 or later, and take at least one "
                  "host at once");
    if (!plan.group.empty() && std::ranges::none_of(what.hosts, [&](const host_group& group) {
          return group.name == plan.group;
        }))
      return fail(errc::invalid_argument,
                  "maintenance of " + plan.group + ": there are no hosts of that name");
  }
  return {};
}

/// Moments at even distances, thinned out as time goes on: at most moments_max.
class recorder {
public:
  /// `horizon` zero: not known.
  explicit recorder(model::duration horizon) {
    constexpr model::duration finest = std::chrono::minutes{1};
    step_ =
        std::max(finest.count(), horizon.count() / static_cast<std::int64_t>(moments_max - 1) + 1);
  }
  /// Nothing has changed since the last call; now it is about to.
  void up_to(std::int64_t now, fleet& seen) {
    while (due_ <= now) {
      if (series_.size() == moments_max) {
        thin();
        continue;
      }
      series_.push_back(seen.look(due_));
      due_ += step_;
    }
  }
  [[nodiscard]] std::vector<moment> take() && { return std::move(series_); }

private:
  void thin() {
    for (std::size_t i = 1; 2 * i < series_.size(); ++i)
      series_[i] = std::move(series_[2 * i]);
    series_.resize((series_.size() + 1) / 2);
    step_ *= 2;
    due_ = series_.back().at.count() + step_;
  }

  std::vector<moment> series_;
  std::int64_t step_ = 0;
  std::int64_t due_ = 0;
};

/// A run under way: events and arrivals in the order of their time.
class course {
public:
  course(const scenario& what, arrival_source& demand, std::uint64_t seed,
         const run_audience& audience)
      : what_{what}, demand_{demand}, hosts_{what, demand.names(), later_,
                                             seed, result_,        audience.decisions},
        record_{what.horizon}, watch_{audience.watch} {}

  run_result play() && {
    const auto end = what_.horizon.count() > 0 ? what_.horizon.count() : INT64_MAX;
    hosts_.begin();
    for (auto next = demand_.next(); next && next->when.count() < end; next = demand_.next()) {
      happen_until(next->when.count()); // what frees comes before what takes
      if (result_.cut)
        break;
      move_to(next->when.count());
      hosts_.arrive(now_, *next);
      ++result_.events;
      show();
    }
    if (what_.horizon.count() > 0)
      happen_until(end - 1);
    if (what_.horizon.count() > 0 && !result_.cut)
      move_to(end);
    hosts_.serve(now_);
    hosts_.finish(now_);
    result_.series = std::move(record_).take();
    for (auto& each : result_.series)
      each.rows.resize(result_.rows.size(), nothing_there); // those that came later
    result_.span = model::duration{now_};
    return std::move(result_);
  }

private:
  void happen_until(std::int64_t moment) {
    for (;;) {
      if (later_.empty() || later_.next().at > now_)
        hosts_.serve(now_); // this moment is complete, unless somebody leaves at once
      if (later_.empty() || later_.next().at > moment || result_.cut)
        return;
      move_to(later_.next().at);
      result_.events += hosts_.happen(later_.pop()) ? 1U : 0U;
      show();
    }
  }
  void show() {
    constexpr std::uint64_t every = 4096;
    if (watch_ == nullptr || ++shown_ % every != 0)
      return;
    watch_->now = now_;
    watch_->events = result_.events;
    result_.cut = watch_->stop;
  }
  void move_to(std::int64_t moment) {
    now_ = moment;
    record_.up_to(now_, hosts_);
  }

  const scenario& what_;
  arrival_source& demand_;
  event_queue later_;
  run_result result_;
  fleet hosts_;
  recorder record_;
  std::int64_t now_ = 0;
  run_watch* watch_;
  std::uint64_t shown_ = 0; ///< events
};

} // namespace

model::result<void> check_reservations(const control::reservation_rules& how) {
  if (how.after.count() < 0 || how.search_spacing.count() < 0)
    return fail(errc::invalid_argument,
                "a time until hosts are kept is negative: must be 0 or more");
  if (how.again.count() <= 0)
    return fail(errc::invalid_argument,
                "a kept host is to be chosen anew after no time: must be longer than 0");
  return {};
}

model::result<run_result> run(const scenario& what, arrival_source& demand, std::uint64_t seed,
                              const run_audience& audience) {
  return check(what)
      .and_then([&] { return check_reservations(what.reservations); })
      .and_then([&] { return check_standing(what); })
      .and_then([&] { return check_maintenance(what); })
      .map([&] {
        return course{what, demand, seed, audience}.play();
      });
}

} // namespace berth::sim
