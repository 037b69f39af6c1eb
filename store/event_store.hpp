#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "model/event.hpp"
#include "model/failure.hpp"

namespace berth::store {

/// A snapshot is a cluster's state cut into opaque chunks (proto/snapshot_codec.hpp makes them).
using snapshot_chunk = std::string;

/// Reads the durable log of events and its snapshot. Thread affinity: every call of one object from
/// one thread at a time; `visit` must not call the object back.
class event_reader {
public:
  virtual ~event_reader() = default;

  /// The last durable sequence number; 0 = empty.
  [[nodiscard]] virtual model::sequence_number last_sequence() const = 0;
  /// The first sequence number that read() still has (older ones were compacted into a snapshot);
  /// last_sequence() + 1 if it has none.
  [[nodiscard]] virtual model::sequence_number first_sequence() const = 0;

  /// Calls `visit` for each record from `from` on (0 counts as 1), in order, until it returns false
  /// or the end. Past the end there is nothing to visit, which is no error.
  /// Errors: gone, naming the oldest number there is, if `from` was compacted away; store_corrupt;
  /// store_too_new; store_failed.
  [[nodiscard]] virtual model::result<void>
  read(model::sequence_number from,
       const std::function<bool(const model::log_record&)>& visit) const = 0;

  /// Calls `visit` for each chunk of the newest complete snapshot and returns the sequence number
  /// it stands at; 0 = there is none. A failure of `visit` ends the call and is returned.
  /// Errors: gone if the writer replaced the snapshot meanwhile (load again); as read() otherwise.
  [[nodiscard]] virtual model::result<model::sequence_number>
  load_snapshot(const std::function<model::result<void>(const snapshot_chunk&)>& visit) const = 0;
};

/// A snapshot in the making, so that its owner can append between two chunks. Destroyed without
/// commit() it is abandoned and never seen. Must not outlive its store.
class snapshot_writer {
public:
  virtual ~snapshot_writer() = default;

  /// Stores one more chunk, in a transaction of its own. Some 256 KiB each keep the pauses short.
  [[nodiscard]] virtual model::result<void> add(const snapshot_chunk& chunk) = 0;
  /// Makes the snapshot the store's only one. After a failure it is abandoned.
  [[nodiscard]] virtual model::result<void> commit() = 0;
};

/// The durable log of events with snapshots. One writer.
///
/// Contract (tests/store/event_store_contract.hpp runs it on every implementation):
///  1. After append() returned a value, the records survive the death of the process and of the
///     machine.
///  2. A failed append leaves nothing of its batch, and the store goes on: errc::store_full when
///     there is no room, store_failed otherwise. Later appends work again when the cause is gone.
///  3. Records come back in order, without a gap; a damaged one is errc::store_corrupt, naming it
///     and the remedy.
class event_store : public event_reader {
public:
  /// Appends the records as one atomic, durable batch; an empty one does nothing. Their sequence
  /// numbers must continue the log's, else errc::internal.
  [[nodiscard]] virtual model::result<void> append(std::span<const model::log_record> batch) = 0;

  /// Begins a snapshot that stands at `at`: not older than the present one, at most
  /// last_sequence(), else errc::internal. One at a time: a second one abandons the first.
  [[nodiscard]] virtual model::result<std::unique_ptr<snapshot_writer>>
  begin_snapshot(model::sequence_number at) = 0;

  /// Removes a bounded amount of what the newest snapshot made superfluous: older and abandoned
  /// snapshots, records up to where it stands (but the store's option of recent ones to keep).
  /// True: there is more to remove.
  [[nodiscard]] virtual model::result<bool> tidy() = 0;

  /// begin_snapshot, add every chunk that `next` gives until an empty one, commit, tidy to the end.
  [[nodiscard]] model::result<void> write_snapshot(model::sequence_number at,
                                                   const std::function<snapshot_chunk()>& next);
};

} // namespace berth::store
