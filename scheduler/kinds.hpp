#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "model/device.hpp"
#include "model/request.hpp"

namespace berth::scheduler {

/// Number of a device kind in a kind_table.
using kind_id = std::uint32_t;

/// Everything a selector can look at, the same for many devices.
struct device_kind {
  std::string model;
  std::string vendor;
  model::vendor_device_id vendor_device;
  model::dev_type type = model::dev_type::gpu_hpc;
  std::int64_t devices = 0; ///< how many have this kind now
};

/// Interns device kinds, so that names are compared once per selector and not once per device.
class kind_table {
public:
  /// One more device of this kind.
  kind_id add(const model::device_record& device);
  /// One device less.
  void remove(kind_id kind);

  /// Which kinds a selector means, by kind_id. A model means the kinds of exactly that name if any
  /// device of the cluster has it, else those whose name contains it, both without regard to case
  /// (CLOUDPODS.md section 1.3). Kinds without devices match nothing.
  [[nodiscard]] std::vector<bool> match(const model::device_selector& selector) const;

  [[nodiscard]] const device_kind& at(kind_id kind) const { return kinds_.at(kind); }
  [[nodiscard]] std::size_t size() const { return kinds_.size(); }
  /// Changes whenever `match` might answer differently.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

private:
  [[nodiscard]] kind_id number_of(const model::device_record& device);
  using key = std::tuple<std::string, std::string, model::vendor_device_id, model::dev_type>;

  std::vector<device_kind> kinds_;
  std::map<key, kind_id> by_key_;
  kind_id latest_ = 0; ///< that was added: the devices of a host are mostly of one kind
  std::uint64_t generation_ = 0;
};

} // namespace berth::scheduler
