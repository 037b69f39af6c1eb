#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "bench/packing_games/packer.hpp"

namespace berth::packing {

/// GPUs that nobody has, in percent of all.
struct unallocated {
  double at_first_refusal = 0; ///< 0 if nothing was refused
  double at_100 = 0;           ///< when the arrivals so far want as many GPUs as there are
  double at_130 = 0;           ///< at the end
};

/// Servers arrive one after another and stay; what fits nowhere is lost.
[[nodiscard]] unallocated play_filling(const std::vector<machine>& hosts,
                                       const std::vector<demand>& arrivals, packer& player);

/// The same game: GPUs given in percent of all, at the first moment when the arrivals so far want
/// `marks` percent of them. Marks ascend; those never reached tell how it ends.
[[nodiscard]] std::vector<double> allocated_at(const std::vector<int>& marks,
                                               const std::vector<machine>& hosts,
                                               const std::vector<demand>& arrivals, packer& player);

struct refused {
  double gpus = 0;   ///< refused GPUs in percent of those asked for
  double eights = 0; ///< the same of servers of eight GPUs
};

/// Servers arrive and leave again; what fits nowhere is lost. The first half of the arrivals fills
/// the hosts and is not counted. `hints`: the player is told when a server will leave.
[[nodiscard]] refused play_churn(const std::vector<stay>& stays, packer& player, bool hints);

/// The same if all GPUs sat in one host: what no placement can avoid.
[[nodiscard]] refused pooled_bound(const std::vector<stay>& stays, std::int64_t gpus);

/// The least number of hosts of eight GPUs, from `at_least` on, for which a player refuses nothing.
/// A player that needs more hosts with more at hand would be found by bisection anyway, so the
/// answer is the end of one bisection.
using player_of = std::function<std::unique_ptr<packer>(const std::vector<machine>& hosts)>;
[[nodiscard]] std::size_t hosts_needed(const std::vector<stay>& stays, std::size_t at_least,
                                       const player_of& make);

/// No fewer hosts of eight GPUs can hold what is there at the fullest moment: the most over time of
/// the exact need for sizes that divide eight, and of sums and pairs that cannot share a host for
/// the others.
[[nodiscard]] std::size_t hosts_bound(const std::vector<stay>& stays);

[[nodiscard]] std::vector<machine> hosts_of_eight(std::size_t count);

} // namespace berth::packing
