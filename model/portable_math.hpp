#pragma once

namespace berth::model {

// Elementary functions that give the same bits on every machine. The C library's do not: their last
// digit differs between libraries, versions and processors, and one bit moves an arrival. These use
// nothing but IEEE 754 double additions, multiplications, divisions and square roots, which are
// exact to the bit by the standard, in a fixed order; the file is compiled without contraction to
// fused operations. Their error is a few units in the last place.

/// Natural logarithm of a positive, finite, normal number.
[[nodiscard]] double portable_log(double x);

/// e to the power x; 0 far below, infinity far above.
[[nodiscard]] double portable_exp(double x);

/// Base, positive, to the power x.
[[nodiscard]] double portable_pow(double base, double x);

/// Cosine of `turns` full circles; `turns` between -1e6 and 1e6.
[[nodiscard]] double portable_cosine(double turns);

/// Distribution function of the standard normal distribution.
[[nodiscard]] double normal_share_below(double x);

/// Logarithm of the gamma function of a positive number.
[[nodiscard]] double portable_log_gamma(double x);

} // namespace berth::model
