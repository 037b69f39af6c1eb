#include "scheduler/policy.hpp"

namespace berth::scheduler {

namespace {

constexpr std::int64_t whole_share = 1 << 15;

/// Of two amounts, each as a share of `most`.
std::int64_t product_of(std::int64_t free, std::int64_t wanted, std::int64_t most) {
  return (free * whole_share / most) * (wanted * whole_share / most);
}

std::int64_t product(const policy_view& at) {
  const auto free = least_of(at.free, at.steps);
  const auto most = least_of({cell_levels::most, cell_levels::most}, at.largest.steps);
  return product_of(at.matching_free, at.devices, at.largest.devices) +
         product_of(free.cpus, at.amount.cpus, most.cpus) +
         product_of(free.memory_mib, at.amount.memory_mib, most.memory_mib);
}

std::int64_t least_product(const policy_view& at) {
  return -product(at);
}

std::int64_t resource_fit(const policy_view& at) {
  return 1000 - amounts_left(at);
}

told tell_product(const policy_view& at) {
  const auto points = points_of(product(at), 3 * whole_share * whole_share);
  return {1000 - points, "what is free times what is wanted, in shares of the largest host: " +
                             std::to_string(points) + " of 1000"};
}

} // namespace

/// The host with the least product of its free vector (devices, CPUs, memory) and the request's,
/// each in shares of the largest host's: the heuristic of Panigrahy et al. (Heuristics for Vector
/// Bin Packing, 2011) and Tetris (SIGCOMM 2014), turned round as the FGD paper (ATC 2023) does.
/// Those two choose a server for a host and take the greatest; for a host that is to be chosen the
/// greatest would be the emptiest.
constexpr policy dot_product{.name = "dot-product",
                             .scores = {"product", "resource_fit"},
                             .first = least_product,
                             .second = resource_fit,
                             .first_by = policy::order::by_cell,
                             .sees_largest = true,
                             .tell_first = tell_product};

} // namespace berth::scheduler
