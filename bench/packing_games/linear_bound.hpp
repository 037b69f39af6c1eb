#pragma once

#include <optional>
#include <span>

#include "bench/packing_games/games.hpp"

namespace berth::packing {

/// No placement can leave fewer GPUs unallocated: the optimum of the linear relaxation, where hosts
/// of one kind are one big host and a server may be cut in pieces. nullopt: built without GLPK.
[[nodiscard]] std::optional<unallocated> linear_bound(const std::vector<machine>& hosts,
                                                      const std::vector<demand>& arrivals);

} // namespace berth::packing
