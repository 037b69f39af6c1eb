#include "model/random.hpp"

#include "model/portable_math.hpp"

namespace berth::model {

namespace {
__extension__ typedef unsigned __int128 uint128;
} // namespace

std::uint64_t random::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31U);
}

std::uint64_t random::below(std::uint64_t bound) {
  // Multiply and keep the high half; draw again in the few cases that would favour low values.
  uint128 product = uint128{next()} * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < threshold) {
      product = uint128{next()} * bound;
    }
  }
  return static_cast<std::uint64_t>(product >> 64U);
}

double random::unit() {
  return static_cast<double>(next() >> 11U) * 0x1.0p-53;
}

double random::exponential(double mean) {
  return -mean * portable_log(1 - unit()); // unit() is below 1
}

} // namespace berth::model
