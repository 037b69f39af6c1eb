#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "model/event.hpp"
#include "model/failure.hpp"
#include "store/event_store.hpp"

namespace berth::actors {

/// One group commit: what has gathered since the last one.
struct append_batch {
  std::shared_ptr<const std::vector<model::log_record>> records;
};
/// On failure the store holds nothing of the batch.
struct append_outcome {
  model::result<void> outcome;
  model::duration took{};
};

/// One step of a snapshot in the making: beginning, one chunk, or (an empty one) its end.
struct snapshot_part {
  model::sequence_number at = 0; ///< where the snapshot stands; in every part
  bool first = false;
  store::snapshot_chunk chunk;
};
/// Make a snapshot that stands here.
struct snapshot_order {
  model::sequence_number at = 0;
};

} // namespace berth::actors
