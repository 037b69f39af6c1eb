#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/cell.hpp"
#include "scheduler/request_mix.hpp"

namespace berth::scheduler {

/// How much room the open hosts have for the servers that are to be expected, and what that room is
/// worth. Expected are more servers like those that live. Room is counted per flavour, as if no
/// other came: N = how many servers of the flavour the hosts could still take one beside another.
///
/// Losing room for one server of a flavour of which d live costs d / N^1.5: the scarcer the room,
/// the dearer. A device that no expected flavour could use any more costs D / U, with D all those
/// servers and U all devices still usable. Breaking the first device out of a host that is whole
/// costs 1 / (W + 1)^1.5, with W whole hosts of its make: so the only homes of a flavour that has
/// not come yet are not given away lightly. All in integers: the same everywhere.
class outlook {
public:
  static constexpr std::size_t flavours_max = 32;
  /// Room is counted in fractions of a server: CPUs and memory for part of one are worth something.
  static constexpr std::int64_t whole_server = 256;

  struct flavour_room {
    std::int64_t count = 0; ///< devices of one server
    std::int64_t cpus = 0;
    std::int64_t memory_mib = 0;
    std::int64_t servers = 0; ///< that live
    std::int64_t room = 0;    ///< N, in fractions
    std::int64_t price = 0;   ///< of a fraction
  };
  /// Hosts of one make that have no device given away.
  struct whole_hosts {
    std::int32_t devices = 0;
    cell_steps steps;
    std::int64_t hosts = 0;
    std::int64_t price = 0; ///< of one of them
  };

  std::vector<flavour_room> flavours;
  std::vector<whole_hosts> wholes;
  std::int64_t usable = 0; ///< U, in fractions of a device
  std::int64_t usable_price = 0;

  /// Room for one flavour on a host with so many free devices that match it, in fractions; less
  /// than a whole server is nothing.
  [[nodiscard]] static std::int64_t room_for(const flavour_room& one, int matching,
                                             std::int64_t cpus, std::int64_t memory_mib);

  /// Counts hosts: `matching` free devices per flavour, and what CPUs and memory they have.
  void add_hosts(std::int64_t hosts, std::span<const int> matching, std::int64_t cpus,
                 std::int64_t memory_mib);
  void add_whole(std::int32_t devices, const cell_steps& steps, std::int64_t hosts);
  /// Prices everything, once all hosts are counted.
  void set_prices();

  /// What the room of one host is worth.
  [[nodiscard]] std::int64_t worth(std::span<const int> matching, std::int64_t cpus,
                                   std::int64_t memory_mib) const;
  /// What it costs to break the first device out of a whole host.
  [[nodiscard]] std::int64_t price_of_whole(std::int32_t devices, const cell_steps& steps) const;
};

} // namespace berth::scheduler
