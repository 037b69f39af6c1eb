#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/event.hpp"
#include "model/failure.hpp"
#include "store/database.hpp"
#include "store/event_store.hpp"

namespace berth::store {

// Reading and checking the tables: what the writer's and the readers' connections share. Internal
// to store/.

/// One row of `batches`.
struct batch_row {
  model::sequence_number first = 0;
  std::uint64_t count = 0;
  std::uint64_t previous = 0; ///< checksum of the batch before
  std::uint64_t checksum = 0;
  std::string payload;

  [[nodiscard]] model::sequence_number last() const { return first + count - 1; }
};
[[nodiscard]] std::uint64_t checksum_of_batch(model::sequence_number first, std::uint64_t count,
                                              std::uint64_t previous, std::string_view payload);

/// The row of `tail`: where the log ends.
struct log_tail {
  model::sequence_number last = 0;
  std::uint64_t chain = 0; ///< checksum of the last batch
};
[[nodiscard]] std::uint64_t checksum_of_tail(const log_tail& tail);

/// A complete row of `snapshots`.
struct snapshot_head {
  std::uint64_t id = 0;
  model::sequence_number at = 0;
  std::uint64_t chunks = 0;
  std::uint64_t chain = 0; ///< checksum of the last chunk
};
[[nodiscard]] std::uint64_t checksum_of_snapshot(const snapshot_head& head);
[[nodiscard]] std::uint64_t checksum_of_chunk(std::uint64_t snapshot, std::uint64_t number,
                                              std::uint64_t previous, std::string_view payload);

/// Reads a store through one connection, in transactions of bounded size, checking everything.
class sqlite_log {
public:
  /// Takes a connection to a store whose format was checked.
  [[nodiscard]] static model::result<sqlite_log> over(database db);

  [[nodiscard]] database& connection() { return db_; }
  [[nodiscard]] const database& connection() const { return db_; }

  [[nodiscard]] model::result<log_tail> tail();
  /// Of the first batch; tail + 1 if there is none.
  [[nodiscard]] model::result<model::sequence_number> first_sequence();
  [[nodiscard]] model::result<std::optional<snapshot_head>> snapshot();

  /// Checks that tables agree with each other, and the newest batches.
  [[nodiscard]] model::result<void> check_end();

  /// Calls `visit` with each whole batch from the one that contains `from` on.
  [[nodiscard]] model::result<void> read_batches(model::sequence_number from,
                                                 const std::function<bool(batch_row&)>& visit);
  [[nodiscard]] model::result<void>
  read(model::sequence_number from, const std::function<bool(const model::log_record&)>& visit);
  [[nodiscard]] model::result<model::sequence_number>
  load_snapshot(const std::function<model::result<void>(const snapshot_chunk&)>& visit);

private:
  class chain_check;
  struct page {
    std::vector<batch_row> rows;
    bool end = false;             ///< there are no rows after these
    model::result<log_tail> tail; ///< in the same transaction; matters at the end only
  };

  explicit sqlite_log(database db) : db_(std::move(db)) {}
  [[nodiscard]] model::result<model::sequence_number> start_of_batch(model::sequence_number from);
  [[nodiscard]] model::result<page> fetch(model::sequence_number from);
  [[nodiscard]] model::result<void>
  visit_records(const batch_row& row, model::sequence_number from,
                const std::function<bool(const model::log_record&)>& visit, bool& go_on) const;
  [[nodiscard]] model::failure damaged_records(model::sequence_number first,
                                               model::sequence_number last,
                                               const std::string& what) const;
  [[nodiscard]] model::failure damaged_snapshot(const std::string& what) const;

  database db_;
  statement begin_;
  statement commit_;
  statement tail_;
  statement first_;
  statement containing_;
  statement rows_;
  statement snapshot_;
  statement chunks_;
};

} // namespace berth::store
