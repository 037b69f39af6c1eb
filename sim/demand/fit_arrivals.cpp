#include "sim/demand/fit_arrivals.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numeric>
#include <span>

#include "model/portable_math.hpp"

namespace berth::sim {

namespace {

std::int64_t second_of(model::duration time) {
  return std::chrono::floor<std::chrono::seconds>(time).count();
}
std::int64_t minute_of(model::duration time) {
  return std::chrono::floor<std::chrono::minutes>(time).count();
}

/// By hour of the week.
struct week_counts {
  std::array<double, 168> arrivals{};
  std::array<double, 168> hours{}; ///< seen of each
};

week_counts count_week(std::span<const arrival> seen, const demand_fit& found) {
  constexpr std::int64_t seconds_per_week = 7 * 24 * 3'600;
  week_counts counts;
  const auto start = second_of(found.plan.week_offset);
  for (const auto& one : seen) {
    const auto second = second_of(found.plan.week_offset + one.when) % seconds_per_week;
    counts.arrivals[static_cast<std::size_t>(second / 3'600)] += 1;
  }
  const auto seconds = second_of(found.observed);
  counts.hours.fill(static_cast<double>(seconds / seconds_per_week));
  for (std::int64_t second = 0; second < seconds % seconds_per_week; ++second) {
    const auto hour = (start + second) % seconds_per_week / 3'600;
    counts.hours[static_cast<std::size_t>(hour)] += 1.0 / 3'600;
  }
  return counts;
}

/// Arrivals over what the other weights lead to expect, for each hour of the day or day of the
/// week.
template <std::size_t N, class Group, class Other>
std::array<double, N> over_expected(const week_counts& counts, Group group, Other other_weight) {
  std::array<double, N> arrivals{};
  std::array<double, N> expected{};
  for (std::size_t i = 0; i < counts.hours.size(); ++i) {
    arrivals[group(i)] += counts.arrivals[i];
    expected[group(i)] += counts.hours[i] * other_weight(i);
  }
  std::array<double, N> weights{};
  for (std::size_t i = 0; i < N; ++i) {
    weights[i] = expected[i] > 0 ? arrivals[i] / expected[i] : 0;
  }
  const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(N);
  for (auto& weight : weights) {
    weight = mean > 0 ? weight / mean : 1;
  }
  return weights;
}

std::size_t hour_of_day(std::size_t hour_of_week) {
  return hour_of_week % 24;
}
std::size_t weekday(std::size_t hour_of_week) {
  return hour_of_week / 24;
}

/// What the plan's weights make of the mean rate, by hour of the week; mean 1.
std::array<double, 168> relative_rates(const demand_plan& plan) {
  std::array<double, 168> rates{};
  for (std::size_t hour = 0; hour < rates.size(); ++hour) {
    rates[hour] = plan.hour_weights[hour_of_day(hour)] * plan.weekday_weights[weekday(hour)];
  }
  const double mean = std::accumulate(rates.begin(), rates.end(), 0.0) / 168;
  for (auto& rate : rates) {
    rate /= mean;
  }
  return rates;
}

/// Counts of arrivals and what was expected, minute by minute.
struct minute_counts {
  std::vector<double> seen;
  std::vector<double> expected;
};

minute_counts count_minutes(std::span<const arrival> seen, const demand_fit& found) {
  constexpr std::int64_t most = 2 * 366 * 24 * 60; // two years say enough
  const auto size = static_cast<std::size_t>(std::min(minute_of(found.observed), most));
  minute_counts counts{std::vector<double>(size), std::vector<double>(size)};
  for (const auto& one : seen) {
    const auto minute = static_cast<std::size_t>(minute_of(one.when));
    if (minute >= size) {
      break;
    }
    counts.seen[minute] += 1;
  }
  const auto rates = relative_rates(found.plan);
  const auto start = static_cast<std::size_t>(minute_of(found.plan.week_offset));
  for (std::size_t minute = 0; minute < size; ++minute) {
    const auto hour = (start + minute) / 60 % rates.size();
    counts.expected[minute] = found.plan.arrivals_per_hour / 60 * rates[hour];
  }
  return counts;
}

/// How the rate of arrivals varies around the expected one, seen through windows of one length.
struct variation {
  double minutes = 0;
  double windows = 0;
  double index = 1;    ///< of dispersion
  double variance = 0; ///< of the rate over its mean, without the Poisson part
  double skewness = 0; ///< of the rate, likewise
};

/// From the second and third factorial cumulants of the counts, which a Poisson process leaves 0.
variation vary(const minute_counts& counts, std::size_t minutes) {
  double second = 0;
  double third = 0;
  double relative = 0;
  double squares = 0;
  double cubes = 0;
  double windows = 0;
  for (std::size_t at = 0; at + minutes <= counts.seen.size(); at += minutes) {
    double n = 0;
    double mu = 0;
    for (std::size_t i = at; i < at + minutes; ++i) {
      n += counts.seen[i];
      mu += counts.expected[i];
    }
    if (mu <= 0) {
      continue;
    }
    const double d = n - mu;
    second += d * d - n;
    third += d * d * d - 3 * d * d + 2 * n;
    relative += d * d / mu;
    squares += mu * mu;
    cubes += mu * mu * mu;
    windows += 1;
  }
  variation found{static_cast<double>(minutes), windows};
  if (windows > 0) {
    found.index = relative / windows;
    found.variance = std::max(0.0, second / squares);
    found.skewness =
        found.variance > 0 ? third / cubes / (found.variance * std::sqrt(found.variance)) : 0;
  }
  return found;
}

/// Share of a two-state rate's variance that is left in means over x times its correlation time.
double left_in_means(double x) {
  return x < 1e-3 ? 1 - x / 3 : 2 * (x - 1 + model::portable_exp(-x)) / (x * x);
}

/// A rate whose variance in means over windows falls as it was seen to.
struct rate_process {
  double variance = 0;
  double correlation_minutes = 1;
};

/// Least squares of relative errors; the correlation time by trying a fine grid.
rate_process fit_process(const std::vector<variation>& seen, double longest_minutes) {
  rate_process best;
  double least = -1;
  constexpr double step = 1.05;
  for (double time = 0.25; time < longest_minutes; time *= step) {
    double cross = 0;
    double square = 0;
    for (const auto& one : seen) {
      if (one.variance > 0) {
        const double left = left_in_means(one.minutes / time) / one.variance;
        cross += left;
        square += left * left;
      }
    }
    const double variance = square > 0 ? cross / square : 0;
    double error = 0;
    for (const auto& one : seen) {
      if (one.variance > 0) {
        const double off = variance * left_in_means(one.minutes / time) / one.variance - 1;
        error += off * off;
      }
    }
    if (least < 0 || error < least) {
      least = error;
      best = {variance, time};
    }
  }
  return best;
}

/// The two states with that variance, correlation time and skewness. Variance bounds the share of
/// time in bursts: the quiet rate must not be negative.
arrival_bursts two_states(const rate_process& process, double skewness) {
  const double wanted = (1 - skewness / std::sqrt(4 + skewness * skewness)) / 2;
  const double share = std::min(std::clamp(wanted, 0.01, 0.99), 1 / (1 + process.variance));
  const double quiet = 1 - std::sqrt(process.variance * share / (1 - share));
  const double seconds = process.correlation_minutes * 60;
  const auto length = [](double mean) {
    return std::clamp(mean, 1.0, static_cast<double>(seconds_max));
  };
  return {std::clamp(quiet, 0.0, 1.0), length(seconds / share), length(seconds / (1 - share))};
}

} // namespace

void fit_rates(std::span<const arrival> seen, const fit_options& options, demand_fit& found) {
  auto& plan = found.plan;
  plan.hour_weights.fill(1);
  plan.weekday_weights.fill(1);
  const auto counts = count_week(seen, found);
  const bool is_much = seen.size() >= options.weights_arrivals_min;
  const bool with_hours = is_much && found.observed >= options.hours_observed_min;
  const bool with_weekdays = is_much && found.observed >= options.weekdays_observed_min;
  constexpr int rounds = 20; // they settle after a few
  for (int i = 0; i < rounds; ++i) {
    if (with_hours) {
      plan.hour_weights = over_expected<24>(
          counts, hour_of_day, [&plan](auto hour) { return plan.weekday_weights[weekday(hour)]; });
    }
    if (with_weekdays) {
      plan.weekday_weights = over_expected<7>(
          counts, weekday, [&plan](auto hour) { return plan.hour_weights[hour_of_day(hour)]; });
    }
  }
  // The hours that were seen need not be a fair sample of the week.
  const auto rates = relative_rates(plan);
  plan.arrivals_per_hour =
      static_cast<double>(seen.size()) /
      std::inner_product(rates.begin(), rates.end(), counts.hours.begin(), 0.0);
}

void fit_bursts(std::span<const arrival> seen, demand_fit& found) {
  constexpr std::array<std::size_t, 6> windows_minutes{1, 5, 15, 60, 240, 720};
  constexpr double windows_min = 30;
  const auto counts = count_minutes(seen, found);
  std::vector<variation> seen_variations;
  bool is_bursty = false;
  for (const auto minutes : windows_minutes) {
    const auto one = vary(counts, minutes);
    if (one.windows < windows_min) {
      break;
    }
    found.dispersions.push_back({std::chrono::minutes{minutes}, one.index});
    // The index of a Poisson process is 1 with a deviation of sqrt(2 / windows).
    is_bursty = is_bursty || one.index > 1 + std::max(0.05, 4 * std::sqrt(2 / one.windows));
    seen_variations.push_back(one);
  }
  if (!is_bursty) {
    return;
  }
  const auto process = fit_process(seen_variations, static_cast<double>(counts.seen.size()) / 10);
  if (process.variance <= 0) {
    return;
  }
  // The longest window in which the rate hardly changes shows its skewness best.
  const auto* best = &seen_variations.front();
  for (const auto& one : seen_variations) {
    if (one.minutes <= process.correlation_minutes / 4) {
      best = &one;
    }
  }
  found.plan.bursts = two_states(process, best->skewness);
}

} // namespace berth::sim
