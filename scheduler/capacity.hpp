#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/plan.hpp"
#include "model/request.hpp"
#include "scheduler/query.hpp"

namespace berth::scheduler {

/// Free devices on open hosts that a shape asks for, and those of them that no server of the shape
/// could use, by what their host lacks first.
struct stranded_devices {
  std::int64_t free = 0;   ///< all of them
  std::int64_t unit = 0;   ///< too few are free of an allocation unit, or for one server
  std::int64_t cpu = 0;    ///< the host's CPUs would serve the fewest servers
  std::int64_t memory = 0; ///< its memory
  std::int64_t storage = 0;

  friend bool operator==(const stranded_devices&, const stranded_devices&) = default;
};

/// A GPU model that the inventory has.
struct gpu_model {
  std::string name;
  std::int32_t most_on_a_host = 0; ///< given away or not

  friend bool operator==(const gpu_model&, const gpu_model&) = default;
};
/// Ascending by name.
[[nodiscard]] std::vector<gpu_model> gpu_models(const inventory& world);

/// How many more servers of one shape hosts can take, one after another, as planning them would
/// place them. What one host takes does not depend on the others (but for anti-affinity: at most
/// one each), so the capacity is a sum over hosts. Good until the inventory changes.
class shape_capacity {
public:
  shape_capacity(const inventory::impl& world, const model::placement_request& shape);

  /// Over all hosts.
  [[nodiscard]] std::int64_t everywhere() const;
  [[nodiscard]] std::int64_t on(host_slot_id slot) const;
  /// Costs what there are hosts with matching free devices.
  [[nodiscard]] stranded_devices stranded() const;

private:
  [[nodiscard]] bool is_about_single_hosts() const;
  [[nodiscard]] std::int64_t in_group(group_number group) const;
  void add_stranded(const model::resources& free, std::int64_t devices, std::int64_t times,
                    stranded_devices& sum) const;
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

/// Where a request describes more devices than any host has, given away or not, a refusal's verdict
/// about devices names the largest host instead of the nearest.
void name_largest_host(const inventory& world, const model::placement_request& request,
                       model::refusal& why);

/// Of a shape that describes devices; 0 of everything for any other.
[[nodiscard]] stranded_devices stranded(const inventory& world,
                                        const model::placement_request& shape);

} // namespace berth::scheduler
