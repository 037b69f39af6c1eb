#include "scheduler/host_shape.hpp"

#include <algorithm>
#include <utility>

namespace berth::scheduler {

namespace {

/// Groups devices by a name; an empty name is a group of its own.
std::vector<device_mask> group_by(std::span<const model::device_record> devices,
                                  std::string (*name_of)(const model::device_info&)) {
  std::vector<std::pair<std::string, device_mask>> groups; // in order of appearance
  for (std::size_t i = 0; i < devices.size(); ++i) {
    std::string name = name_of(devices[i].info);
    const auto found = std::find_if(groups.begin(), groups.end(), [&name](const auto& group) {
      return !name.empty() && group.first == name;
    });
    if (found != groups.end()) {
      found->second |= device_bit(i);
    } else {
      groups.emplace_back(std::move(name), device_bit(i));
    }
  }
  std::vector<device_mask> masks;
  masks.reserve(groups.size());
  for (const auto& group : groups) {
    masks.push_back(group.second);
  }
  return masks;
}

std::string numa_name(const model::device_info& info) {
  return info.numa_node < 0 ? std::string{} : std::to_string(info.numa_node);
}
std::string root_name(const model::device_info& info) {
  return info.pcie_root;
}
std::string switch_name(const model::device_info& info) {
  return info.pcie_switch;
}
std::string fabric_name(const model::device_info& info) {
  return info.fabric;
}
std::string unit_name(const model::device_info& info) {
  return info.allocation_unit;
}

/// The devices that carry the partition's modules; empty if this host lacks one of them.
device_mask members(const model::fabric_partition& partition,
                    std::span<const model::device_record> devices) {
  device_mask set = 0;
  for (const int wanted : partition.modules) {
    const auto found =
        std::find_if(devices.begin(), devices.end(), [&](const model::device_record& device) {
          return device.info.fabric == partition.fabric && device.info.fabric_module == wanted;
        });
    if (wanted < 0 || found == devices.end()) {
      return 0;
    }
    set |= device_bit(static_cast<std::size_t>(found - devices.begin()));
  }
  return set;
}

std::vector<partitioned_fabric> partitions_of(const model::host_record& host,
                                              std::span<const model::device_record> devices) {
  std::map<std::string, partitioned_fabric> fabrics;
  for (const auto& partition : host.partitions) {
    auto& fabric = fabrics[partition.fabric];
    if (const device_mask set = members(partition, devices); set != 0) {
      fabric.partitions.push_back(set);
    }
  }
  std::vector<partitioned_fabric> found;
  for (auto& [name, fabric] : fabrics) {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      if (devices[i].info.fabric == name) {
        fabric.devices |= device_bit(i);
      }
    }
    if (fabric.devices != 0) {
      found.push_back(std::move(fabric));
    }
  }
  return found;
}

/// FNV-1a over the shape's numbers: only to find equal shapes quickly.
class hasher {
public:
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ULL; }
  void mix(const std::vector<device_mask>& masks) {
    mix(masks.size());
    for (const device_mask mask : masks) {
      mix(static_cast<std::uint64_t>(mask));
      mix(static_cast<std::uint64_t>(mask >> 64U));
    }
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

private:
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

std::uint64_t hash_of(const host_shape& shape) {
  hasher hash;
  for (const kind_id kind : shape.kinds) {
    hash.mix(kind);
  }
  hash.mix(shape.nodes);
  hash.mix(shape.roots);
  hash.mix(shape.switches);
  hash.mix(shape.fabrics);
  hash.mix(shape.units);
  for (const auto& fabric : shape.partitioned) {
    hash.mix(fabric.partitions);
  }
  return hash.value();
}

} // namespace

device_mask host_shape::of_kinds(const std::vector<bool>& kinds_wanted) const {
  device_mask set = 0;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] < kinds_wanted.size() && kinds_wanted[kinds[i]]) {
      set |= device_bit(i);
    }
  }
  return set;
}

host_shape make_shape(const model::host_record& host, std::span<const model::device_record> devices,
                      std::vector<kind_id> kinds) {
  host_shape shape;
  shape.kinds = std::move(kinds);
  shape.nodes = group_by(devices, numa_name);
  shape.roots = group_by(devices, root_name);
  shape.switches = group_by(devices, switch_name);
  shape.fabrics = group_by(devices, fabric_name);
  shape.units = group_by(devices, unit_name);
  std::erase_if(shape.units, [](device_mask unit) { return count(unit) < 2; });
  shape.partitioned = partitions_of(host, devices);
  return shape;
}

shape_table::added shape_table::add(host_shape shape) {
  const std::uint64_t hash = hash_of(shape);
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    auto& known = entries_[it->second];
    if (known.shape == shape) {
      ++known.hosts;
      return {it->second, false};
    }
  }
  shape_id id = 0;
  if (unused_.empty()) {
    id = static_cast<shape_id>(entries_.size());
    entries_.emplace_back();
  } else {
    id = unused_.back();
    unused_.pop_back();
  }
  entries_[id] = entry{std::move(shape), 1};
  by_hash_.emplace(hash, id);
  return {id, true};
}

void shape_table::remove(shape_id shape) {
  auto& left = entries_[shape];
  if (--left.hosts > 0) {
    return;
  }
  const auto [first, last] = by_hash_.equal_range(hash_of(left.shape));
  for (auto it = first; it != last; ++it) {
    if (it->second == shape) {
      by_hash_.erase(it);
      break;
    }
  }
  left.shape = {};
  unused_.push_back(shape);
}

} // namespace berth::scheduler
