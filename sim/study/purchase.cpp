#include "sim/study/purchase.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "model/failure.hpp"

namespace berth::sim {

using model::errc;
using model::fail;

namespace {

using counts = std::vector<std::uint32_t>;

double refused_percent(const run_result& one) {
  return one.gpus_asked > 0 ? 100 * one.gpus_refused / one.gpus_asked : 0;
}
double wait_p95(const run_result& one) {
  return std::chrono::duration<double>(one.waits.quantile(0.95)).count();
}

/// The interval's upper end is passed with probability 1 - confidence only: two-sided with twice
/// that left over.
estimate one_sided(const variant& runs, double (*value)(const run_result&), double confidence) {
  std::vector<double> values;
  for (const auto& run : runs.runs)
    values.push_back(value(run.result));
  return mean_of(values, 2 * confidence - 1);
}

bool keeps(const estimate& seen, double limit) {
  return seen.half_width && seen.mean + *seen.half_width <= limit;
}

/// The search, with what it has played.
class shopper {
public:
  shopper(const study& what, const offered_demand& demand, const play_options& how)
      : what_{what}, demand_{demand}, how_{how} {}

  model::result<purchase_answer> shop() {
    const auto& offers = what_.goal.offers;
    counts most;
    for (const auto& offer : offers)
      most.push_back(offer.max);
    if (const auto all = meets(most); !all)
      return tl::unexpected{all.error()};
    else if (!*all)
      return answer(most);
    best_ = most;
    counts chosen(offers.size(), 0);
    if (auto searched = search(0, chosen); !searched)
      return tl::unexpected{std::move(searched.error())};
    return answer(most);
  }

private:
  double cost(const counts& chosen) const {
    double sum = 0;
    for (std::size_t i = 0; i < chosen.size(); ++i)
      sum += chosen[i] * what_.goal.offers[i].price;
    return sum;
  }

  /// Every number of this offer, as long as it can be cheaper than what was found; of the last
  /// offer the smallest that will do.
  model::result<void> search(std::size_t offer, counts& chosen) {
    if (offer + 1 == what_.goal.offers.size())
      return search_last(chosen);
    for (std::uint32_t number = 0; number <= what_.goal.offers[offer].max; ++number) {
      chosen[offer] = number;
      if (stopped_ || cost(chosen) >= cost(*best_))
        break;
      if (auto rest = search(offer + 1, chosen); !rest)
        return rest;
    }
    chosen[offer] = 0;
    return {};
  }

  model::result<void> search_last(counts& chosen) {
    const auto& offer = what_.goal.offers.back();
    auto& number = chosen.back();
    const auto affordable = [&] {
      const auto left = cost(*best_) - cost(chosen);
      const auto most = offer.price > 0 ? std::ceil(left / offer.price) - 1 : offer.max;
      return static_cast<std::int64_t>(std::min<double>(most, offer.max));
    };
    number = 0;
    auto high = affordable(); // meets the goal, once it was seen to
    if (high < 0)
      return {};
    number = static_cast<std::uint32_t>(high);
    auto good = meets(chosen);
    if (!good || !*good) {
      number = 0;
      return good.map([](bool) {});
    }
    std::int64_t low = -1; // does not
    while (high - low > 1 && !stopped_) {
      number = static_cast<std::uint32_t>((low + high) / 2);
      good = meets(chosen);
      if (!good)
        return tl::unexpected{std::move(good.error())};
      (*good ? high : low) = number;
    }
    number = static_cast<std::uint32_t>(high);
    best_ = chosen;
    number = 0;
    return {};
  }

  model::result<bool> meets(const counts& chosen) {
    if (const auto known = trials_.find(chosen); known != trials_.end())
      return known->second.meets_goal;
    auto runs = play({{"purchase", with_purchase(what_, chosen), demand_}}, how_);
    if (!runs)
      return tl::unexpected{std::move(runs.error())};
    purchase_trial made{chosen, cost(chosen), {}, {}, false, std::move(runs->front())};
    if (made.runs.runs.size() < how_.seeds || made.runs.runs.front().result.cut) {
      stopped_ = true;
      return false;
    }
    const auto& goal = what_.goal;
    made.refused_percent = one_sided(made.runs, refused_percent, what_.confidence);
    made.meets_goal = keeps(made.refused_percent, 100 * goal.refused_max);
    if (goal.wait_p95_max) {
      made.wait_p95_s = one_sided(made.runs, wait_p95, what_.confidence);
      made.meets_goal =
          made.meets_goal &&
          keeps(*made.wait_p95_s, std::chrono::duration<double>(*goal.wait_p95_max).count());
    }
    return trials_.emplace(chosen, std::move(made)).first->second.meets_goal;
  }

  model::result<purchase_answer> answer(const counts& most) {
    purchase_answer made;
    made.partial = stopped_;
    for (auto& [chosen, trial] : trials_)
      made.trials.push_back(std::move(trial));
    std::ranges::stable_sort(made.trials, {}, &purchase_trial::cost);
    const auto found = std::ranges::find(made.trials, true, &purchase_trial::meets_goal);
    if (found != made.trials.end())
      made.chosen = static_cast<std::size_t>(found - made.trials.begin());
    else if (!stopped_)
      return prove(most).map([&](std::optional<std::string> why) {
        made.impossible = std::move(why);
        return std::move(made);
      });
    return made;
  }

  /// Each run refuses at least its bound; so does their mean.
  model::result<std::optional<std::string>> prove(const counts& most) const {
    const auto all = with_purchase(what_, most);
    refusal_bound mean;
    const auto seeds = static_cast<double>(how_.seeds);
    for (std::uint64_t seed = 1; seed <= how_.seeds; ++seed) {
      const auto one = bound_of(all, demand_, seed);
      if (!one)
        return tl::unexpected{one.error()};
      mean.misfits_percent += one->misfits_percent / seeds;
      mean.overload_percent += one->overload_percent / seeds;
      mean.gpu_days_there += one->gpu_days_there / seeds;
      mean.gpu_days_asked += one->gpu_days_asked / seeds;
    }
    if (mean.percent() <= 100 * what_.goal.refused_max)
      return std::optional<std::string>{};
    return std::optional{
        fmt::format("with everything on offer at least {:.2f} % of the GPUs asked for are refused, "
                    "whatever the "
                    "policy: {:.2f} % by servers that no host holds even when it is empty, {:.2f} "
                    "% because all "
                    "GPUs together give {:.0f} GPU-days and at least {:.0f} are asked for",
                    mean.percent(), mean.misfits_percent, mean.overload_percent,
                    mean.gpu_days_there, mean.gpu_days_asked)};
  }

  const study& what_;
  const offered_demand& demand_;
  const play_options& how_;
  std::map<counts, purchase_trial> trials_;
  std::optional<counts> best_;
  bool stopped_ = false;
};

} // namespace

scenario with_purchase(const study& what, const std::vector<std::uint32_t>& counts) {
  auto made = what.base;
  made.policy = what.policies.front();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0)
      continue;
    auto& bought = made.hosts.emplace_back(what.goal.offers[i].hosts);
    bought.count = counts[i];
    bought.from = what.goal.from;
  }
  return made;
}

model::result<purchase_answer> find_purchase(const study& what, const offered_demand& demand,
                                             const play_options& how) {
  if (what.goal.offers.empty())
    return fail(errc::invalid_argument,
                "nothing is on offer: goal.offers needs at least one machine "
                "with its price");
  if (how.seeds < 2)
    return fail(errc::invalid_argument, "a purchase needs at least 2 seeds: one run says nothing "
                                        "about confidence");
  return shopper{what, demand, how}.shop();
}

} // namespace berth::sim
