#pragma once

#include <span>

#include "model/event.hpp"
#include "model/failure.hpp"

namespace berth::store {

// What every implementation refuses in the same words. Internal to store/.

/// errc::internal unless `batch` continues a log that ends at `last`.
[[nodiscard]] model::result<void> check_continues(model::sequence_number last,
                                                  std::span<const model::log_record> batch);
/// errc::internal unless a snapshot at `at` lies between the present one and the end of the log.
[[nodiscard]] model::result<void> check_snapshot_place(model::sequence_number at,
                                                       model::sequence_number present,
                                                       model::sequence_number last);
/// errc::gone: the log begins at `first` by now.
[[nodiscard]] model::failure compacted_away(model::sequence_number from,
                                            model::sequence_number first);
/// errc::internal: the snapshot was committed already, or another one was begun.
[[nodiscard]] model::failure snapshot_is_over();

} // namespace berth::store
