#pragma once

#include <optional>
#include <span>

namespace berth::sim {

/// The mean of what was seen, and how sure one can be of it.
struct estimate {
  double mean = 0;
  /// Half the width of the interval that holds the true mean with the confidence asked for
  /// (Student's t). nullopt: of one value, or none.
  std::optional<double> half_width;

  friend bool operator==(const estimate&, const estimate&) = default;
};

/// `confidence`: above 0, below 1. The mean of nothing is 0.
[[nodiscard]] estimate mean_of(std::span<const double> values, double confidence);

/// How much more `these` are than `those`, value by value: what both owe to the same chance falls
/// out. The two are of one size.
[[nodiscard]] estimate paired_difference(std::span<const double> these,
                                         std::span<const double> those, double confidence);

} // namespace berth::sim
