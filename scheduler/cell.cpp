#include "scheduler/cell.hpp"

#include <bit>

namespace berth::scheduler {

namespace {

std::int64_t step_of(std::int64_t capacity) {
  if (capacity <= cell_levels::most) {
    return 1;
  }
  const auto exact =
      (static_cast<std::uint64_t>(capacity) + cell_levels::most - 1) / cell_levels::most;
  const auto digits = static_cast<int>(std::bit_width(exact));
  const int dropped = digits > 4 ? digits - 4 : 0;
  const std::uint64_t unit = std::uint64_t{1} << dropped;
  return static_cast<std::int64_t>((exact + unit - 1) / unit * unit);
}

} // namespace

cell_steps steps_of(const model::resources& capacity) {
  return {step_of(capacity.cpus), step_of(capacity.memory_mib)};
}

} // namespace berth::scheduler
