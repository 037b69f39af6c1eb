#include <fstream>

#include <gmock/gmock.h>

#include "tests/store/store_helpers.hpp"

namespace berth::store_test {
namespace {

namespace fs = std::filesystem;
using model::errc;

std::string bytes_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_bytes(const fs::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary} << bytes;
}

void clear(const fs::path& path) {
  for (const char* suffix : {"", "-wal", "-shm", ".lock"})
    fs::remove(path.string() + suffix);
}

bool is_about_the_store(const model::failure& why) {
  return (why.code == errc::store_corrupt || why.code == errc::store_failed ||
          why.code == errc::store_too_new || why.code == errc::gone) &&
         !why.message.empty();
}

/// What a whole reading of a store gives, or the first failure.
struct content {
  model::sequence_number first = 0;
  records log;
  loaded_snapshot snapshot;
};
model::result<content> everything(const fs::path& path) {
  auto store = open_at(path);
  if (!store)
    return tl::unexpected{std::move(store).error()};
  auto snapshot = load_all(**store);
  if (!snapshot)
    return tl::unexpected{std::move(snapshot).error()};
  const auto first = (*store)->first_sequence();
  auto log = read_all(**store, first);
  if (!log)
    return tl::unexpected{std::move(log).error()};
  return content{first, std::move(*log), std::move(*snapshot)};
}

/// A closed store with batches of many sizes and a snapshot in three chunks.
class StoreCorruption : public testing::Test {
protected:
  void SetUp() override {
    const auto path = folder_.path() / "sound.db";
    store::sqlite_options options;
    options.path = path;
    options.version = "1.2.3";
    options.keep_events = 30;
    auto store = store::sqlite_store::open(options);
    ASSERT_TRUE(store) << store.error().message;
    append_between(**store, 1, 60, 7);
    ASSERT_TRUE((*store)->write_snapshot(
        56, chunks_from({std::string(9'000, 'a'), "b", std::string(5'000, 'c')})));
    append_between(**store, 61, 90, 4);
    append_between(**store, 91, 100, 1);
    store->reset();
    sound_ = bytes_of(path);
    auto whole = everything(path);
    ASSERT_TRUE(whole) << whole.error().message;
    whole_ = std::move(*whole);
    ASSERT_EQ(whole_.log.back().sequence, 100U);
  }

  /// True: refused. Anything else must be the whole, sound content.
  bool refuses(const std::string& bytes) {
    const auto path = folder_.path() / "damaged.db";
    clear(path);
    write_bytes(path, bytes);
    const auto found = everything(path);
    if (!found) {
      EXPECT_TRUE(is_about_the_store(found.error())) << found.error().message;
      return true;
    }
    EXPECT_EQ(found->log, whole_.log);
    EXPECT_EQ(found->snapshot.at, whole_.snapshot.at);
    EXPECT_EQ(found->snapshot.chunks, whole_.snapshot.chunks);
    return false;
  }

  temp_folder folder_;
  std::string sound_;
  content whole_;
};

TEST_F(StoreCorruption, AFlippedBitIsRefusedOrHarmless) {
  constexpr std::size_t page = 4096;
  model::random dice{4711};
  int refused = 0;
  const auto flip = [&](std::size_t at) {
    std::string bytes = sound_;
    bytes[at] ^= static_cast<char>(1U << dice.below(8));
    SCOPED_TRACE("byte " + std::to_string(at));
    refused += refuses(bytes) ? 1 : 0;
    return !HasFailure();
  };
  for (std::size_t start = 0; start < sound_.size(); start += page) // the pages' own structure
    for (std::size_t offset = 0; offset < 40; ++offset)
      if (!flip(start + offset))
        return;
  for (int round = 0; round < 1000; ++round)
    if (!flip(dice.below(sound_.size())))
      return;
  EXPECT_GT(refused, 500);
}

TEST_F(StoreCorruption, AnOverwrittenStretchIsRefusedOrHarmless) {
  model::random dice{815};
  for (int round = 0; round < 200; ++round) {
    std::string bytes = sound_;
    const auto at = dice.below(bytes.size());
    const auto size = std::min<std::size_t>(1 + dice.below(5000), bytes.size() - at);
    bytes.replace(at, size, size, static_cast<char>(dice.below(256)));
    SCOPED_TRACE("bytes " + std::to_string(at) + " and the next " + std::to_string(size));
    refuses(bytes);
    if (HasFailure())
      return;
  }
}

TEST_F(StoreCorruption, ATruncatedFileIsRefused) {
  for (std::size_t size = 0; size < sound_.size(); size += 1024) {
    SCOPED_TRACE("cut to " + std::to_string(size));
    EXPECT_TRUE(refuses(sound_.substr(0, size)));
  }
}

/// A store as a crash leaves it: everything since the start is in the write-ahead log.
class StoreLogCorruption : public testing::Test {
protected:
  static constexpr model::sequence_number last = 60; // one record in each transaction

  void SetUp() override {
    const auto path = folder_.path() / "live.db";
    auto store = open_at(path);
    ASSERT_TRUE(store) << store.error().message;
    append_between(**store, 1, last);
    database_ = bytes_of(path);
    log_ = bytes_of(path.string() + "-wal");
    ASSERT_GT(log_.size(), 100'000U);
  }

  model::result<content> with_log(const std::string& log) {
    const auto path = folder_.path() / "crashed.db";
    clear(path);
    write_bytes(path, database_);
    write_bytes(path.string() + "-wal", log);
    return everything(path);
  }

  temp_folder folder_;
  std::string database_;
  std::string log_;
};

TEST_F(StoreLogCorruption, TheWholeLogIsRecovered) {
  const auto found = with_log(log_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->log, records_between(1, last));
}

TEST_F(StoreLogCorruption, ACutLogGivesABeginningOfTheLog) {
  std::size_t before = 0;
  for (std::size_t size = 0; size <= log_.size(); size += 4999) {
    const auto found = with_log(log_.substr(0, size));
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->log, records_between(1, found->log.size()));
    EXPECT_GE(found->log.size(), before);
    before = found->log.size();
  }
  EXPECT_GE(before, last - 1);
}

TEST_F(StoreLogCorruption, AFlippedBitCostsAtMostTheLastTwoTransactionsOrIsRefused) {
  model::random dice{99};
  int refused = 0;
  for (int round = 0; round < 600; ++round) {
    std::string log = log_;
    const auto at = dice.below(log.size());
    log[at] ^= static_cast<char>(1U << dice.below(8));
    const auto found = with_log(log);
    if (!found) {
      ++refused;
      EXPECT_EQ(found.error().code, errc::store_corrupt) << found.error().message;
      EXPECT_THAT(found.error().message, testing::HasSubstr("write-ahead log is damaged"));
    } else {
      EXPECT_EQ(found->log, records_between(1, found->log.size()));
      EXPECT_GE(found->log.size(), last - 2) << "flipped byte " << at << " of " << log.size();
    }
  }
  EXPECT_GT(refused, 400);
}

} // namespace
} // namespace berth::store_test
