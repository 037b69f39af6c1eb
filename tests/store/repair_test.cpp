#include "store/repair.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "tests/store/store_helpers.hpp"

namespace berth::store_test {
namespace {

namespace fs = std::filesystem;
using model::errc;
using testing::HasSubstr;

class StoreRepair : public testing::Test {
protected:
  /// 40 records in batches of 5; a snapshot at 10, with records from 6 on.
  void SetUp() override {
    store::sqlite_options options;
    options.path = path();
    options.version = "1.2.3";
    options.keep_events = 5;
    auto store = store::sqlite_store::open(options);
    ASSERT_TRUE(store) << store.error().message;
    append_between(**store, 1, 40, 5);
    ASSERT_TRUE((*store)->write_snapshot(10, chunks_from({"one", "two"})));
    ASSERT_EQ((*store)->first_sequence(), 6U);
  }

  [[nodiscard]] fs::path path() const { return folder_.path() / "store.db"; }

  void tamper(const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  void expect_store(const fs::path& path, model::sequence_number last) {
    auto store = open_at(path);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_EQ(*read_all(**store, 6), records_between(6, last));
    const auto snapshot = load_all(**store);
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->at, 10U);
    EXPECT_THAT(snapshot->chunks, testing::ElementsAre("one", "two"));
    append_between(**store, last + 1, last + 3, 3);
  }

  temp_folder folder_;
};

TEST_F(StoreRepair, ASoundStoreIsReportedSound) {
  const auto report = store::inspect(path(), "1.2.3");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->first, 6U);
  EXPECT_EQ(report->last, 40U);
  EXPECT_EQ(report->snapshot_at, 10U);
  EXPECT_FALSE(report->damage);
  EXPECT_FALSE(report->snapshot_damage);
}

TEST_F(StoreRepair, DamageIsReportedAndCutAway) {
  tamper("UPDATE batches SET payload = zeroblob(length(payload)) WHERE first_sequence = 26");
  ASSERT_FALSE(open_at(path()));
  const auto report = store::inspect(path(), "1.2.3");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->last, 25U);
  ASSERT_TRUE(report->damage);
  EXPECT_EQ(report->damage->details.at("cut_after"), "25");

  const auto too_late = store::cut_after(path(), 30, "1.2.3");
  ASSERT_FALSE(too_late);
  EXPECT_EQ(too_late.error().code, errc::store_corrupt);

  const auto cut = store::cut_after(path(), 25, "1.2.3");
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_TRUE(fs::exists(cut->original));
  expect_store(path(), 25);
}

TEST_F(StoreRepair, ACutThroughABatchKeepsItsBeginning) {
  ASSERT_TRUE(store::cut_after(path(), 33, "1.2.3"));
  expect_store(path(), 33);
}

TEST_F(StoreRepair, TheOriginalIsKeptAsItWas) {
  const auto cut = store::cut_after(path(), 20, "1.2.3");
  ASSERT_TRUE(cut) << cut.error().message;
  expect_store(cut->original, 40);
  const auto again = store::cut_after(path(), 20, "1.2.3");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_NE(again->original, cut->original);
}

TEST_F(StoreRepair, AnImpossibleCutChangesNothing) {
  const auto before = store::cut_after(path(), 9, "1.2.3");
  ASSERT_FALSE(before);
  EXPECT_THAT(before.error().message, HasSubstr("the snapshot stands at 10"));
  const auto behind = store::cut_after(path(), 41, "1.2.3");
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().code, errc::invalid_argument);
  EXPECT_THAT(behind.error().message, HasSubstr("there is no record 41, the last is 40"));
  expect_store(path(), 40);
}

TEST_F(StoreRepair, ADamagedEndOfTheLogIsMadeAnew) {
  tamper("UPDATE tail SET last_sequence = 7");
  ASSERT_FALSE(open_at(path()));
  ASSERT_TRUE(store::cut_after(path(), 40, "1.2.3"));
  expect_store(path(), 40);
}

TEST_F(StoreRepair, ADamagedSnapshotBehindTheLogsBeginningCannotBeRepaired) {
  tamper("DELETE FROM snapshot_chunks WHERE number = 1");
  const auto report = store::inspect(path(), "1.2.3");
  ASSERT_TRUE(report);
  ASSERT_TRUE(report->snapshot_damage);
  EXPECT_FALSE(report->damage);
  const auto cut = store::cut_after(path(), 40, "1.2.3");
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message, HasSubstr("chunk 2 of 2 is missing; restore a copy"));
}

TEST_F(StoreRepair, AStoreInUseIsLeftAlone) {
  const auto store = open_at(path());
  ASSERT_TRUE(store);
  EXPECT_THAT(store::cut_after(path(), 20, "1.2.3").error().message, HasSubstr("in use"));
  EXPECT_THAT(store::inspect(path(), "1.2.3").error().message, HasSubstr("in use"));
}

TEST_F(StoreRepair, ACopyIsMadeWhileTheStoreIsWritten) {
  const fs::path copy = folder_.path() / "copy.db";
  {
    auto store = open_at(path());
    ASSERT_TRUE(store);
    append_between(**store, 41, 50, 2);
    const auto copied = store::copy_store(path(), copy, "1.2.3");
    ASSERT_TRUE(copied) << copied.error().message;
    append_between(**store, 51, 55);
  }
  EXPECT_EQ(fs::status(copy).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  expect_store(copy, 50);
  EXPECT_THAT(store::copy_store(path(), copy, "1.2.3").error().message, HasSubstr("File exists"));
}

} // namespace
} // namespace berth::store_test
