#pragma once

#include <cstdint>

#include "model/resources.hpp"

namespace berth::scheduler {

/// How fine a policy sees what a host has free: CPUs and memory in whole steps, a step being a 32nd
/// of the capacity rounded up to four significant binary digits. So machines of one make, whose
/// memory differs by what the firmware took, share their steps, and hosts that a policy cannot tell
/// apart are looked at once.
struct cell_steps {
  std::int64_t cpus = 1;       ///< at least 1
  std::int64_t memory_mib = 1; ///< at least 1

  friend bool operator==(const cell_steps&, const cell_steps&) = default;
};

/// Free CPUs and memory in steps, rounded down; nothing free (or overdrawn) is 0.
struct cell_levels {
  static constexpr int most = 32;
  std::int32_t cpus = 0;
  std::int32_t memory = 0;

  friend bool operator==(const cell_levels&, const cell_levels&) = default;
};

/// The steps of a capacity (with overcommit).
[[nodiscard]] cell_steps steps_of(const model::resources& capacity);

/// An amount in steps, rounded down, from 0 to `most`.
[[nodiscard]] inline cell_levels levels_of(const model::resources& amount,
                                           const cell_steps& steps) {
  const auto level = [](std::int64_t part, std::int64_t step) {
    const auto clamped = static_cast<std::uint64_t>(part > 0 ? part : 0);
    const auto whole = clamped / static_cast<std::uint64_t>(step);
    return static_cast<std::int32_t>(whole < cell_levels::most ? whole : cell_levels::most);
  };
  return {level(amount.cpus, steps.cpus), level(amount.memory_mib, steps.memory_mib)};
}

/// The least amount of such levels.
[[nodiscard]] inline model::resources least_of(const cell_levels& levels, const cell_steps& steps) {
  return {levels.cpus * steps.cpus, levels.memory * steps.memory_mib, 0};
}

} // namespace berth::scheduler
