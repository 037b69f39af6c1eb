#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/device.hpp"
#include "model/host.hpp"
#include "scheduler/device_mask.hpp"
#include "scheduler/kinds.hpp"

namespace berth::scheduler {

/// Number of a shape in a shape_table.
using shape_id = std::uint32_t;

/// The partitions of one fabric.
struct partitioned_fabric {
  device_mask devices = 0;
  std::vector<device_mask> partitions; ///< those of which this host has every module

  friend bool operator==(const partitioned_fabric&, const partitioned_fabric&) = default;
};

/// How the devices of a host sit together, by position in PCI order. Machines of one make share a
/// shape: what was worked out for one holds for all. A device whose NUMA node, root, switch or
/// fabric is unknown has a group of its own, so that it is never taken for close to another.
struct host_shape {
  std::vector<kind_id> kinds;
  std::vector<device_mask> nodes;    ///< NUMA nodes
  std::vector<device_mask> roots;    ///< PCIe root ports
  std::vector<device_mask> switches; ///< innermost PCIe switches
  std::vector<device_mask> fabrics;  ///< NVLink, NVSwitch or Infinity Fabric domains
  std::vector<device_mask> units;    ///< allocation units of more than one device
  std::vector<partitioned_fabric> partitioned;

  friend bool operator==(const host_shape&, const host_shape&) = default;

  /// Devices whose kind is in `kinds_wanted` (by kind_id).
  [[nodiscard]] device_mask of_kinds(const std::vector<bool>& kinds_wanted) const;
};

/// `devices` in PCI order, at most device_slots_max; `kinds` are theirs.
[[nodiscard]] host_shape make_shape(const model::host_record& host,
                                    std::span<const model::device_record> devices,
                                    std::vector<kind_id> kinds);

/// Interns shapes. A number is used again once no host has the shape.
class shape_table {
public:
  /// One more host has this shape. `is_new`: the number stands for another shape than before.
  struct added {
    shape_id id = 0;
    bool is_new = false;
  };
  added add(host_shape shape);
  void remove(shape_id shape);

  [[nodiscard]] const host_shape& at(shape_id shape) const { return entries_[shape].shape; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
  struct entry {
    host_shape shape;
    std::int64_t hosts = 0;
  };
  std::vector<entry> entries_;
  std::multimap<std::uint64_t, shape_id> by_hash_;
  std::vector<shape_id> unused_;
};

} // namespace berth::scheduler
