#include "tests/store/failing_disk.hpp"

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/mount.h>

#include "tests/store/store_helpers.hpp"

namespace berth::store_test {
namespace {

namespace fs = std::filesystem;
using model::errc;

class StoreOnAFailingDisk : public testing::Test {
protected:
  void SetUp() override {
    plan_of_disk() = {};
    reopen(20);
  }
  void TearDown() override {
    store_.reset();
    plan_of_disk() = {};
  }

  void reopen(int checkpoint_pages) {
    store_.reset();
    store::sqlite_options options;
    options.path = folder_.path() / "store.db";
    options.version = "1.2.3";
    options.checkpoint_pages = checkpoint_pages;
    options.vfs = failing_disk();
    auto opened = store::sqlite_store::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  /// What a process that dies now would leave behind.
  records left_behind() {
    const fs::path copy = folder_.path() / "copy.db";
    for (const char* suffix : {"", "-wal", "-shm", ".lock"})
      fs::remove(copy.string() + suffix);
    for (const char* suffix : {"", "-wal"})
      fs::copy_file((folder_.path() / "store.db").string() + suffix, copy.string() + suffix);
    const auto opened = open_at(copy);
    EXPECT_TRUE(opened) << opened.error().message;
    if (!opened)
      return {};
    const auto found = read_all(**opened, 1);
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : records{};
  }

  /// Fails the n-th call of each of a run of appends, n = 0, 1, 2, ... until one has fewer calls.
  void fail_each_call(disk_plan plan, errc expected) {
    append_between(*store_, 1, 1); // writes and syncs the head of the write-ahead log
    int failed = 0;
    for (int call = 0; call < 400; ++call) {
      SCOPED_TRACE("call " + std::to_string(call));
      const auto last = store_->last_sequence();
      plan_of_disk() = plan;
      plan_of_disk().calls_until_fault = call;
      const auto appended = store_->append(records_between(last + 1, last + 8));
      const int faults = plan_of_disk().faults;
      if (!appended) {
        ++failed;
        EXPECT_EQ(appended.error().code, expected) << appended.error().message;
        EXPECT_EQ(store_->last_sequence(), last);
        EXPECT_EQ(left_behind(), records_between(1, last));
      } else {
        EXPECT_EQ(left_behind(), records_between(1, last + 8));
      }
      plan_of_disk() = {};
      const auto next = store_->last_sequence() + 1;
      append_between(*store_, next, next);
      EXPECT_EQ(left_behind(), records_between(1, next));
      if (faults == 0 || HasFailure())
        break;
    }
    EXPECT_GE(failed, 1);
  }

  temp_folder folder_;
  std::unique_ptr<store::sqlite_store> store_;
};

TEST_F(StoreOnAFailingDisk, NoRoomAtAnyWriteFailsTheBatchOnly) {
  disk_plan plan;
  plan.writes_fail_with = SQLITE_FULL;
  fail_each_call(plan, errc::store_full);
}

TEST_F(StoreOnAFailingDisk, AWriteErrorAtAnyWriteFailsTheBatchOnly) {
  disk_plan plan;
  plan.writes_fail_with = SQLITE_IOERR_WRITE;
  fail_each_call(plan, errc::store_failed);
}

TEST_F(StoreOnAFailingDisk, ASyncErrorLeavesNothingOfTheBatchForTheNextProcess) {
  disk_plan plan;
  plan.syncs_fail_with = SQLITE_IOERR_FSYNC;
  fail_each_call(plan, errc::store_failed);
}

TEST_F(StoreOnAFailingDisk, ADiskThatStaysBrokenIsTriedAgainByEveryAppend) {
  append_between(*store_, 1, 10, 5);
  disk_plan& plan = plan_of_disk();
  plan.syncs_fail_with = SQLITE_IOERR_FSYNC;
  plan.once = false;
  plan.calls_until_fault = 0;
  for (std::uint64_t size : {300, 40, 5}) // each over the remains of a longer one
    EXPECT_EQ(store_->append(records_between(11, 10 + size)).error().code, errc::store_failed);
  plan = {};
  append_between(*store_, 11, 12);
  EXPECT_EQ(left_behind(), records_between(1, 12));
}

TEST_F(StoreOnAFailingDisk, AFailedSnapshotLeavesTheOlderOne) {
  append_between(*store_, 1, 20, 5);
  ASSERT_TRUE(store_->write_snapshot(10, chunks_from({"old"})));
  for (int call = 0; call < 60; ++call) {
    disk_plan& plan = plan_of_disk();
    plan = {};
    plan.writes_fail_with = SQLITE_FULL;
    plan.calls_until_fault = call;
    const auto written = store_->write_snapshot(20, chunks_from({std::string(9'000, 'n'), "new"}));
    const bool fault = plan.faults > 0;
    plan = {};
    const auto loaded = load_all(*store_);
    ASSERT_TRUE(loaded) << loaded.error().message;
    if (loaded->at == 10U) {
      EXPECT_FALSE(written);
      EXPECT_THAT(loaded->chunks, testing::ElementsAre("old"));
    } else {
      EXPECT_THAT(loaded->chunks, testing::ElementsAre(std::string(9'000, 'n'), "new"));
    }
    if (!fault)
      break;
  }
  EXPECT_EQ(load_all(*store_)->at, 20U);
}

/// A real file system without room, where mounting one is allowed.
TEST(StoreOnAFullDisk, WorksAgainWhenThereIsRoom) {
  const temp_folder folder;
  if (::mount("none", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0)
    GTEST_SKIP() << "may not mount a small file system here";
  {
    auto opened = open_at(folder.path() / "store.db");
    ASSERT_TRUE(opened) << opened.error().message;
    store::sqlite_store& store = **opened;
    model::sequence_number last = 0;
    model::result<void> appended;
    while ((appended = store.append(records_between(last + 1, last + 20))))
      last += 20;
    EXPECT_EQ(appended.error().code, errc::store_full) << appended.error().message;
    EXPECT_GT(last, 100U);
    EXPECT_EQ(*read_all(store, 1), records_between(1, last));

    EXPECT_EQ(::mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=16m"), 0);
    append_between(store, last + 1, last + 40, 20);
    EXPECT_EQ(*read_all(store, 1), records_between(1, last + 40));
  }
  EXPECT_EQ(::umount(folder.path().c_str()), 0);
}

} // namespace
} // namespace berth::store_test
