#include "sim/fleet/waits.hpp"

#include <algorithm>
#include <chrono>

#include "metrics/table.hpp"

namespace berth::sim {

namespace {

const metrics::metric_description& described() {
  return metrics::describe(metrics::metric::request_wait_seconds);
}

} // namespace

std::span<const std::string_view> wait_classes() {
  return described().labels.front().values;
}
std::span<const double> wait_bounds_s() {
  return described().buckets;
}

void wait_record::add(std::uint16_t gpus, model::duration waited) {
  const auto place = class_of(gpus);
  if (place >= by_class_.size())
    by_class_.resize(place + 1);
  auto& one = by_class_[place];
  const auto time_s = std::chrono::duration<double>(waited).count();
  const auto bounds = wait_bounds_s();
  const auto bound =
      static_cast<std::size_t>(std::ranges::lower_bound(bounds, time_s) - bounds.begin());
  if (bound >= one.placed.size())
    one.placed.resize(bound + 1);
  ++one.placed[bound];
  one.sum_s += time_s;
}

std::size_t wait_record::class_of(std::uint16_t gpus) {
  for (auto next = classes_.size(); next <= gpus; ++next)
    classes_.push_back(
        static_cast<std::uint8_t>(metrics::gpus_class(static_cast<std::int64_t>(next))));
  return classes_[gpus];
}

} // namespace berth::sim
