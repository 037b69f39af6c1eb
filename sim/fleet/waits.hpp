#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/time.hpp"

namespace berth::sim {

/// Servers of one class that were placed up to a moment, by how long they had waited. Classes and
/// bounds are those of berth_request_wait_seconds (docs/metrics.md), so that a plot of it over time
/// can be made.
struct waits_so_far {
  /// Placed by bound, each with those above the bound before; one more for what is above all. Ends
  /// with the last that is not zero.
  std::vector<std::uint64_t> placed;
  double sum_s = 0; ///< of their waits

  friend bool operator==(const waits_so_far&, const waits_so_far&) = default;
};

/// Names of the classes, such as "8" and "more", and the upper bounds in seconds, ascending.
[[nodiscard]] std::span<const std::string_view> wait_classes();
[[nodiscard]] std::span<const double> wait_bounds_s();

/// Keeps waits_so_far of each class.
class wait_record {
public:
  void add(std::uint16_t gpus, model::duration waited);
  /// In the order of the metric's classes.
  [[nodiscard]] const std::vector<waits_so_far>& by_class() const { return by_class_; }

private:
  [[nodiscard]] std::size_t class_of(std::uint16_t gpus);

  std::vector<waits_so_far> by_class_;
  std::vector<std::uint8_t> classes_; ///< by GPUs, as far as they came up
};

} // namespace berth::sim
