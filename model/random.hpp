#pragma once

#include <cstdint>

namespace berth::model {

/// The one generator (SplitMix64, Steele et al. 2014): seeded by the caller, handed in by
/// reference, equal on every platform. Not for secrets.
class random {
public:
  explicit random(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound); bound must not be 0. Without modulo bias (Lemire 2019).
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1).
  [[nodiscard]] double unit();
  /// True with probability `p`.
  [[nodiscard]] bool chance(double p) { return unit() < p; }
  /// Exponentially distributed with the given mean (same units as the mean).
  [[nodiscard]] double exponential(double mean);
  /// An independent generator, so that one consumer's draws do not shift another's.
  [[nodiscard]] random split() { return random{next()}; }

private:
  std::uint64_t state_;
};

} // namespace berth::model
