#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "model/event.hpp"
#include "model/failure.hpp"

namespace berth::store {

// What an operator does with a store outside of a controller: docs/recovery.md.

/// What a whole reading of a store found.
struct store_report {
  model::sequence_number first = 0;       ///< the oldest record; last + 1 if there is none
  model::sequence_number last = 0;        ///< the last sound record before the first damage
  model::sequence_number snapshot_at = 0; ///< where the snapshot stands; 0 = there is none
  /// The log's first damage; records up to `last` can be kept by cut_after.
  std::optional<model::failure> damage;
  /// The snapshot cannot be read; the store can only be kept if its log begins at 1.
  std::optional<model::failure> snapshot_damage;
};

/// Reads a store that no controller has open, all of it, and changes nothing. `version`: of the
/// program. Errors: the store cannot be opened at all, or is in use.
[[nodiscard]] model::result<store_report> inspect(const std::filesystem::path& path,
                                                  const std::string& version);

struct cut_report {
  std::filesystem::path original;  ///< where the store as it was is kept, with its `-wal` if any
  model::sequence_number last = 0; ///< of the store now
};

/// Makes the log end after record `last`: builds a new store from what is sound up to there, keeps
/// the old one under another name, and puts the new one in its place. What later records said is
/// lost: hosts that obeyed them report higher epochs than the controller then knows.
/// Errors: in use; a snapshot or log that does not allow it, or damage before `last`
/// (invalid_argument or store_corrupt); store_full. Then nothing was changed.
[[nodiscard]] model::result<cut_report> cut_after(const std::filesystem::path& path,
                                                  model::sequence_number last,
                                                  const std::string& version);

/// Copies a store, also while a controller writes it: the copy is its state at one moment. `to`
/// must not exist. Errors: store_failed, store_full, store_corrupt.
[[nodiscard]] model::result<void> copy_store(const std::filesystem::path& from,
                                             const std::filesystem::path& to,
                                             const std::string& version);

} // namespace berth::store
