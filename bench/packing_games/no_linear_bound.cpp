#include "bench/packing_games/linear_bound.hpp"

namespace berth::packing {

std::optional<unallocated> linear_bound(const std::vector<machine>& /*hosts*/,
                                        const std::vector<demand>& /*arrivals*/) {
  return std::nullopt;
}

} // namespace berth::packing
