#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/request.hpp"
#include "scheduler/capacity.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::scheduler {

/// Where the devices of a counted shape have to sit together.
enum class togetherness : std::uint8_t { anywhere, numa, pcie_root, pcie_switch, fabric };
[[nodiscard]] std::string_view to_string(togetherness where); ///< `any`, `numa`, ...

[[nodiscard]] std::optional<togetherness> parse_togetherness(std::string_view text);

/// A server whose capacity is counted: so many GPUs of a model, each with the default amounts that
/// are kept for a GPU.
struct capacity_shape {
  std::string model;
  std::int32_t gpus = 1;
  togetherness where = togetherness::anywhere;

  friend bool operator==(const capacity_shape&, const capacity_shape&) = default;
};
[[nodiscard]] model::placement_request to_placement_request(const capacity_shape& shape);

/// What fits now, and what stands in the way of more.
struct capacity_report {
  struct shape_row {
    capacity_shape shape;
    std::int64_t servers = 0; ///< that many more fit
  };
  struct model_row {
    std::string model;
    stranded_devices stranded; ///< for the model's smallest shape
    double fragmentation = 0;  ///< docs/metrics.md
  };
  std::vector<shape_row> shapes;
  std::vector<model_row> models; ///< that have a shape; ascending
};

/// Counts the capacity of an inventory by shape, incrementally.
class capacity_watch {
public:
  /// `chosen` empty: 1, 2, 4 and 8 of each GPU model there is, up to its largest host.
  explicit capacity_watch(std::vector<capacity_shape> chosen = {}) : chosen_(std::move(chosen)) {}

  [[nodiscard]] capacity_report look(inventory& world);

private:
  /// The most shapes that are counted without being chosen: each becomes a time series.
  static constexpr std::size_t shapes_max = 128;
  /// Looks after which the models are gathered anew whatever has happened.
  static constexpr int models_kept = 12;

  void gather(inventory& world);

  std::vector<capacity_shape> chosen_;
  std::vector<capacity_shape> shapes_; ///< watched now
  bool watching_ = false;
  std::size_t hosts_ = 0; ///< when the models were gathered
  int looks_ = 0;         ///< since then
};

} // namespace berth::scheduler
