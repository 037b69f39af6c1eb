#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "sim/study/purchase.hpp"

namespace berth::sim {

namespace {

/// GPUs that are asked for, and how long at least, in the run's time.
struct claim {
  double seconds = 0;
  double gpus = 0;
};

/// Arrivals of one kind are placed on the same empty hosts.
using kind =
    std::tuple<std::uint32_t, std::uint16_t, std::uint32_t, std::uint32_t, packed_topology>;

/// One empty host of each group, to see who fits at all.
class show_room {
public:
  explicit show_room(scenario what) : what_{std::move(what)} {
    for (auto& group : what_.hosts) {
      group.count = 1;
      group.from = {};
    }
    scenario empty;
    empty.hosts = what_.hosts;
    empty.policy = what_.policy;
    what_ = std::move(empty);
  }

  model::result<bool> holds(const arrival& one, const demand_names& names) {
    const kind key{one.model, one.gpus, one.vcpus, one.memory_mib, one.topology};
    if (const auto known = known_.find(key); known != known_.end())
      return known->second;
    demand alone;
    alone.names = names;
    alone.arrivals = {one};
    alone.arrivals.front().when = {};
    alone.arrivals.front().patience = {};
    demand_source source{alone};
    return run(what_, source, 1).map([&](const run_result& seen) {
      return known_.emplace(key, seen.placed == 1).first->second;
    });
  }

private:
  scenario what_;
  std::map<kind, bool> known_;
};

double in_seconds(model::duration time) {
  return std::chrono::duration<double>(time).count();
}

/// What a server holds at least before the end, whenever it is placed within its patience.
double least_seconds(const arrival& one, const scenario& what, model::duration end) {
  const auto patience = one.patience == unstated ? what.patience : one.patience;
  if (patience == endless)
    return 0;
  const auto left = std::max(0.0, in_seconds(end - one.when) - in_seconds(patience));
  return one.lifetime == endless ? left : std::min(left, in_seconds(one.lifetime));
}

/// Whether a server that never gets a place is refused before the end.
bool gives_up(const arrival& one, const scenario& what, model::duration end) {
  const auto patience = one.patience == unstated ? what.patience : one.patience;
  return patience == model::duration::zero() || patience < end - one.when;
}

/// Whether servers stay as long as they want, once they have a place.
bool is_undisturbed(const scenario& what) {
  return what.devices.mean_between.count() == 0 && what.machines.mean_between.count() == 0 &&
         what.racks.mean_between.count() == 0 && what.maintenance.empty();
}

double gpu_seconds(const scenario& what, model::duration end) {
  double sum = 0;
  for (const auto& group : what.hosts)
    sum += group.count * static_cast<double>(group.machine.devices.size()) *
           std::max(0.0, in_seconds(end - group.from));
  return sum;
}

/// Of the claims, the GPUs that must be left out for the rest to be no more than `there`: those who
/// stay longest cost most for each GPU, so leaving them out first leaves out the fewest.
double left_out(std::vector<claim>& claims, double asked, double there) {
  std::ranges::sort(claims, std::greater{}, &claim::seconds);
  double gpus = 0;
  for (const auto& one : claims) {
    if (asked <= there)
      break;
    const auto whole = one.gpus * one.seconds;
    const auto part = std::min(1.0, (asked - there) / whole);
    gpus += part * one.gpus;
    asked -= part * whole;
  }
  return gpus;
}

} // namespace

model::result<refusal_bound> bound_of(const scenario& what, const offered_demand& demand,
                                      std::uint64_t seed) {
  auto arrivals = demand.arrivals(seed);
  if (!arrivals)
    return tl::unexpected{std::move(arrivals.error())};
  show_room room{what};
  std::vector<std::pair<arrival, bool>> all;
  double gpus = 0;
  double misfits = 0;
  const auto end = what.horizon.count() > 0 ? what.horizon : endless;
  model::duration last{};
  for (auto next = (*arrivals)->next(); next && next->when < end; next = (*arrivals)->next()) {
    const auto fits = room.holds(*next, (*arrivals)->names());
    if (!fits)
      return tl::unexpected{fits.error()};
    gpus += next->gpus;
    // Who still waits when the run ends is not refused.
    misfits += *fits || !gives_up(*next, what, end) ? 0 : next->gpus;
    last = next->when;
    if (next->gpus > 0)
      all.emplace_back(*next, *fits);
  }
  const auto until = what.horizon.count() > 0 ? what.horizon : last;
  std::vector<claim> claims;
  double asked = 0;
  for (const auto& [one, fits] : all) {
    const auto seconds = fits ? least_seconds(one, what, until) : 0;
    if (seconds <= 0)
      continue;
    claims.push_back({seconds, static_cast<double>(one.gpus)});
    asked += seconds * one.gpus;
  }
  const auto there = gpu_seconds(what, until);
  refusal_bound bound;
  constexpr double day = 86'400;
  bound.gpu_days_there = there / day;
  bound.gpu_days_asked = asked / day;
  if (gpus > 0) {
    bound.misfits_percent = 100 * misfits / gpus;
    if (is_undisturbed(what)) // else one that fails holds less than it asked for
      bound.overload_percent = 100 * left_out(claims, asked, there) / gpus;
  }
  return bound;
}

} // namespace berth::sim
