#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "store/event_store.hpp"

namespace berth::store {

struct sqlite_options {
  std::filesystem::path path; ///< made if it does not exist; its folder must
  std::string version;        ///< of the program; told to a version that cannot read the store
  /// This many records before a snapshot stay readable after it, for the event stream.
  std::uint64_t keep_events = 0;
  std::uint64_t max_bytes = 0; ///< the database file's bound; 0 = the disk's
  /// Pages (4 KiB) in the write-ahead log before they are carried over into the database file.
  /// Few keep every pause short; a checkpoint costs two syncs, whatever its size.
  int checkpoint_pages = 256;
  std::string vfs; ///< SQLite's file layer by name; empty = the default one
};

/// The durable store in one SQLite file (docs/store.md): every append is one transaction that is on
/// disk when it returns. The store belongs to one process at a time.
class sqlite_store : public event_store {
public:
  /// Opens or creates the store and checks its end and its tables; the rest is checked when read.
  /// Errors: store_failed (in use by another process, not readable, a folder...), store_corrupt,
  /// store_too_new, store_full. The message names the file, the fault and the remedy.
  [[nodiscard]] static model::result<std::unique_ptr<sqlite_store>>
  open(const sqlite_options& options);

  /// Changes the bound of the database file; 0 = the disk's.
  [[nodiscard]] virtual model::result<void> set_max_bytes(std::uint64_t bytes) = 0;
};

/// What a controller calls its store, unless it is told otherwise.
inline constexpr std::string_view usual_store_name = "controller.db";
/// A folder stands for the store of the usual name in it.
[[nodiscard]] std::filesystem::path store_file_of(const std::filesystem::path& path);

/// Opens a store for reading only, beside a writer in this or another process. Its last_sequence()
/// and first_sequence() follow the writer; while they cannot be read they keep their last value.
/// Errors as in sqlite_store::open, but nothing is created and nobody is locked out.
[[nodiscard]] model::result<std::unique_ptr<event_reader>>
open_reader(const std::filesystem::path& path, const std::string& version);

} // namespace berth::store
