#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/request.hpp"
#include "model/resources.hpp"

namespace berth::scheduler {

/// What servers with devices ask for, as far as a policy learns from it.
struct flavour {
  /// The alternatives of their first described request; empty = any device at all.
  std::vector<model::device_selector> devices;
  std::int64_t count = 0; ///< of devices, in all
  std::int64_t cpus = 0;
  std::int64_t memory_mib = 0;

  friend bool operator==(const flavour&, const flavour&) = default;
};

/// The same, of somebody else's: what is asked again and again is not copied.
struct flavour_view {
  std::span<const model::device_selector> devices;
  std::int64_t count = 0;
  std::int64_t cpus = 0;
  std::int64_t memory_mib = 0;

  flavour_view() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): as std::string_view does
  flavour_view(const flavour& of)
      : devices(of.devices), count(of.count), cpus(of.cpus), memory_mib(of.memory_mib) {}
};

/// Before `b` in an order of all flavours that is the same everywhere.
[[nodiscard]] bool precedes(const flavour& a, const flavour& b);

/// Number of a flavour in a request_mix.
using flavour_id = std::uint32_t;

/// How many servers of each flavour live: the mix that is to be expected. It is counted from the
/// living and not from history, so that two inventories with the same servers have learnt the same.
class request_mix {
public:
  static constexpr flavour_id none = ~flavour_id{0};

  /// The number of a flavour, for one more holder. Numbers without holders are given again.
  [[nodiscard]] flavour_id hold(const flavour_view& wanted);
  void drop(flavour_id which);
  /// So many more of its servers live.
  void count(flavour_id which, std::int64_t more);

  struct entry {
    flavour wanted;
    std::int64_t holders = 0; ///< of its number
    std::int64_t servers = 0; ///< that live
  };
  /// The flavours that hold most devices, at most `most`, the greatest first.
  [[nodiscard]] std::vector<const entry*> greatest(std::size_t most) const;
  /// Rises with every change of the counts.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

private:
  struct key_hash {
    using is_transparent = void;
    std::size_t operator()(const flavour_view& key) const noexcept;
  };
  struct same_key {
    using is_transparent = void;
    bool operator()(const flavour_view& a, const flavour_view& b) const noexcept;
  };

  std::uint64_t changes_ = 0;
  std::vector<entry> entries_;
  std::vector<flavour_id> unused_;
  std::unordered_map<flavour, flavour_id, key_hash, same_key> numbers_; ///< looked up only
};

} // namespace berth::scheduler
