#include <gtest/gtest.h>

#include "actors/event_feed.hpp"

namespace berth::actors {
namespace {

event_batch batch(model::sequence_number first, model::sequence_number last) {
  std::vector<model::log_record> records;
  for (auto sequence = first; sequence <= last; ++sequence)
    records.push_back({sequence, model::timestamp{}, model::host_removed{}});
  return std::make_shared<const std::vector<model::log_record>>(std::move(records));
}

std::vector<model::sequence_number> numbers(const std::vector<model::log_record>& records) {
  std::vector<model::sequence_number> found;
  for (const auto& each : records)
    found.push_back(each.sequence);
  return found;
}

using testing_numbers = std::vector<model::sequence_number>;

TEST(EventFeedTest, ReadsAcrossBatchesUpToTheLimit) {
  event_feed feed{100};
  feed.reset(10);
  feed.publish(batch(11, 13));
  feed.publish(batch(14, 15));
  EXPECT_EQ(numbers(feed.read(12, 3).value()), (testing_numbers{12, 13, 14}));
  EXPECT_EQ(numbers(feed.read(15, 9).value()), testing_numbers{15});
  EXPECT_EQ(feed.last(), 15u);
}

TEST(EventFeedTest, HasNothingYetBeyondItsEnd) {
  event_feed feed{100};
  feed.reset(10);
  EXPECT_TRUE(feed.read(11, 5).value().empty());
}

TEST(EventFeedTest, SendsReadersOfOlderRecordsToTheStore) {
  event_feed feed{4};
  feed.reset(10);
  EXPECT_FALSE(feed.read(10, 5));
  feed.publish(batch(11, 13));
  feed.publish(batch(14, 16)); // six records, four at most: the older batch goes
  EXPECT_FALSE(feed.read(13, 5));
  EXPECT_EQ(numbers(feed.read(14, 5).value()), (testing_numbers{14, 15, 16}));
}

TEST(EventFeedTest, KeepsTheNewestBatchHoweverLarge) {
  event_feed feed{2};
  feed.publish(batch(1, 9));
  EXPECT_EQ(feed.read(1, 100).value().size(), 9u);
}

TEST(EventFeedTest, WakesListenersUntilTheirHandleDies) {
  event_feed feed{10};
  int woken = 0;
  auto handle = feed.subscribe([&] { ++woken; });
  feed.publish(batch(1, 1));
  EXPECT_EQ(woken, 1);
  handle.reset();
  feed.publish(batch(2, 2));
  EXPECT_EQ(woken, 1);
}

} // namespace
} // namespace berth::actors
