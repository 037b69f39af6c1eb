#include "sim/study/runner.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace berth::sim {

std::vector<variant_plan> variants_of(const study& what, const offered_demand& demand) {
  std::vector<variant_plan> all;
  for (const auto* policy : what.policies) {
    all.push_back({std::string{scheduler::name_of(*policy)}, what.base, demand});
    all.back().what.policy = policy;
  }
  return all;
}

// --- Progress

double play_progress::runs() const {
  auto sum = static_cast<double>(complete_.load());
  const std::lock_guard lock{mutex_};
  for (const auto& each : slots_)
    if (const auto span = each->span.load(); span > 0)
      sum += std::min(1.0, static_cast<double>(each->watch.now) / static_cast<double>(span));
  return sum;
}

std::uint64_t play_progress::events() const {
  auto sum = events_.load();
  const std::lock_guard lock{mutex_};
  for (const auto& each : slots_)
    sum += each->watch.events;
  return sum;
}

void play_progress::stop() {
  const std::lock_guard lock{mutex_};
  stopped_ = true;
  for (const auto& each : slots_)
    each->watch.stop = true;
}

void play_progress::expect(std::uint64_t runs, std::size_t workers) {
  const std::lock_guard lock{mutex_};
  while (slots_.size() < workers) {
    slots_.push_back(std::make_unique<slot>());
    slots_.back()->watch.stop = stopped_.load();
  }
  wanted_ += runs;
}

// --- Playing

/// Hands out runs to its threads: all variants of a seed before the next seed, so that what is
/// there when it is stopped can be compared.
class player {
public:
  player(const std::vector<variant_plan>& variants, const play_options& how)
      : variants_{variants}, how_{how}, progress_{how.progress != nullptr ? *how.progress : own_},
        results_(variants.size() * how.seeds), workers_{std::clamp<std::size_t>(
                                                   how.jobs, 1,
                                                   std::max<std::size_t>(1, results_.size()))} {
    progress_.expect(results_.size(), workers_);
  }

  model::result<std::vector<variant>> play() {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < workers_; ++i)
      workers.emplace_back([this, &slot = *progress_.slots_[i]] { work(slot); });
    workers.clear(); // waits for them
    if (failure_)
      return tl::unexpected{std::move(*failure_)};
    return collect();
  }

private:
  void work(play_progress::slot& slot) {
    while (!progress_.stopped_) {
      const auto number = next_++;
      if (number >= results_.size())
        return;
      auto played = one(number, slot);
      const std::lock_guard lock{mutex_};
      if (!played)
        return fail(number, std::move(played.error()));
      results_[number] = std::move(*played);
    }
  }

  model::result<run_result> one(std::size_t number, play_progress::slot& slot) {
    const auto which = number % variants_.size();
    const auto seed = number / variants_.size() + 1;
    if (const auto* kept = find_kept(which, seed)) {
      ++progress_.complete_;
      return *kept;
    }
    const auto& plan = variants_[which];
    auto arrivals = plan.demand.arrivals(seed);
    if (!arrivals)
      return tl::unexpected{std::move(arrivals.error())};
    slot.watch.now = 0;
    slot.span = span_of(plan);
    auto played = run(plan.what, **arrivals, seed, {.decisions = nullptr, .watch = &slot.watch});
    slot.span = 0;
    slot.watch.events = 0;
    if (!played || played->cut)
      return played;
    ++progress_.complete_;
    progress_.events_ += played->events;
    return keep(which, seed, *played).map([&] { return std::move(*played); });
  }

  const run_result* find_kept(std::size_t which, std::uint64_t seed) {
    const std::lock_guard lock{mutex_};
    return how_.keeper != nullptr ? how_.keeper->find(which, seed) : nullptr;
  }
  model::result<void> keep(std::size_t which, std::uint64_t seed, const run_result& played) {
    const std::lock_guard lock{mutex_};
    return how_.keeper != nullptr ? how_.keeper->keep(which, seed, played) : model::result<void>{};
  }

  static std::int64_t span_of(const variant_plan& plan) {
    if (plan.what.horizon.count() > 0)
      return plan.what.horizon.count();
    const auto* seen = plan.demand.seen();
    return seen != nullptr && !seen->arrivals.empty() ? seen->arrivals.back().when.count() : 0;
  }

  /// With the lock held: that of the first run counts.
  void fail(std::size_t number, model::failure why) {
    if (!failure_ || number < failed_) {
      failure_ = std::move(why);
      failed_ = number;
    }
    progress_.stop();
  }

  std::vector<variant> collect() {
    std::vector<variant> all;
    for (std::size_t which = 0; which < variants_.size(); ++which) {
      auto& one = all.emplace_back(variant{variants_[which].name, {}});
      std::optional<played> cut;
      for (std::uint64_t seed = 1; seed <= how_.seeds; ++seed) {
        auto& done = results_[(seed - 1) * variants_.size() + which];
        if (!done)
          continue;
        if (!done->cut)
          one.runs.push_back({seed, std::move(*done)});
        else if (!cut)
          cut = played{seed, std::move(*done)};
      }
      if (one.runs.empty() && cut)
        one.runs.push_back(std::move(*cut));
    }
    return all;
  }

  const std::vector<variant_plan>& variants_;
  const play_options& how_;
  play_progress own_;
  play_progress& progress_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_; ///< of what follows, and of the keeper
  std::vector<std::optional<run_result>> results_;
  std::size_t workers_;
  std::optional<model::failure> failure_;
  std::size_t failed_ = 0;
};

model::result<std::vector<variant>> play(const std::vector<variant_plan>& variants,
                                         const play_options& how) {
  return player{variants, how}.play();
}

study_result result_of(const study& what, std::vector<variant> played) {
  study_result all;
  all.scenario = what.name;
  all.confidence = what.confidence;
  all.seeds_wanted = what.seeds;
  all.variants = std::move(played);
  all.partial = std::ranges::any_of(all.variants, [&](const variant& one) {
    return one.runs.size() < what.seeds ||
           std::ranges::any_of(one.runs, [](const struct played& run) { return run.result.cut; });
  });
  return all;
}

} // namespace berth::sim
