#pragma once

#include <cstdint>

#include "model/random.hpp"

namespace berth::sim {

/// What is thrown for. The numbers are part of what a seed means.
enum class luck : std::uint64_t { turnover = 1, device = 2, machine = 3, rack = 4 };

/// One thing's `times`-th throw of a kind.
struct occasion {
  luck what = luck::turnover;
  std::uint64_t which = 0;
  std::uint64_t times = 0;
};

/// Dice of the seed and the occasion alone, whatever was thrown before. So two policies meet the
/// same fates with one seed (common random numbers), and a difference between them is theirs.
[[nodiscard]] inline model::random dice_for(std::uint64_t seed, const occasion& why) {
  model::random mixed{seed};
  for (const auto part : {static_cast<std::uint64_t>(why.what), why.which, why.times})
    mixed = model::random{mixed.next() ^ part};
  return mixed.split();
}

} // namespace berth::sim
