#include "sim/fleet/run.hpp"

#include <algorithm>
#include <optional>
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
  for (const auto time : {what.horizon, what.turnover.least, what.turnover.mean_rest,
                          what.mean_quarantine, what.devices.mean_between, what.devices.mean_repair,
                          what.machines.mean_between, what.machines.mean_repair})
    if (time.count() < 0)
      return bad("a time of the scenario is negative: must be 0 or more");
  return {};
}

/// Moments at even distances, thinned out as time goes on: at most moments_max.
class recorder {
public:
  /// `horizon` zero: not known.
  explicit recorder(model::duration horizon) {
    constexpr model::duration finest = std::chrono::minutes{1};
    step_ = std::max(finest.count(), horizon.count() / static_cast<std::int64_t>(moments_max) + 1);
  }
  /// Nothing has changed since the last call; now it is about to.
  void up_to(std::int64_t now, const fleet& seen, const run_result& sofar) {
    while (due_ <= now) {
      auto& at = series_.emplace_back(seen.look(due_));
      at.arrived = sofar.arrived;
      at.placed = sofar.placed;
      at.failed = seen.failed();
      at.refused_by = sofar.refused_by;
      due_ += step_;
      if (series_.size() == moments_max)
        thin();
    }
  }
  [[nodiscard]] std::vector<moment> take() && { return std::move(series_); }

private:
  void thin() {
    for (std::size_t i = 0; 2 * i < series_.size(); ++i)
      if (i > 0)
        series_[i] = std::move(series_[2 * i]);
    series_.resize((series_.size() + 1) / 2);
    step_ *= 2;
    due_ = series_.back().at.count() + step_;
  }

  std::vector<moment> series_;
  std::int64_t step_ = 0;
  std::int64_t due_ = 0;
};

void count(run_result& result, const arrival& one, const std::optional<std::string>& refusal) {
  ++result.arrived;
  result.gpus_asked += one.gpus;
  auto& size = result.sizes[one.gpus];
  ++size.arrived;
  if (!refusal) {
    ++result.placed;
    ++size.placed;
    return;
  }
  ++result.refused;
  ++result.refused_by[*refusal];
  result.gpus_refused += one.gpus;
}

} // namespace

model::result<run_result> run(const scenario& what, arrival_source& demand, std::uint64_t seed,
                              observer* watching) {
  if (auto possible = check(what); !possible)
    return tl::unexpected{std::move(possible.error())};
  const auto end = what.horizon.count() > 0 ? what.horizon.count() : INT64_MAX;
  event_queue later;
  fleet hosts{what, demand.names(), later, seed, watching};
  for (std::uint32_t group = 0; group < what.hosts.size(); ++group)
    if (what.hosts[group].from.count() == 0)
      hosts.add_hosts(0, group);
    else
      later.push({.at = what.hosts[group].from.count(),
                  .subject = group,
                  .kind = event_kind::hosts_arrive});
  run_result result;
  recorder record{what.horizon};
  std::int64_t now = 0;
  const auto happen_until = [&](std::int64_t moment) {
    while (!later.empty() && later.next().at <= moment) {
      const auto next = later.pop();
      now = next.at;
      record.up_to(now, hosts, result);
      result.events += hosts.happen(next) ? 1U : 0U;
    }
  };
  for (auto next = demand.next(); next && next->when.count() < end; next = demand.next()) {
    happen_until(next->when.count()); // what frees comes before what takes
    now = next->when.count();
    record.up_to(now, hosts, result);
    const auto refusal = hosts.place(now, *next, result.arrived);
    if (refusal && watching != nullptr)
      watching->refused(next->when, result.arrived, *refusal);
    count(result, *next, refusal);
    ++result.events;
  }
  if (what.horizon.count() > 0) {
    happen_until(end - 1);
    now = end;
    record.up_to(now, hosts, result);
  }
  result.ended = hosts.ended();
  result.failed = hosts.failed();
  result.living = hosts.living();
  result.models = hosts.figures(now);
  result.shapes = what.shapes;
  result.rows = hosts.rows();
  result.series = std::move(record).take();
  result.span = model::duration{now};
  return result;
}

} // namespace berth::sim
