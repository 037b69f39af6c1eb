#include "store/repair.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "proto/log_codec.hpp"
#include "store/sqlite_schema.hpp"
#include "store/sqlite_writer.hpp"
#include "store/wal_check.hpp"

namespace berth::store {

namespace {

namespace fs = std::filesystem;
using model::errc;
using model::sequence_number;
using std::to_string;

model::result<sqlite_log> open_to_read(const fs::path& path, const std::string& version) {
  if (auto file = check_store_file(path); !file)
    return tl::unexpected{std::move(file).error()};
  auto db = database::open(path, access_mode::read_only, {});
  if (!db)
    return tl::unexpected{std::move(db).error()};
  if (auto format = check_format(*db, version); !format)
    return tl::unexpected{std::move(format).error()};
  return sqlite_log::over(std::move(*db));
}

fs::path with_suffix(const fs::path& path, const std::string& suffix) {
  fs::path made = path;
  made += suffix;
  return made;
}

void remove_store(const fs::path& path) {
  for (const char* suffix : {"", "-wal", "-shm", ".lock"})
    ::unlink(with_suffix(path, suffix).c_str());
}

/// Where the copied log begins: its first record, or behind the snapshot if it has none.
model::result<sequence_number> beginning(sqlite_log& log,
                                         const std::optional<snapshot_head>& snapshot) {
  auto first = log.first_sequence();
  if (!first && snapshot) // there are no records, and their noted end is damaged
    return snapshot->at + 1;
  return first;
}

/// Copies the records from `first` to `last`.
model::result<void> copy_records(sqlite_log& from, sqlite_writer& to, sequence_number first,
                                 sequence_number last) {
  if (first > 1)
    if (auto started = to.start_at(first - 1); !started)
      return started;
  if (first > last)
    return {};
  model::result<void> copied;
  auto read = from.read_batches(first, [&](batch_row& row) {
    if (row.last() <= last) {
      copied = to.append_encoded(row.first, row.count, row.payload);
    } else {
      std::vector<model::log_record> kept;
      copied = proto::decode_batch(row.payload, [&](model::log_record&& record) {
        if (record.sequence <= last)
          kept.push_back(std::move(record));
        return true;
      });
      if (copied)
        copied = to.append(kept);
    }
    return copied && row.last() < last;
  });
  if (!copied)
    return copied;
  if (to.last_sequence() == last)
    return {};
  if (!read)
    return read;
  return model::fail(errc::invalid_argument, "cut: there is no record " + to_string(last) +
                                                 ", the last is " + to_string(to.last_sequence()));
}

model::result<void> copy_snapshot(sqlite_log& from, sqlite_writer& to, sequence_number at) {
  auto writer = to.begin_snapshot(at);
  if (!writer)
    return tl::unexpected{std::move(writer).error()};
  auto loaded =
      from.load_snapshot([&](const snapshot_chunk& chunk) { return (*writer)->add(chunk); });
  if (!loaded)
    return tl::unexpected{std::move(loaded).error()};
  return (*writer)->commit();
}

/// Fills the new store at `made` with what is kept.
model::result<void> build_cut(sqlite_log& from, const fs::path& made, sequence_number last,
                              const std::string& version) {
  auto snapshot = from.snapshot();
  const auto first = beginning(from, snapshot ? *snapshot : std::nullopt);
  if (!first)
    return tl::unexpected{first.error()};
  if (!snapshot && *first > 1)
    return tl::unexpected{snapshot.error()};
  const bool with_snapshot = snapshot && *snapshot;
  const sequence_number lowest = with_snapshot ? (*snapshot)->at : *first - 1;
  if (last < lowest)
    return model::fail(errc::invalid_argument,
                       "cut: after record " + to_string(last) + " is not possible, the snapshot " +
                           "stands at " + to_string(lowest) + "; restore an older copy");
  sqlite_options options;
  options.path = made;
  options.version = version;
  auto lock = file_lock::take(made);
  if (!lock)
    return tl::unexpected{std::move(lock).error()};
  auto to = sqlite_writer::open(std::move(*lock), options);
  if (!to)
    return tl::unexpected{std::move(to).error()};
  if (auto copied = copy_records(from, **to, *first, last); !copied)
    return copied;
  return with_snapshot ? copy_snapshot(from, **to, lowest) : model::result<void>{};
}

model::failure system_failure(const fs::path& path, const char* what) {
  return {errc::store_failed, "store " + path.string() + ": " + what + ": " + std::strerror(errno)};
}

/// Keeps the old files under `original` and puts `made` in their place. The store's path always
/// names a store.
model::result<void> exchange(const fs::path& path, const fs::path& original, const fs::path& made) {
  const fs::path log = with_suffix(path, "-wal");
  if (::link(path.c_str(), original.c_str()) != 0)
    return tl::unexpected{system_failure(original, "cannot be kept")};
  if (fs::exists(log)) {
    if (::link(log.c_str(), with_suffix(original, "-wal").c_str()) != 0)
      return tl::unexpected{system_failure(original, "its write-ahead log cannot be kept")};
    ::unlink(log.c_str());
  }
  ::unlink(with_suffix(path, "-shm").c_str());
  if (std::rename(made.c_str(), path.c_str()) != 0)
    return tl::unexpected{system_failure(path, "cannot be replaced")};
  return {};
}

fs::path free_name(const fs::path& path, sequence_number last) {
  fs::path name = with_suffix(path, ".before-cut-" + to_string(last));
  for (int number = 2; fs::exists(name); ++number)
    name = with_suffix(path, ".before-cut-" + to_string(last) + "-" + to_string(number));
  return name;
}

} // namespace

model::result<store_report> inspect(const fs::path& path, const std::string& version) {
  if (auto file = check_store_file(path); !file)
    return tl::unexpected{std::move(file).error()};
  const auto lock = file_lock::take(path);
  if (!lock)
    return tl::unexpected{lock.error()};
  const auto wal = check_wal(path);
  auto log = open_to_read(path, version);
  if (!log)
    return tl::unexpected{std::move(log).error()};
  store_report report;
  const auto head = log->snapshot();
  if (head && *head)
    report.snapshot_at = (*head)->at;
  if (auto loaded = log->load_snapshot([](const snapshot_chunk&) { return model::result<void>{}; });
      !loaded)
    report.snapshot_damage = std::move(loaded).error();
  const auto first = beginning(*log, head ? *head : std::nullopt);
  if (!first)
    return tl::unexpected{first.error()};
  report.first = *first;
  report.last = *first - 1;
  const auto read = log->read_batches(*first, [&](batch_row& row) {
    report.last = row.last();
    return true;
  });
  if (!read)
    report.damage = read.error();
  else if (!wal)
    report.damage = wal.error();
  return report;
}

model::result<cut_report> cut_after(const fs::path& path, sequence_number last,
                                    const std::string& version) {
  if (auto file = check_store_file(path); !file)
    return tl::unexpected{std::move(file).error()};
  const auto lock = file_lock::take(path);
  if (!lock)
    return tl::unexpected{lock.error()};
  const fs::path made = with_suffix(path, ".cut");
  remove_store(made);
  const cut_report report{free_name(path, last), last};
  {
    auto from = open_to_read(path, version);
    if (!from)
      return tl::unexpected{std::move(from).error()};
    if (auto built = build_cut(*from, made, last, version); !built) {
      remove_store(made);
      return tl::unexpected{std::move(built).error()};
    }
  }
  ::unlink(with_suffix(made, ".lock").c_str());
  if (auto exchanged = exchange(path, report.original, made); !exchanged)
    return tl::unexpected{std::move(exchanged).error()};
  return report;
}

model::result<void> copy_store(const fs::path& from, const fs::path& to,
                               const std::string& version) {
  auto log = open_to_read(from, version);
  if (!log)
    return tl::unexpected{std::move(log).error()};
  const int fd = ::open(to.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    return tl::unexpected{system_failure(to, "cannot be made")};
  ::close(fd);
  auto copy = log->connection().prepare("VACUUM INTO CAST(?1 AS TEXT)");
  if (!copy)
    return tl::unexpected{std::move(copy).error()};
  copy->bind(1, std::string_view{to.native()});
  auto copied = log->connection().run(*copy);
  if (!copied)
    ::unlink(to.c_str());
  return copied;
}

} // namespace berth::store
