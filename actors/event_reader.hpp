#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <caf/fwd.hpp>

#include "model/event.hpp"
#include "model/failure.hpp"
#include "store/event_store.hpp"

namespace berth::actors {

/// Reads older events from the store, away from everybody who must not wait. Thread-safe.
class event_reader {
public:
  using done_handler = std::function<void(model::result<std::vector<model::log_record>>)>;
  virtual ~event_reader() = default;
  /// At most `limit` records from `from` on; errc::gone when compacted away, errc::busy when too
  /// many reads are under way. `done` is called exactly once, on any thread.
  virtual void read(model::sequence_number from, std::size_t limit, done_handler done) = 0;
};

/// Opens a read-only handle of the store.
using open_store = std::function<model::result<std::unique_ptr<store::event_store>>()>;

struct event_reader_options {
  bool detached = true; ///< a thread of its own; false on virtual time
  std::int64_t reads_max = 64;
};

/// Starts a reader. It opens its handle for each read, so that it never holds a log that is being
/// compacted. Ends when the returned object dies.
[[nodiscard]] std::shared_ptr<event_reader>
spawn_event_reader(caf::actor_system& system, open_store open, event_reader_options options = {});

} // namespace berth::actors
