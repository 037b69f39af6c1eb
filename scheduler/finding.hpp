#pragma once

#include <cstdint>

namespace berth::scheduler {

/// What a hard rule found out about one host.
struct finding {
  bool passes = true;
  std::int64_t used = 0;
  std::int64_t requested = 0;
  std::int64_t capacity = 0;

  /// By how much the host missed; 0 for questions without a measure.
  [[nodiscard]] std::int64_t missing() const { return used + requested - capacity; }
};

} // namespace berth::scheduler
