#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/store_helpers.hpp"

// What every event_store keeps. A store under test is a type with:
//   store::event_store& store();
//   void reopen();      the object is destroyed and made anew over the same data, if it can be
//   void fill_up();     from now on a batch of some hundred records has no room
//   void make_room();
// The stores of the suite keep no events behind a snapshot.

namespace berth::store_test {

using model::errc;

template <class StoreUnderTest> class EventStoreContract : public testing::Test {
protected:
  store::event_store& store() { return under_test_.store(); }

  void expect_records(model::sequence_number first, model::sequence_number last) {
    EXPECT_EQ(store().first_sequence(), first);
    EXPECT_EQ(store().last_sequence(), last);
    const auto found = read_all(store(), first);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(*found, records_between(first, last));
  }

  StoreUnderTest under_test_;
};
TYPED_TEST_SUITE_P(EventStoreContract);

TYPED_TEST_P(EventStoreContract, ANewStoreIsEmpty) {
  this->expect_records(1, 0);
  const auto snapshot = load_all(this->store());
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->at, 0U);
  this->under_test_.reopen();
  this->expect_records(1, 0);
}

TYPED_TEST_P(EventStoreContract, RecordsComeBackInOrderAfterReopening) {
  append_between(this->store(), 1, 10);
  append_between(this->store(), 11, 400, 37);
  this->expect_records(1, 400);
  this->under_test_.reopen();
  this->expect_records(1, 400);
  append_between(this->store(), 401, 402, 2);
  this->expect_records(1, 402);
}

TYPED_TEST_P(EventStoreContract, AnEmptyBatchDoesNothing) {
  append_between(this->store(), 1, 3);
  EXPECT_TRUE(this->store().append({}));
  this->expect_records(1, 3);
}

TYPED_TEST_P(EventStoreContract, ABatchMustContinueTheLog) {
  append_between(this->store(), 1, 5);
  for (const auto& wrong : {records_between(7, 8), records_between(5, 6), records_between(1, 1),
                            records{record_at(6), record_at(8)}}) {
    const auto appended = this->store().append(wrong);
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().code, errc::internal);
  }
  this->expect_records(1, 5);
  append_between(this->store(), 6, 6);
  this->expect_records(1, 6);
}

TYPED_TEST_P(EventStoreContract, ReadsFromTheMiddleAndStops) {
  append_between(this->store(), 1, 100, 9);
  for (const model::sequence_number from : {2, 9, 10, 55, 100}) {
    const auto found = read_all(this->store(), from);
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, records_between(from, 100));
  }
  EXPECT_EQ(*read_all(this->store(), 0), records_between(1, 100));
  EXPECT_TRUE(read_all(this->store(), 101)->empty());
  EXPECT_TRUE(read_all(this->store(), 1'000'000)->empty());

  records some;
  ASSERT_TRUE(this->store().read(50, [&](const model::log_record& record) {
    some.push_back(record);
    return some.size() < 3;
  }));
  EXPECT_EQ(some, records_between(50, 52));
}

TYPED_TEST_P(EventStoreContract, AFullStoreFailsTheBatchAndGoesOnWhenThereIsRoom) {
  append_between(this->store(), 1, 20, 4);
  this->under_test_.fill_up();
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto appended = this->store().append(records_between(21, 1020));
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().code, errc::store_full) << appended.error().message;
    this->expect_records(1, 20);
  }
  this->under_test_.make_room();
  append_between(this->store(), 21, 1020, 1000);
  this->expect_records(1, 1020);
  this->under_test_.reopen();
  this->expect_records(1, 1020);
}

TYPED_TEST_P(EventStoreContract, AFailedBatchIsNotThereAfterReopening) {
  append_between(this->store(), 1, 20, 4);
  this->under_test_.fill_up();
  EXPECT_FALSE(this->store().append(records_between(21, 1020)));
  this->under_test_.reopen();
  this->expect_records(1, 20);
}

TYPED_TEST_P(EventStoreContract, ASnapshotReplacesRecordsAndTheOlderSnapshot) {
  append_between(this->store(), 1, 50, 5);
  ASSERT_TRUE(this->store().write_snapshot(30, chunks_from({"one", "two", "three"})));
  this->expect_records(31, 50);
  auto snapshot = load_all(this->store());
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->at, 30U);
  EXPECT_THAT(snapshot->chunks, testing::ElementsAre("one", "two", "three"));

  append_between(this->store(), 51, 60, 5);
  ASSERT_TRUE(this->store().write_snapshot(60, chunks_from({std::string(3'000'000, 'x'), "end"})));
  this->under_test_.reopen();
  this->expect_records(61, 60);
  snapshot = load_all(this->store());
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->at, 60U);
  EXPECT_THAT(snapshot->chunks, testing::ElementsAre(std::string(3'000'000, 'x'), "end"));

  append_between(this->store(), 61, 65, 5);
  this->expect_records(61, 65);
}

TYPED_TEST_P(EventStoreContract, CompactedRecordsAreGoneByName) {
  append_between(this->store(), 1, 50, 5);
  ASSERT_TRUE(this->store().write_snapshot(30, chunks_from({"state"})));
  const auto found = read_all(this->store(), 30);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, errc::gone);
  EXPECT_THAT(found.error().message, testing::HasSubstr("31"));
  EXPECT_EQ(found.error().details.at("oldest"), "31");
  EXPECT_EQ(*read_all(this->store(), 31), records_between(31, 50));
}

TYPED_TEST_P(EventStoreContract, AnUnfinishedSnapshotIsNeverSeen) {
  append_between(this->store(), 1, 20, 5);
  ASSERT_TRUE(this->store().write_snapshot(10, chunks_from({"old"})));
  {
    auto writer = this->store().begin_snapshot(20);
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->add("new"));
    EXPECT_EQ(load_all(this->store())->at, 10U);
  }
  this->under_test_.reopen();
  EXPECT_EQ(load_all(this->store())->at, 10U);
  EXPECT_THAT(load_all(this->store())->chunks, testing::ElementsAre("old"));
  while (*this->store().tidy()) {
  }
  EXPECT_THAT(load_all(this->store())->chunks, testing::ElementsAre("old"));
  this->expect_records(11, 20);
}

TYPED_TEST_P(EventStoreContract, AppendsGoOnWhileASnapshotIsWritten) {
  append_between(this->store(), 1, 20, 5);
  auto writer = this->store().begin_snapshot(20);
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->add("a"));
  append_between(this->store(), 21, 25, 5);
  ASSERT_TRUE(this->store().tidy());
  ASSERT_TRUE((*writer)->add("b"));
  append_between(this->store(), 26, 30, 5);
  ASSERT_TRUE((*writer)->commit());
  EXPECT_FALSE((*writer)->commit());
  EXPECT_FALSE((*writer)->add("c"));
  this->expect_records(1, 30); // nothing is removed but by tidy()
  while (*this->store().tidy()) {
  }
  this->expect_records(21, 30);
  EXPECT_THAT(load_all(this->store())->chunks, testing::ElementsAre("a", "b"));
}

TYPED_TEST_P(EventStoreContract, ASecondSnapshotAbandonsTheFirst) {
  append_between(this->store(), 1, 20, 5);
  auto first = this->store().begin_snapshot(10);
  ASSERT_TRUE((*first)->add("first"));
  auto second = this->store().begin_snapshot(20);
  ASSERT_TRUE(second);
  EXPECT_FALSE((*first)->add("more"));
  EXPECT_FALSE((*first)->commit());
  first->reset();
  ASSERT_TRUE((*second)->add("second"));
  ASSERT_TRUE((*second)->commit());
  EXPECT_THAT(load_all(this->store())->chunks, testing::ElementsAre("second"));
}

TYPED_TEST_P(EventStoreContract, ASnapshotStandsBetweenTheOlderOneAndTheEnd) {
  append_between(this->store(), 1, 20, 5);
  EXPECT_EQ(this->store().begin_snapshot(0).error().code, errc::internal);
  EXPECT_EQ(this->store().begin_snapshot(21).error().code, errc::internal);
  ASSERT_TRUE(this->store().write_snapshot(15, chunks_from({"x"})));
  EXPECT_EQ(this->store().begin_snapshot(14).error().code, errc::internal);
  EXPECT_TRUE(this->store().begin_snapshot(15));
}

TYPED_TEST_P(EventStoreContract, VisitorsFailureEndsTheLoading) {
  append_between(this->store(), 1, 5);
  ASSERT_TRUE(this->store().write_snapshot(5, chunks_from({"a", "b"})));
  int seen = 0;
  const auto loaded =
      this->store().load_snapshot([&](const store::snapshot_chunk&) -> model::result<void> {
        ++seen;
        return model::fail(errc::internal, "told so");
      });
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message, "told so");
  EXPECT_EQ(seen, 1);
}

REGISTER_TYPED_TEST_SUITE_P(EventStoreContract, ANewStoreIsEmpty,
                            RecordsComeBackInOrderAfterReopening, AnEmptyBatchDoesNothing,
                            ABatchMustContinueTheLog, ReadsFromTheMiddleAndStops,
                            AFullStoreFailsTheBatchAndGoesOnWhenThereIsRoom,
                            AFailedBatchIsNotThereAfterReopening,
                            ASnapshotReplacesRecordsAndTheOlderSnapshot,
                            CompactedRecordsAreGoneByName, AnUnfinishedSnapshotIsNeverSeen,
                            AppendsGoOnWhileASnapshotIsWritten, ASecondSnapshotAbandonsTheFirst,
                            ASnapshotStandsBetweenTheOlderOneAndTheEnd,
                            VisitorsFailureEndsTheLoading);

} // namespace berth::store_test
