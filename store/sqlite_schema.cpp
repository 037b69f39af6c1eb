#include "store/sqlite_schema.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace berth::store {

namespace {

using model::errc;
namespace fs = std::filesystem;

constexpr std::uint64_t application_id = 0x62727468; // "brth"

// `previous` and `chain` link every batch to the one before it; `tail` has the end of the log a
// second time, so that rows which vanish are missed. All integers are unsigned 64-bit, stored
// signed.
constexpr const char* schema = R"(
  PRAGMA application_id = 0x62727468;
  PRAGMA journal_mode = WAL;
  BEGIN;
  CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE batches (
    first_sequence INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    payload BLOB NOT NULL);
  CREATE TABLE tail (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_sequence INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    checksum INTEGER NOT NULL);
  CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY,
    at_sequence INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    complete INTEGER NOT NULL);
  CREATE TABLE snapshot_chunks (
    snapshot INTEGER NOT NULL,
    number INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (snapshot, number));
  INSERT INTO meta VALUES ('format', 1), ('written_by', '');
  COMMIT;
)";

model::failure system_failure(const fs::path& path, const std::string& what, int error) {
  return {error == ENOSPC || error == EDQUOT ? errc::store_full : errc::store_failed,
          "store " + path.string() + ": " + what + ": " + std::strerror(error)};
}

model::result<void> sync_folder(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path{"."};
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return tl::unexpected{system_failure(path, "cannot open its folder", errno)};
  const int synced = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (synced != 0)
    return tl::unexpected{system_failure(path, "cannot sync its folder", error)};
  return {};
}

model::result<void> fill(const fs::path& path, const std::string& version, const std::string& vfs) {
  auto db = database::open(path, access_mode::read_write, vfs);
  if (!db)
    return tl::unexpected{std::move(db).error()};
  if (auto made = db->execute(schema); !made)
    return made;
  return note_writer(*db, version);
}

} // namespace

model::result<void> create_store_file(const fs::path& path, const std::string& version,
                                      const std::string& vfs) {
  fs::path wal = path;
  wal += "-wal";
  if (fs::exists(wal))
    return model::fail(errc::store_corrupt, "store " + path.string() +
                                                ": the file is missing, but its write-ahead log " +
                                                wal.string() + " is there; restore the file");
  fs::path half = path;
  half += ".new";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    ::unlink((half.string() + suffix).c_str());
  const int fd = ::open(half.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    return tl::unexpected{system_failure(path, "cannot be created", errno)};
  ::close(fd);
  if (auto filled = fill(half, version, vfs); !filled)
    return filled;
  if (std::rename(half.c_str(), path.c_str()) != 0)
    return tl::unexpected{system_failure(path, "cannot be created", errno)};
  return sync_folder(path);
}

model::result<void> check_store_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  const std::string store = "store " + path.string() + ": ";
  if (status.type() == fs::file_type::not_found)
    return model::fail(errc::store_failed, store + "there is no such file");
  if (status.type() == fs::file_type::none)
    return tl::unexpected{system_failure(path, "cannot be read", error.value())};
  if (status.type() != fs::file_type::regular)
    return model::fail(errc::store_failed,
                       store + (fs::is_directory(status) ? "is a folder" : "is no regular file") +
                           ", must be a file");
  if (::access(path.c_str(), R_OK) != 0)
    return tl::unexpected{system_failure(path, "cannot be read", errno)};
  if (fs::file_size(path, error) == 0)
    return model::fail(errc::store_corrupt,
                       store + "the file is empty; restore a copy, or remove it to begin anew");
  return {};
}

model::result<void> check_format(const database& db, const std::string& version) {
  const std::string store = "store " + db.path().string() + ": ";
  const auto application = db.number("PRAGMA application_id");
  if (!application)
    return tl::unexpected{application.error()};
  if (*application != application_id)
    return model::fail(errc::store_corrupt,
                       store + "a SQLite database, but not one of berth; name the right file");
  const auto format = db.number("SELECT value FROM meta WHERE key = 'format'");
  if (!format)
    return tl::unexpected{format.error()};
  if (*format == 0)
    return model::fail(errc::store_corrupt, store + "its format is 0; restore a copy");
  if (*format <= format_version)
    return {};
  auto query = db.prepare("SELECT value FROM meta WHERE key = 'written_by'");
  if (!query)
    return tl::unexpected{std::move(query).error()};
  const std::string writer = query->step() == SQLITE_ROW ? std::string{query->bytes(0)} : "?";
  return model::fail(errc::store_too_new, store + "format " + std::to_string(*format) +
                                              ", written by berth " + writer + "; this is berth " +
                                              version + ", which reads up to format " +
                                              std::to_string(format_version));
}

model::result<void> note_writer(database& db, const std::string& version) {
  auto update = db.prepare("UPDATE meta SET value = CAST(?1 AS TEXT) WHERE key = 'written_by' AND "
                           "value <> CAST(?1 AS TEXT)");
  if (!update)
    return tl::unexpected{std::move(update).error()};
  update->bind(1, std::string_view{version});
  return db.run(*update);
}

} // namespace berth::store
