#include "sim/study/statistics.hpp"

#include <cmath>
#include <vector>

#include <boost/math/distributions/students_t.hpp> // layering: Student's t is not in the standard library

namespace berth::sim {

estimate mean_of(std::span<const double> values, double confidence) {
  if (values.empty())
    return {};
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const auto value : values)
    sum += value;
  const auto mean = sum / count;
  if (values.size() == 1)
    return {mean, std::nullopt};
  double squares = 0;
  for (const auto value : values)
    squares += (value - mean) * (value - mean);
  const boost::math::students_t law{count - 1};
  const auto t = boost::math::quantile(law, 0.5 + confidence / 2);
  return {mean, t * std::sqrt(squares / (count - 1) / count)};
}

estimate paired_difference(std::span<const double> these, std::span<const double> those,
                           double confidence) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < these.size() && i < those.size(); ++i)
    differences.push_back(these[i] - those[i]);
  return mean_of(differences, confidence);
}

} // namespace berth::sim
