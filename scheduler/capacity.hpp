#pragma once

#include <cstdint>
#include <vector>

#include "model/request.hpp"
#include "scheduler/query.hpp"

namespace berth::scheduler {

/// How many more servers of one shape hosts can take, one after another, as planning them would
/// place them. What one host takes does not depend on the others (but for anti-affinity: at most
/// one each), so the capacity is a sum over hosts. Good until the inventory changes.
class shape_capacity {
public:
  shape_capacity(const inventory::impl& world, const model::placement_request& shape);

  /// Over all hosts.
  [[nodiscard]] std::int64_t everywhere() const;
  [[nodiscard]] std::int64_t on(host_slot_id slot) const;

private:
  [[nodiscard]] bool is_about_single_hosts() const;
  [[nodiscard]] std::int64_t in_group(group_number group) const;
  /// How often a host of the group can give the devices.
  [[nodiscard]] std::int64_t by_devices(group_number number) const;
  [[nodiscard]] std::int64_t by_amount(const model::resources& free) const;
  [[nodiscard]] bool keeps_off(host_slot_id slot) const;

  const inventory::impl& world_;
  query asked_;
};

/// A shape whose capacity is kept current: only hosts that changed are counted again.
class watched_shape {
public:
  explicit watched_shape(model::placement_request shape) : shape_(std::move(shape)) {}

  /// Counts every host.
  void recount(const inventory::impl& world);
  /// Counts these again.
  void recount(const inventory::impl& world, const std::vector<host_slot_id>& changed);
  [[nodiscard]] std::int64_t total() const { return total_; }

private:
  model::placement_request shape_;
  std::vector<std::int32_t> by_slot_;
  std::int64_t total_ = 0;
};

} // namespace berth::scheduler
