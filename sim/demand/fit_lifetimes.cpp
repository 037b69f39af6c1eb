#include "sim/demand/fit_lifetimes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "model/portable_math.hpp"

namespace berth::sim {

namespace {

constexpr double shortest_s = 1e-3; ///< a lifetime of 0 has no logarithm

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// At most `most` values that stand for all, evenly spread over the ranks of the sorted sample.
std::vector<double> thinned(const std::vector<double>& sorted, std::size_t most) {
  if (sorted.size() <= most) {
    return sorted;
  }
  std::vector<double> few(most);
  for (std::size_t i = 0; i < most; ++i) {
    few[i] = sorted[(2 * i + 1) * sorted.size() / (2 * most)];
  }
  return few;
}

/// Means of at most `most` parts of equal size of the sorted sample; their mean is the sample's.
std::vector<double> condensed(const std::vector<double>& sorted, std::size_t most) {
  const std::size_t parts = std::min(most, sorted.size());
  std::vector<double> means(parts);
  for (std::size_t i = 0; i < parts; ++i) {
    // A part may cut values in two: part i holds the ranks from i * n / parts to (i + 1) * n /
    // parts.
    const std::size_t from = i * sorted.size();
    const std::size_t to = from + sorted.size();
    double sum = 0;
    for (std::size_t rank = from / parts; rank * parts < to; ++rank) {
      const std::size_t overlap = std::min(to, (rank + 1) * parts) - std::max(from, rank * parts);
      sum += sorted[rank] * static_cast<double>(overlap);
    }
    means[i] = sum / static_cast<double>(sorted.size());
  }
  std::sort(means.begin(), means.end()); // rounding may have swapped equal ones
  return means;
}

/// Maximum likelihood: mean and deviation of the logarithms.
lognormal_lifetime fit_lognormal(std::span<const double> values) {
  std::vector<double> logs(values.size());
  std::transform(values.begin(), values.end(), logs.begin(), model::portable_log);
  const double mean = mean_of(logs);
  double squares = 0;
  for (const double value : logs) {
    squares += (value - mean) * (value - mean);
  }
  const double sigma = std::sqrt(squares / static_cast<double>(logs.size()));
  return {model::portable_exp(mean), std::clamp(sigma, 0.01, 100.0)};
}

/// Maximum likelihood: the shape k solves sum(y^k ln y) / sum(y^k) - 1/k = mean(ln y), whose left
/// side rises with k; found by halving.
weibull_lifetime fit_weibull(std::span<const double> values) {
  const double largest = *std::max_element(values.begin(), values.end());
  std::vector<double> logs(values.size()); // of y = x / largest: y^k cannot overflow
  std::transform(values.begin(), values.end(), logs.begin(),
                 [largest](double value) { return model::portable_log(value / largest); });
  const double mean_log = mean_of(logs);
  double powers = 0;
  const auto excess = [&](double k) {
    powers = 0;
    double weighted = 0;
    for (const double log : logs) {
      const double power = model::portable_exp(k * log);
      powers += power;
      weighted += power * log;
    }
    return weighted / powers - 1 / k - mean_log;
  };
  double low = 0.02;
  double high = 50;
  constexpr int halvings = 40;
  for (int i = 0; i < halvings; ++i) {
    const double middle = std::sqrt(low * high);
    (excess(middle) < 0 ? low : high) = middle;
  }
  static_cast<void>(excess(low));
  const double mean_power = powers / static_cast<double>(values.size());
  return {low, largest * model::portable_pow(mean_power, 1 / low)};
}

/// The largest distance between the law's distribution function and that of the sorted values.
double distance_from(const lifetime_law& law, std::span<const double> sorted) {
  const auto size = static_cast<double>(sorted.size());
  double largest = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double share = share_below(law, sorted[i]);
    const auto rank = static_cast<double>(i);
    largest = std::max({largest, share - rank / size, (rank + 1) / size - share});
  }
  return largest;
}

} // namespace

lifetime_law fit_lifetime(std::vector<double> sample, std::uint64_t endless_count,
                          const fit_options& options, lifetime_fit& report) {
  report.servers = sample.size() + endless_count;
  report.endless = endless_count;
  lifetime_law law;
  if (report.servers > 0) {
    law.endless_share = static_cast<double>(endless_count) / static_cast<double>(report.servers);
  }
  if (sample.empty()) {
    return law;
  }
  std::sort(sample.begin(), sample.end());
  if (sample.front() == sample.back()) {
    law.family = constant_lifetime{std::max(sample.front(), shortest_s)};
    return law;
  }
  constexpr std::size_t enough = 10'000; // more do not make the fit better, only longer
  auto values = thinned(sample, enough);
  std::transform(values.begin(), values.end(), values.begin(),
                 [](double value) { return std::max(value, shortest_s); });
  const double mean = mean_of(sample);
  // Beyond 1.36 / sqrt(n) a distance is no chance (Kolmogorov and Smirnov's test at 5 %).
  const double chance = 1.36 / std::sqrt(static_cast<double>(sample.size()));
  report.distance_max = std::max(options.distance_max, std::min(chance, 0.1));

  law.family = empirical_lifetime{condensed(sample, options.empirical_values_max)};
  double best = report.distance_max;
  for (const decltype(law.family)& family :
       {decltype(law.family){exponential_lifetime{std::max(mean, shortest_s)}},
        decltype(law.family){fit_lognormal(values)}, decltype(law.family){fit_weibull(values)}}) {
    family_fit candidate{{family, law.endless_share}, 0, 0};
    candidate.distance = distance_from(candidate.law, values);
    candidate.mean_error = std::abs(mean_seconds(candidate.law) / mean - 1);
    if (candidate.distance <= best && candidate.mean_error <= options.mean_error_max) {
      best = candidate.distance;
      law = candidate.law;
    }
    report.candidates.push_back(std::move(candidate));
  }
  return law;
}

} // namespace berth::sim
