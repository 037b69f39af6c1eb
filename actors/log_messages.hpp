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

} // namespace berth::actors
