#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "model/time.hpp"

namespace berth::sim {

/// How often which times came up. Times are kept in classes whose bounds lie less than 0.8 %
/// apart (whole milliseconds below 128), so that millions take a few kilobytes, and those of
/// several runs can be put together.
class distribution {
public:
  distribution() = default;

  /// All that it holds, to be kept elsewhere.
  struct all_parts {
    std::vector<std::uint64_t> classes;
    std::uint64_t count = 0;
    double sum_s = 0;
    model::duration max{};
  };
  explicit distribution(all_parts parts)
      : classes_(std::move(parts.classes)), count_(parts.count), sum_(parts.sum_s),
        max_(parts.max) {}
  [[nodiscard]] all_parts parts() const { return {classes_, count_, sum_, max_}; }

  /// `time`: 0 or more.
  void add(model::duration time, std::uint64_t times = 1);
  void add(const distribution& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Zero of nothing.
  [[nodiscard]] model::duration mean() const;
  [[nodiscard]] model::duration max() const { return max_; }
  /// The upper bound of the class that holds it, never more than max(): no time that `share` of
  /// all have not exceeded is larger. Zero of nothing; `share` from 0 to 1.
  [[nodiscard]] model::duration quantile(double share) const;

  /// So many had a time up to and with `up_to`, and above the class before.
  struct bucket {
    model::duration up_to{};
    std::uint64_t count = 0;
  };
  /// Those that are not empty, ascending.
  [[nodiscard]] std::vector<bucket> buckets() const;

  friend bool operator==(const distribution&, const distribution&) = default;

private:
  std::vector<std::uint64_t> classes_; ///< grows as far as needed
  std::uint64_t count_ = 0;
  double sum_ = 0; ///< seconds
  model::duration max_{};
};

} // namespace berth::sim
