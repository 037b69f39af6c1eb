#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "model/failure.hpp"
#include "store/database.hpp"

namespace berth::store {

// The file's format: docs/store.md. Internal to store/.

/// The format that this version writes and the newest that it reads.
inline constexpr std::uint64_t format_version = 1;

/// Makes a new, empty store at `path` (mode 0600): built under another name and renamed, so that a
/// half-made one is never seen.
[[nodiscard]] model::result<void> create_store_file(const std::filesystem::path& path,
                                                    const std::string& version,
                                                    const std::string& vfs);

/// store_failed or store_corrupt, in words, unless there is a regular, non-empty, readable file.
[[nodiscard]] model::result<void> check_store_file(const std::filesystem::path& path);

/// Checks that an opened database is a store that this version can read.
/// Errors: store_too_new naming both versions; store_corrupt.
[[nodiscard]] model::result<void> check_format(const database& db, const std::string& version);

/// Notes that `version` writes the store from now on.
[[nodiscard]] model::result<void> note_writer(database& db, const std::string& version);

} // namespace berth::store
