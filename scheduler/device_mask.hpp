#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace berth::scheduler {

/// A set of devices of one host, by their position in PCI order.
__extension__ typedef unsigned __int128 device_mask;

/// Devices of one host past this number are kept, but never offered.
inline constexpr std::size_t device_slots_max = 128;

[[nodiscard]] constexpr device_mask device_bit(std::size_t position) {
  return device_mask{1} << position;
}

[[nodiscard]] constexpr int count(device_mask set) {
  return std::popcount(static_cast<std::uint64_t>(set)) +
         std::popcount(static_cast<std::uint64_t>(set >> 64U));
}

/// The lowest position of a set that is not empty.
[[nodiscard]] constexpr std::size_t lowest(device_mask set) {
  const auto low = static_cast<std::uint64_t>(set);
  return low != 0 ? static_cast<std::size_t>(std::countr_zero(low))
                  : 64U + static_cast<std::size_t>(
                              std::countr_zero(static_cast<std::uint64_t>(set >> 64U)));
}

[[nodiscard]] constexpr bool includes(device_mask whole, device_mask part) {
  return (part & ~whole) == 0;
}

/// Of two sets of one size: true if `a` comes first when both are read as ascending lists.
[[nodiscard]] constexpr bool comes_before(device_mask a, device_mask b) {
  const device_mask differing = a ^ b;
  return (a & differing & (~differing + 1)) != 0;
}

/// The `wanted` lowest members of `set`.
[[nodiscard]] constexpr device_mask lowest_of(device_mask set, int wanted) {
  device_mask taken = 0;
  for (; wanted > 0 && set != 0; --wanted) {
    const device_mask first = set & (~set + 1);
    taken |= first;
    set ^= first;
  }
  return taken;
}

/// Calls `visit(position)` for every member, ascending.
template <class Visit> constexpr void for_each(device_mask set, Visit visit) {
  while (set != 0) {
    visit(lowest(set));
    set &= set - 1;
  }
}

} // namespace berth::scheduler
