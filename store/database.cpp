#include "store/database.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

namespace berth::store {

namespace {

constexpr const char* remedy_of_damage =
    "; restore a copy, or cut the log before the damage: docs/recovery.md";

bool is_no_room(int code, int system_error) {
  if (code == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
    return true;
  return (code & 0xFF) == SQLITE_IOERR && (system_error == ENOSPC || system_error == EDQUOT);
}

} // namespace

void statement::bind(int index, std::uint64_t value) {
  sqlite3_bind_int64(handle_.get(), index, static_cast<sqlite3_int64>(value));
}

void statement::bind(int index, std::string_view bytes) {
  sqlite3_bind_blob64(handle_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
}

int statement::step() {
  return sqlite3_step(handle_.get());
}

void statement::reset() {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
}

std::uint64_t statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(handle_.get(), column));
}

std::string_view statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  const int size = sqlite3_column_bytes(handle_.get(), column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

model::result<database> database::open(const std::filesystem::path& path, access_mode mode,
                                       const std::string& vfs) {
  database db;
  db.path_ = path;
  sqlite3* handle = nullptr;
  const int flags =
      (mode == access_mode::read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, flags, vfs.empty() ? nullptr : vfs.c_str());
  db.handle_.reset(handle);
  if (code != SQLITE_OK)
    return tl::unexpected{db.failure_of(code)};
  constexpr int busy_ms = 5000;
  sqlite3_busy_timeout(handle, busy_ms);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (auto set = db.execute("PRAGMA cell_size_check = ON"); !set)
    return tl::unexpected{std::move(set).error()};
  return db;
}

model::result<void> database::execute(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return tl::unexpected{failure_of(code)};
  return {};
}

model::result<statement> database::prepare(const char* sql) const {
  statement prepared;
  sqlite3_stmt* handle = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  prepared.handle_.reset(handle);
  if (code != SQLITE_OK)
    return tl::unexpected{failure_of(code)};
  return prepared;
}

model::result<void> database::run(statement& prepared) {
  const in_use guard{prepared};
  const int code = prepared.step();
  if (code != SQLITE_DONE)
    return tl::unexpected{failure_of(code)};
  return {};
}

model::result<std::uint64_t> database::number(const char* sql) const {
  auto query = prepare(sql);
  if (!query)
    return tl::unexpected{std::move(query).error()};
  const int code = query->step();
  if (code == SQLITE_ROW)
    return query->number(0);
  if (code == SQLITE_DONE)
    return model::fail(model::errc::store_corrupt, "store " + path_.string() +
                                                       ": a table lacks its only row" +
                                                       remedy_of_damage);
  return tl::unexpected{failure_of(code)};
}

model::failure database::failure_of(int code) const {
  const int system_error = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
  const std::string store = "store " + path_.string() + ": ";
  const std::string text = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  const std::string cause =
      system_error == 0 ? text : text + " (" + std::strerror(system_error) + ")";
  if (is_no_room(code, system_error))
    return {model::errc::store_full, store + "no room to write: " + cause};
  switch (code & 0xFF) {
  case SQLITE_NOTADB:
    return {model::errc::store_corrupt, store + "not a SQLite database; restore a copy"};
  case SQLITE_CORRUPT:
    return {model::errc::store_corrupt,
            store + "its pages are damaged: " + text + remedy_of_damage};
  case SQLITE_ERROR: // a table or column that must be there is not
    return {model::errc::store_corrupt,
            store + "its tables are damaged: " + text + remedy_of_damage};
  case SQLITE_TOOBIG:
    return {model::errc::too_large, store + "a batch exceeds what one row can hold"};
  default:
    return {model::errc::store_failed, store + cause};
  }
}

void database::rollback() {
  if (sqlite3_get_autocommit(handle_.get()) == 0)
    sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

model::result<transaction> transaction::begin(database& db, statement& begin) {
  if (auto begun = db.run(begin); !begun)
    return tl::unexpected{std::move(begun).error()};
  return transaction{db};
}

model::result<void> transaction::commit(statement& commit) {
  auto committed = db_->run(commit);
  if (committed)
    db_ = nullptr;
  return committed;
}

} // namespace berth::store
