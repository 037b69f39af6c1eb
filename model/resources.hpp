#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

namespace berth::model {

/// An amount of a host's divisible resources. May be negative as a difference.
struct resources {
  std::int64_t cpus = 0;        ///< virtual CPUs
  std::int64_t memory_mib = 0;  ///< MiB
  std::int64_t storage_mib = 0; ///< MiB of local disk

  resources& operator+=(const resources& other) {
    cpus += other.cpus;
    memory_mib += other.memory_mib;
    storage_mib += other.storage_mib;
    return *this;
  }
  resources& operator-=(const resources& other) {
    cpus -= other.cpus;
    memory_mib -= other.memory_mib;
    storage_mib -= other.storage_mib;
    return *this;
  }
  friend resources operator+(resources a, const resources& b) { return a += b; }
  friend resources operator-(resources a, const resources& b) { return a -= b; }
  friend bool operator==(const resources&, const resources&) = default;

  /// True if every component is at most the other's.
  [[nodiscard]] bool fits_in(const resources& other) const {
    return cpus <= other.cpus && memory_mib <= other.memory_mib && storage_mib <= other.storage_mib;
  }
};

/// Component-wise minimum and maximum.
[[nodiscard]] inline resources min(const resources& a, const resources& b) {
  return {std::min(a.cpus, b.cpus), std::min(a.memory_mib, b.memory_mib),
          std::min(a.storage_mib, b.storage_mib)};
}
[[nodiscard]] inline resources max(const resources& a, const resources& b) {
  return {std::max(a.cpus, b.cpus), std::max(a.memory_mib, b.memory_mib),
          std::max(a.storage_mib, b.storage_mib)};
}

} // namespace berth::model
