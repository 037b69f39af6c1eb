#pragma once

#include <filesystem>

#include "model/failure.hpp"

namespace berth::store {

/// Looks for damage inside the write-ahead log of a store that nobody has open. SQLite takes the
/// log up to the first frame that does not check out and forgets the rest without a word; that is
/// right for the torn end that a crash leaves, and wrong for damage in the middle. The two are told
/// apart: a transaction that another one follows had been synced before. Internal to store/.
/// Format: https://sqlite.org/fileformat2.html#walformat
[[nodiscard]] model::result<void> check_wal(const std::filesystem::path& store);

} // namespace berth::store
