#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "model/request.hpp"
#include "scheduler/device_mask.hpp"
#include "scheduler/host_shape.hpp"

namespace berth::scheduler {

/// `count` devices out of those in `matching` (free or not).
struct wanted_devices {
  device_mask matching = 0;
  int count = 1;
};

/// Which devices of one host a server shall get.
struct device_choice_problem {
  const host_shape& shape;
  device_mask free = 0;
  device_mask named = 0; ///< must all be part of the choice
  std::span<const wanted_devices> wanted;
  model::topology_wishes wishes;
};

/// How much of the rules a choice has to keep.
enum class strictness : std::uint8_t {
  counts,   ///< enough matching free devices
  units,    ///< and allocation units and fabric partitions whole
  topology, ///< and the required topology
};

/// Why one choice is better than another, most important first; smaller is better:
/// fabric domains, NUMA nodes, PCIe root ports and switches touched (0 where the wish is `none`),
/// whole free partitions broken, free devices left behind on the touched nodes, below the touched
/// root ports and on the touched switches.
using choice_cost = std::array<int, 8>;

struct device_choice {
  device_mask devices = 0;
  choice_cost cost{};
};

/// The best choice; equal costs end at the lowest PCI addresses. nullopt = there is none. Exact up
/// to a bounded number of steps, which no host of up to sixteen devices comes near; past it, the
/// best found so far.
[[nodiscard]] std::optional<device_choice> choose_devices(const device_choice_problem& problem,
                                                          strictness how);

/// The cost of a given choice.
[[nodiscard]] choice_cost cost_of(const device_choice_problem& problem, device_mask devices);

// The parts, as yes/no questions about a given set. check() asks the same ones.

/// Every allocation unit is in the set as a whole or not at all.
[[nodiscard]] bool keeps_units_whole(const host_shape& shape, device_mask devices);
/// The described devices of every partitioned fabric are exactly one of its partitions.
[[nodiscard]] bool keeps_partitions(const host_shape& shape, device_mask described);
/// Whatever is required to be shared is shared.
[[nodiscard]] bool meets_required_topology(const host_shape& shape, device_mask devices,
                                           const model::topology_wishes& wishes);

/// Gives each wish its own devices out of `devices`: one mask per wish, the lowest first.
/// nullopt = they do not suffice.
[[nodiscard]] std::optional<std::vector<device_mask>>
distribute(device_mask devices, std::span<const wanted_devices> wanted);

} // namespace berth::scheduler
