#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <caf/fwd.hpp>

#include "actors/open_store.hpp"
#include "model/event.hpp"
#include "model/failure.hpp"
#include "store/event_store.hpp"

namespace berth::actors {

/// Reads older events from the store, away from everybody who must not wait. Thread-safe.
class log_archive {
public:
  using done_handler = std::function<void(model::result<std::vector<model::log_record>>)>;
  virtual ~log_archive() = default;
  /// At most `limit` records from `from` on; errc::gone when compacted away, errc::busy when too
  /// many reads are under way. `done` is called exactly once, on any thread.
  virtual void read(model::sequence_number from, std::size_t limit, done_handler done) = 0;
};

struct log_archive_options {
  bool detached = true; ///< a thread of its own; false on virtual time
  std::int64_t reads_max = 64;
};

/// Starts a reader. It opens its handle for each read, so that it never holds a log that is being
/// compacted. Ends when the returned object dies.
[[nodiscard]] std::shared_ptr<log_archive>
spawn_log_archive(caf::actor_system& system, open_store open, log_archive_options options = {});

} // namespace berth::actors
