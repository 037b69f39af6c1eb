#include "scheduler/outlook.hpp"

#include <algorithm>
#include <bit>

namespace berth::scheduler {

namespace {

__extension__ typedef unsigned __int128 wide;

/// Prices before they are brought to a common scale: 2^64 is one server per fraction.
constexpr int raw_bits = 64;
/// The greatest price has at most so many bits: 33 prices times at most 128 devices in fractions,
/// and 8 bits that a policy adds, stay below 2^63.
constexpr int price_bits = 34;

std::uint64_t root_of(std::uint64_t value) {
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31U; bit > 0; bit >>= 1U) {
    const std::uint64_t tried = root | bit;
    if (tried * tried <= value) {
      root = tried;
    }
  }
  return root;
}

/// servers / (room / whole_server)^1.5 per fraction of a server; `room` > 0.
wide scarcity_price(wide servers_raw, std::int64_t room) {
  // sqrt(room) in 256ths: 16 of them are the root of whole_server, and 256 * 16 its power of 1.5.
  const auto fractions = static_cast<std::uint64_t>(room);
  const std::uint64_t root = root_of(fractions << 16U);
  constexpr unsigned unit = 256U * 16U / 256U; // per fraction
  return servers_raw * unit * 256U / (wide{fractions} * root);
}

int bits_of(wide value) {
  const auto high = static_cast<std::uint64_t>(value >> 64U);
  const auto low = static_cast<std::uint64_t>(value);
  return 128 - (high > 0 ? std::countl_zero(high) : 64 + std::countl_zero(low));
}

} // namespace

std::int64_t outlook::room_for(const flavour_room& one, int matching, std::int64_t cpus,
                               std::int64_t memory_mib) {
  if (matching < one.count || cpus < one.cpus || memory_mib < one.memory_mib) {
    return 0;
  }
  std::int64_t room = matching / one.count * whole_server;
  if (one.cpus > 0) {
    room = std::min(room, cpus * whole_server / one.cpus);
  }
  if (one.memory_mib > 0) {
    room = std::min(room, memory_mib * whole_server / one.memory_mib);
  }
  return room;
}

void outlook::add_hosts(std::int64_t hosts, std::span<const int> matching, std::int64_t cpus,
                        std::int64_t memory_mib) {
  std::int64_t most = 0;
  for (std::size_t i = 0; i < flavours.size(); ++i) {
    const std::int64_t room = room_for(flavours[i], matching[i], cpus, memory_mib);
    flavours[i].room += room * hosts;
    most = std::max(most, room * flavours[i].count);
  }
  usable += most * hosts;
}

void outlook::add_whole(std::int32_t devices, const cell_steps& steps, std::int64_t hosts) {
  for (auto& known : wholes) {
    if (known.devices == devices && known.steps == steps) {
      known.hosts += hosts;
      return;
    }
  }
  wholes.push_back({devices, steps, hosts, 0});
}

void outlook::set_prices() {
  std::vector<wide> raw;
  std::int64_t living = 0;
  for (const auto& each : flavours) {
    living += each.servers;
    raw.push_back(scarcity_price(wide(static_cast<std::uint64_t>(each.servers)) << raw_bits,
                                 each.room + whole_server));
  }
  for (const auto& each : wholes) {
    raw.push_back(scarcity_price(wide{1} << raw_bits, (each.hosts + 1) * whole_server) *
                  whole_server);
  }
  raw.push_back((wide(static_cast<std::uint64_t>(living)) << raw_bits) /
                static_cast<std::uint64_t>(usable + whole_server));
  int most = 0;
  for (const auto& each : raw) {
    most = std::max(most, bits_of(each));
  }
  const int down = std::max(0, most - price_bits);
  const auto scaled = [&raw, down](std::size_t at) {
    return static_cast<std::int64_t>(raw[at] >> down);
  };
  for (std::size_t i = 0; i < flavours.size(); ++i) {
    flavours[i].price = scaled(i);
  }
  for (std::size_t i = 0; i < wholes.size(); ++i) {
    wholes[i].price = scaled(flavours.size() + i);
  }
  usable_price = scaled(raw.size() - 1);
}

std::int64_t outlook::worth(std::span<const int> matching, std::int64_t cpus,
                            std::int64_t memory_mib) const {
  std::int64_t sum = 0;
  std::int64_t most = 0;
  for (std::size_t i = 0; i < flavours.size(); ++i) {
    const std::int64_t room = room_for(flavours[i], matching[i], cpus, memory_mib);
    sum += room * flavours[i].price;
    most = std::max(most, room * flavours[i].count);
  }
  return sum + most * usable_price;
}

std::int64_t outlook::price_of_whole(std::int32_t devices, const cell_steps& steps) const {
  for (const auto& known : wholes) {
    if (known.devices == devices && known.steps == steps) {
      return known.price;
    }
  }
  return 0;
}

} // namespace berth::scheduler
