#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/event.hpp"
#include "model/failure.hpp"

namespace berth::store {

/// A snapshot is a cluster's state cut into opaque chunks (proto/ defines their content).
using snapshot_chunk = std::string;

/// The durable log of events with snapshots. One writer; `read` may run on another thread with its
/// own handle. Thread affinity: every call of one object from one thread.
///
/// Contract (tests/store/event_store_contract.hpp runs it on every implementation):
///  1. After append() returned a value, the records survive the death of the process and of the
///  machine.
///  2. A failed append leaves nothing of its batch, and the store goes on: errc::store_full when
///  there is no room,
///     store_failed otherwise. Later appends work again when the cause is gone.
///  3. Records come back in order, without a gap; a damaged one is errc::store_corrupt, naming it
///  and the remedy.
class event_store {
public:
  virtual ~event_store() = default;

  /// Appends the records as one atomic, durable batch. Their sequence numbers must continue the
  /// log's.
  [[nodiscard]] virtual model::result<void> append(std::span<const model::log_record> batch) = 0;

  /// The last durable sequence number; 0 = empty.
  [[nodiscard]] virtual model::sequence_number last_sequence() const = 0;
  /// The first sequence number that read() still has (older ones were compacted into a snapshot).
  [[nodiscard]] virtual model::sequence_number first_sequence() const = 0;

  /// Calls `visit` for each record from `from` on, in order, until it returns false or the end.
  [[nodiscard]] virtual model::result<void>
  read(model::sequence_number from,
       const std::function<bool(const model::log_record&)>& visit) const = 0;

  /// Calls `visit` for each chunk of the newest complete snapshot and returns the sequence number
  /// it stands at; 0 = there is none.
  [[nodiscard]] virtual model::result<model::sequence_number>
  load_snapshot(const std::function<model::result<void>(const snapshot_chunk&)>& visit) const = 0;

  /// Writes a snapshot that stands at `at`, pulling chunks from `next` until it gives an empty one,
  /// in bounded transactions; when complete it replaces the older one, and records up to `at` are
  /// dropped. An unfinished one is never seen.
  [[nodiscard]] virtual model::result<void>
  write_snapshot(model::sequence_number at, const std::function<snapshot_chunk()>& next) = 0;
};

} // namespace berth::store
