#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"

namespace berth::apps {

/// One entry of `capacity.shapes`.
struct counted_shape {
  std::int32_t gpus = 1;
  std::string model;
  std::string together; ///< numa, pcie_root, pcie_switch or fabric; empty = anywhere on the host

  friend bool operator==(const counted_shape&, const counted_shape&) = default;
};

/// `4xH100, 8xH100:fabric`: how many GPUs of which model, and where they must sit together. Empty
/// text = no shapes.
[[nodiscard]] model::result<std::vector<counted_shape>>
parse_capacity_shapes(std::string_view text);

} // namespace berth::apps
