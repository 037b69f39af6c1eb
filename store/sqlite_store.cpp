#include "store/sqlite_store.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

#include "store/sqlite_log.hpp"
#include "store/sqlite_schema.hpp"
#include "store/sqlite_writer.hpp"
#include "store/wal_check.hpp"

namespace berth::store {

namespace {

/// Opens a checked log over the file.
model::result<sqlite_log> open_log(const sqlite_options& options, access_mode mode) {
  if (auto file = check_store_file(options.path); !file)
    return tl::unexpected{std::move(file).error()};
  auto db = database::open(options.path, mode, options.vfs);
  if (!db)
    return tl::unexpected{std::move(db).error()};
  if (auto format = check_format(*db, options.version); !format)
    return tl::unexpected{std::move(format).error()};
  return sqlite_log::over(std::move(*db));
}

class sqlite_reader final : public event_reader {
public:
  explicit sqlite_reader(sqlite_log log) : log_(std::move(log)) {}

  model::sequence_number last_sequence() const override {
    if (const auto tail = log_.tail())
      last_ = tail->last;
    return last_;
  }
  model::sequence_number first_sequence() const override {
    if (const auto first = log_.first_sequence())
      first_ = *first;
    return first_;
  }
  model::result<void>
  read(model::sequence_number from,
       const std::function<bool(const model::log_record&)>& visit) const override {
    return log_.read(from, visit);
  }
  model::result<model::sequence_number> load_snapshot(
      const std::function<model::result<void>(const snapshot_chunk&)>& visit) const override {
    return log_.load_snapshot(visit);
  }

private:
  mutable sqlite_log log_;
  mutable model::sequence_number last_ = 0;
  mutable model::sequence_number first_ = 1;
};

model::result<void> set_durability(database& db, int checkpoint_pages) {
  // With synchronous = FULL every commit waits for the write-ahead log to be on disk. The log file
  // is kept and overwritten, because a sync of a file that does not grow is the fastest.
  const std::string pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA "
                              "temp_store = MEMORY; PRAGMA cache_size = -16384;"
                              "PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = " +
                              std::to_string(checkpoint_pages);
  return db.execute(pragmas.c_str());
}

} // namespace

model::result<std::unique_ptr<sqlite_writer>> sqlite_writer::open(file_lock lock,
                                                                  const sqlite_options& options) {
  std::error_code error;
  if (!std::filesystem::exists(options.path, error) && !error)
    if (auto made = create_store_file(options.path, options.version, options.vfs); !made)
      return tl::unexpected{std::move(made).error()};
  if (auto wal = check_wal(options.path); !wal)
    return tl::unexpected{std::move(wal).error()};
  auto log = open_log(options, access_mode::read_write);
  if (!log)
    return tl::unexpected{std::move(log).error()};
  if (auto set = set_durability(log->connection(), options.checkpoint_pages); !set)
    return tl::unexpected{std::move(set).error()};
  if (auto sound = log->check_end(); !sound)
    return tl::unexpected{std::move(sound).error()};
  if (auto noted = note_writer(log->connection(), options.version); !noted)
    return tl::unexpected{std::move(noted).error()};
  return over(std::move(lock), std::move(*log), options);
}

model::result<std::unique_ptr<sqlite_store>> sqlite_store::open(const sqlite_options& options) {
  auto lock = file_lock::take(options.path);
  if (!lock)
    return tl::unexpected{std::move(lock).error()};
  return sqlite_writer::open(std::move(*lock), options);
}

std::filesystem::path store_file_of(const std::filesystem::path& path) {
  std::error_code unknown; // then opening it says why
  return std::filesystem::is_directory(path, unknown) ? path / usual_store_name : path;
}

model::result<std::unique_ptr<event_reader>> open_reader(const std::filesystem::path& path,
                                                         const std::string& version) {
  sqlite_options options;
  options.path = path;
  options.version = version;
  auto log = open_log(options, access_mode::read_only);
  if (!log)
    return tl::unexpected{std::move(log).error()};
  return std::make_unique<sqlite_reader>(std::move(*log));
}

} // namespace berth::store
