#include "store/memory_store.hpp"
#include "tests/store/event_store_contract.hpp"

namespace berth::store_test {

class MemoryStoreUnderTest {
public:
  store::event_store& store() { return store_; }
  void reopen() {} // it lives as long as its object
  void fill_up() { store_.set_capacity(store_.last_sequence()); }
  void make_room() { store_.set_capacity(1'000'000); }

private:
  store::memory_store store_;
};

class SqliteStoreUnderTest {
public:
  SqliteStoreUnderTest() { reopen(); }
  store::event_store& store() { return *store_; }
  void reopen() {
    store_.reset();
    auto opened = open_at(folder_.path() / "store.db");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  void fill_up() { ASSERT_TRUE(store_->set_max_bytes(1)); } // no page more than there are
  void make_room() { ASSERT_TRUE(store_->set_max_bytes(0)); }

private:
  temp_folder folder_;
  std::unique_ptr<store::sqlite_store> store_;
};

using Stores = testing::Types<MemoryStoreUnderTest, SqliteStoreUnderTest>;
INSTANTIATE_TYPED_TEST_SUITE_P(Every, EventStoreContract, Stores);

TEST(MemoryStore, NextAppendCanBeMadeToFail) {
  store::memory_store store;
  store.fail_next_append({model::errc::store_failed, "told so"});
  const auto failed = store.append(records_between(1, 2));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().message, "told so");
  EXPECT_EQ(store.last_sequence(), 0U);
  append_between(store, 1, 2);
}

TEST(MemoryStore, KeepsRecentEventsBehindASnapshot) {
  store::memory_store store{8};
  append_between(store, 1, 20);
  ASSERT_TRUE(store.write_snapshot(20, chunks_from({"state"})));
  EXPECT_EQ(store.first_sequence(), 13U);
}

} // namespace berth::store_test
