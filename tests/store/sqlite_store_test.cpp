#include "store/sqlite_store.hpp"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/store/store_helpers.hpp"

namespace berth::store_test {
namespace {

namespace fs = std::filesystem;
using model::errc;
using testing::HasSubstr;

class SqliteStore : public testing::Test {
protected:
  [[nodiscard]] fs::path path() const { return folder_.path() / "store.db"; }

  /// A closed store with 20 records in batches of 5 and a snapshot that keeps them.
  void make_store() {
    store::sqlite_options options;
    options.path = path();
    options.version = "1.2.3";
    options.keep_events = 100;
    auto store = store::sqlite_store::open(options);
    ASSERT_TRUE(store) << store.error().message;
    append_between(**store, 1, 20, 5);
    ASSERT_TRUE((*store)->write_snapshot(10, chunks_from({"one", "two"})));
  }

  void tamper(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  /// The failure of opening the store or of reading all that is in it.
  [[nodiscard]] model::failure first_failure() const {
    auto store = open_at(path());
    if (!store)
      return store.error();
    if (auto log = read_all(**store, 1); !log)
      return log.error();
    if (auto snapshot = load_all(**store); !snapshot)
      return snapshot.error();
    return {errc::internal, "nothing failed"};
  }

  temp_folder folder_;
};

TEST_F(SqliteStore, FilesAreForTheirOwnerOnly) {
  auto store = open_at(path());
  ASSERT_TRUE(store) << store.error().message;
  append_between(**store, 1, 2);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat status {};
    ASSERT_EQ(::stat((path().string() + suffix).c_str(), &status), 0) << suffix;
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << suffix;
  }
}

TEST_F(SqliteStore, ASecondControllerIsRefused) {
  const auto first = open_at(path());
  ASSERT_TRUE(first);
  const auto second = open_at(path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::store_failed);
  EXPECT_THAT(second.error().message,
              HasSubstr("in use by another controller (process " + std::to_string(::getpid())));
}

TEST_F(SqliteStore, WhatIsNoStoreIsRefusedInWords) {
  const auto refused = [&](errc code, const std::string& text) {
    const auto why = first_failure();
    EXPECT_EQ(why.code, code) << why.message;
    EXPECT_THAT(why.message, HasSubstr(path().string()));
    EXPECT_THAT(why.message, HasSubstr(text));
    fs::remove_all(path());
  };
  fs::create_directory(path());
  refused(errc::store_failed, "is a folder, must be a file");
  std::ofstream{path()};
  refused(errc::store_corrupt, "the file is empty");
  std::ofstream{path()} << std::string(5000, 'x');
  refused(errc::store_corrupt, "not a SQLite database");
  tamper("CREATE TABLE other (x)");
  refused(errc::store_corrupt, "a SQLite database, but not one of berth");
  std::ofstream{path().string() + "-wal"} << "left behind";
  refused(errc::store_corrupt, "the file is missing, but its write-ahead log");
}

TEST_F(SqliteStore, AFolderThatDoesNotExistIsNamed) {
  const auto opened = open_at(folder_.path() / "missing" / "store.db");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::store_failed);
  EXPECT_THAT(opened.error().message, HasSubstr("No such file or directory"));
}

TEST_F(SqliteStore, AnUnfinishedCreationIsBegunAnew) {
  std::ofstream{path().string() + ".new"} << "half";
  EXPECT_TRUE(open_at(path()));
}

TEST_F(SqliteStore, ANewerFormatIsRefusedNamingBothVersions) {
  make_store();
  tamper("UPDATE meta SET value = 2 WHERE key = 'format';"
         "UPDATE meta SET value = '9.0.0' WHERE key = 'written_by'");
  const auto why = first_failure();
  EXPECT_EQ(why.code, errc::store_too_new);
  EXPECT_THAT(why.message, HasSubstr("format 2, written by berth 9.0.0; this is berth 1.2.3, which "
                                     "reads up to format 1"));
}

struct damage {
  const char* name;
  const char* sql;
  const char* message;
};
void PrintTo(const damage& d, std::ostream* out) {
  *out << d.name;
}

class SqliteStoreDamage : public SqliteStore, public testing::WithParamInterface<damage> {};

TEST_P(SqliteStoreDamage, IsNamedWithItsRemedy) {
  make_store();
  tamper(GetParam().sql);
  const auto why = first_failure();
  EXPECT_EQ(why.code, errc::store_corrupt) << why.message;
  EXPECT_THAT(why.message, HasSubstr(GetParam().message));
  EXPECT_THAT(why.message, HasSubstr("restore a copy"));
}

constexpr damage damages[] = {
    {"Payload", "UPDATE batches SET payload = zeroblob(length(payload)) WHERE first_sequence = 11",
     "records 11..15: the checksum does not match; restore a copy, or cut the log after record 10"},
    {"Batch", "DELETE FROM batches WHERE first_sequence = 11", "records 11..15: they are missing"},
    {"LastBatch", "DELETE FROM batches WHERE first_sequence = 16",
     "records 16..20: they are missing"},
    {"FirstBatches", "DELETE FROM batches WHERE first_sequence < 16",
     "records 11..15: they are neither in the log nor in a snapshot"},
    {"Count", "UPDATE batches SET count = 0 WHERE first_sequence = 6",
     "record 6: the batch's count is damaged"},
    {"Chain", "UPDATE batches SET previous = previous + 1 WHERE first_sequence = 6",
     "records 6..10: the checksum does not match"},
    {"Tail", "DELETE FROM tail", "the log ends at 0"},
    {"TailValue", "UPDATE tail SET last_sequence = 19", "the log's noted end is damaged"},
    {"Meta", "DELETE FROM meta", "a table lacks its only row"},
    {"Table", "DROP TABLE batches", "its tables are damaged"},
    {"Chunk", "UPDATE snapshot_chunks SET payload = 'ONE' WHERE number = 0",
     "the snapshot: chunk 1 of 2 is damaged"},
    {"LastChunk", "DELETE FROM snapshot_chunks WHERE number = 1",
     "the snapshot: chunk 2 of 2 is missing"},
    {"Snapshot", "UPDATE snapshots SET at_sequence = 5",
     "the snapshot: its description is damaged"},
};
INSTANTIATE_TEST_SUITE_P(Every, SqliteStoreDamage, testing::ValuesIn(damages),
                         [](const auto& chosen) { return std::string{chosen.param.name}; });

TEST_F(SqliteStore, KeepsRecentEventsBehindASnapshot) {
  store::sqlite_options options;
  options.path = path();
  options.version = "1.2.3";
  options.keep_events = 8;
  auto store = store::sqlite_store::open(options);
  ASSERT_TRUE(store);
  append_between(**store, 1, 20);
  ASSERT_TRUE((*store)->write_snapshot(20, chunks_from({"state"})));
  EXPECT_EQ((*store)->first_sequence(), 13U);
  EXPECT_EQ(*read_all(**store, 13), records_between(13, 20));
}

TEST_F(SqliteStore, TidyingHappensInBoundedSteps) {
  auto opened = open_at(path());
  ASSERT_TRUE(opened);
  store::sqlite_store& store = **opened;
  append_between(store, 1, 5000, 1);
  auto writer = store.begin_snapshot(5000);
  ASSERT_TRUE((*writer)->add("state"));
  ASSERT_TRUE((*writer)->commit());
  int steps = 0;
  for (model::sequence_number first = 1; *store.tidy(); first = store.first_sequence()) {
    EXPECT_GT(store.first_sequence(), first);
    EXPECT_LE(store.first_sequence() - first, 1024U);
    append_between(store, store.last_sequence() + 1, store.last_sequence() + 1);
    ++steps;
  }
  EXPECT_GE(steps, 5);
  EXPECT_EQ(store.first_sequence(), 5001U);
  EXPECT_EQ(*read_all(store, 5001), records_between(5001, store.last_sequence()));
}

TEST_F(SqliteStore, AReaderFollowsTheWriterFromAnotherThread) {
  constexpr model::sequence_number last = 3000;
  auto store = open_at(path());
  ASSERT_TRUE(store);
  append_between(**store, 1, 10);
  model::sequence_number seen = 0;
  std::thread reading{[&] {
    const auto reader = store::open_reader(path(), "1.2.3");
    ASSERT_TRUE(reader) << reader.error().message;
    while (seen < last) {
      const auto read = (*reader)->read(seen + 1, [&](const model::log_record& record) {
        EXPECT_EQ(record, record_at(seen + 1));
        seen = record.sequence;
        return true;
      });
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_GE((*reader)->last_sequence(), seen);
    }
  }};
  append_between(**store, 11, last, 13);
  reading.join();
  EXPECT_EQ(seen, last);
}

TEST_F(SqliteStore, AReaderIsToldWhatWasCompactedAway) {
  auto store = open_at(path());
  ASSERT_TRUE(store);
  append_between(**store, 1, 20, 5);
  const auto reader = store::open_reader(path(), "1.2.3");
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(*read_all(**reader, 3), records_between(3, 20));
  ASSERT_TRUE((*store)->write_snapshot(15, chunks_from({"state"})));
  EXPECT_EQ(read_all(**reader, 3).error().code, errc::gone);
  EXPECT_EQ((*reader)->first_sequence(), 16U);
  EXPECT_EQ(load_all(**reader)->at, 15U);
}

TEST_F(SqliteStore, AFolderStandsForTheStoreOfTheUsualNameInIt) {
  EXPECT_EQ(store::store_file_of(path()), path());
  EXPECT_EQ(store::store_file_of(path().parent_path()),
            path().parent_path() / store::usual_store_name);
}

TEST_F(SqliteStore, AReaderOfNothingIsRefused) {
  const auto reader = store::open_reader(path(), "1.2.3");
  ASSERT_FALSE(reader);
  EXPECT_THAT(reader.error().message, HasSubstr("there is no such file"));
}

} // namespace
} // namespace berth::store_test
