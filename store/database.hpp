#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "model/failure.hpp"

namespace berth::store {

// A thin owner of SQLite's handles. Internal to store/.

/// A prepared statement. Between two uses it is reset.
class statement {
public:
  statement() = default;

  void bind(int index, std::uint64_t value);
  /// `bytes` must live until the statement is reset.
  void bind(int index, std::string_view bytes);

  /// SQLITE_ROW or SQLITE_DONE, else an error that database::failure_of explains.
  [[nodiscard]] int step();
  void reset();

  [[nodiscard]] std::uint64_t number(int column) const;
  /// Valid until the next step or reset.
  [[nodiscard]] std::string_view bytes(int column) const;

private:
  friend class database;
  struct finalizer {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  std::unique_ptr<sqlite3_stmt, finalizer> handle_;
};

/// Resets a statement at the end of a scope.
class in_use {
public:
  explicit in_use(statement& used) : used_(used) {}
  ~in_use() { used_.reset(); }
  in_use(const in_use&) = delete;
  in_use& operator=(const in_use&) = delete;

private:
  statement& used_;
};

enum class access_mode : std::uint8_t { read_only, read_write };

/// A connection. Used by one thread at a time.
class database {
public:
  /// Opens an existing file. `vfs`: SQLite's name of the file layer; empty = the default one.
  [[nodiscard]] static model::result<database> open(const std::filesystem::path& path,
                                                    access_mode mode, const std::string& vfs);

  [[nodiscard]] model::result<void> execute(const char* sql);
  [[nodiscard]] model::result<statement> prepare(const char* sql) const;
  /// Runs a statement that gives no rows.
  [[nodiscard]] model::result<void> run(statement& prepared);
  /// The first column of the first row.
  [[nodiscard]] model::result<std::uint64_t> number(const char* sql) const;

  /// What the failed call's `code` means for the store at path().
  [[nodiscard]] model::failure failure_of(int code) const;
  /// Ends an open transaction without its changes.
  void rollback();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  struct closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, closer> handle_;
  std::filesystem::path path_;
};

/// A transaction that is rolled back unless committed.
class transaction {
public:
  [[nodiscard]] static model::result<transaction> begin(database& db, statement& begin);
  ~transaction() {
    if (db_ != nullptr)
      db_->rollback();
  }
  transaction(transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  transaction& operator=(transaction&&) = delete;

  [[nodiscard]] model::result<void> commit(statement& commit);

private:
  explicit transaction(database& db) : db_(&db) {}
  database* db_;
};

} // namespace berth::store
